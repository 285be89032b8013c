"""Two processes train as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

from assignment.datasets.data import among_themselves
from assignment.training import loop, preparing
from assignment.training import model as models
from assignment.training.config import Config
from assignment.training.distributed import Group, gather, share
from solution import dml

REPOSITORY = Path(__file__).resolve().parents[2]

LOSSES = ("batch-triplet", "triplet", "arcface")

# Forks two processes before anything is computed, as torchrun would start them; each trains once for each loss.
TWO = """
import os, sys
from pathlib import Path
sys.path.insert(0, "tests/assignment")
import sklearn.metrics, torch.utils.tensorboard  # once, not in each process
from test_distributed import LOSSES, train

children = []
for rank in range(2):
    if (child := os.fork()) == 0:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1")
        for number, loss in enumerate(LOSSES):
            os.environ["MASTER_PORT"] = str(int(sys.argv[2]) + number)
            train(loss, Path(sys.argv[1]) / loss)
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def train(loss: str, out: Path) -> nn.Module:
    """Train on 7 images of each of 5 classes; return the network as it was before.

    In batches of 10 the last batch of mined triplets has 5, which two processes cannot halve.
    """
    config = Config(loss=loss, images_per_class=7, epochs=2, batch_size=10, per_class=5, lr=1e-3, threads=1)
    data = preparing.load(config)
    data.val = data.test = among_themselves(data.train)
    loop.train_run(dml, config, out, Console(quiet=True), data=data)
    return models.untrained(dml, config, data)


def free_ports(n: int) -> int:
    """The first of n neighbouring free ports."""
    import socket

    for first in range(20000 + os.getpid() % 20000, 60000, n):
        sockets = []
        try:
            for port in range(first, first + n):
                sockets.append(socket.create_server(("127.0.0.1", port)))
            return first
        except OSError:
            continue
        finally:
            for each in sockets:
                each.close()
    raise OSError("no free port")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_shares_make_the_batch(size):
    for n in range(size, 9):
        shares = [share(list(range(n)), Group(rank, size)) for rank in range(size)]
        assert sorted(i for items, _ in shares for i in items) == list(range(n))
        assert [len(items) for items, _ in shares] == [counted for _, counted in shares]


def test_a_batch_shorter_than_the_group_leaves_no_process_idle():
    assert share(["a"], Group(1, 2)) == (["a"], 0)


def test_a_lone_process_gathers_nothing():
    rows = torch.rand(3, 2, requires_grad=True)
    assert gather(rows, 3, Group()) is rows


def test_two_processes_take_the_steps_of_one(tmp_path):
    command = [sys.executable, "-c", TWO, str(tmp_path / "two"), str(free_ports(len(LOSSES)))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    two = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=170)
    assert two.returncode == 0, two.stderr
    for loss in LOSSES:
        start = train(loss, tmp_path / "one" / loss).state_dict()
        one, both = (
            torch.load(tmp_path / kind / loss / "last.pt", weights_only=True)["model"] for kind in ("one", "two")
        )
        for name, value in one.items():
            torch.testing.assert_close(both[name], value, atol=1e-5, rtol=0)
        assert max((one[name] - start[name]).abs().max() for name in one) > 1e-3  # and a step was taken


@pytest.mark.slow
def test_torchrun_starts_the_command(tmp_path):
    options = ["--nproc_per_node=2", "--standalone", "-m", "assignment", "train", "solution/dml.py"]
    settings = ["--set=images_per_class=4", "--set=epochs=1", "--set=batch_size=10", "--out", str(tmp_path / "run")]
    command = [sys.executable, "-m", "torch.distributed.run", *options, *settings]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch   1") == 1
    assert (tmp_path / "run" / "evaluation.json").is_file()
