"""The loop: what a run writes, how it goes on after a kill, and how it ends when something is wrong."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import types
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from assignment.checking.load import load_module
from assignment.cores import available_cores
from assignment.datasets.data import among_themselves
from assignment.datasets.split import ArraySplit
from assignment.training import checkpoints, loop, precision, preparing, runs, seeds
from assignment.training import model as models
from assignment.training.config import Config, read
from assignment.training.distributed import Group
from assignment.training.precision import Network
from assignment.training.steps import Diverged, Steps
from solution import dml

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = Config(images_per_class=8, epochs=2, batch_size=10, per_class=5, lr=1e-3, margin=0.2, threads=1)
EVERY_LOSS = [
    {"loss": "triplet"},
    {"loss": "triplet", "negatives": "random"},
    {"loss": "batch-triplet", "negatives": "all"},
    {"loss": "batch-triplet", "negatives": "hard"},
    {"loss": "batch-triplet", "negatives": "semi-hard"},
    {"loss": "contrastive", "margin": 0.5},
    {"loss": "arcface", "margin": 0.5},
    {"loss": "smooth-ap"},
    {"loss": "cross-entropy", "batchnorm": "train"},
]


@pytest.fixture
def quiet():
    return Console(quiet=True)


@pytest.fixture(autouse=True)
def few_episodes(monkeypatch):
    """Few-shot metrics of a few episodes: they are not tested here, and take longer than the training."""
    monkeypatch.setattr(loop.metrics, "evaluate", partial(loop.metrics.evaluate, episodes=5))


def small_data():
    data = preparing.load(SMALL)
    data.val = data.test = among_themselves(data.train)
    return data


def history(folder: Path, timings: bool = False) -> list[dict[str, str]]:
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        return [
            {name: value for name, value in row.items() if timings or not name.endswith("_s")}
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize("settings", EVERY_LOSS, ids=lambda s: "-".join(str(v) for v in s.values()))
def test_every_loss_falls_on_the_images_it_is_trained_on(settings, tmp_path, quiet):
    config = replace(SMALL, epochs=6, augment=False, **settings)
    loop.train_run(dml, config, tmp_path / "run", quiet, data=small_data())
    losses = [float(row["loss"]) for row in history(tmp_path / "run")[1:]]
    assert min(losses[3:]) < losses[0]


def test_a_run_leaves_its_folder(tmp_path, capsys):
    result = loop.train_run(dml, SMALL, tmp_path / "run", Console(width=80))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "config.toml",
        "versions.json",
        "history.csv",
        "tensorboard",
        "best.pt",
        "last.pt",
        "evaluation.json",
    }
    rows = history(tmp_path / "run", timings=True)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert rows[0]["loss"] == "" and all(float(row["mine_s"]) > 0 for row in rows[1:])
    best = max(float(row["P@1"]) for row in rows)
    assert result["val_after"] == pytest.approx(best)
    state = checkpoints.read(tmp_path / "run" / "best.pt")
    assert float(rows[state["epoch"]]["P@1"]) == best == state["monitor"]
    assert set(state) == {"model", "config", "epoch", "monitor", "format"}
    tree = json.loads((tmp_path / "run" / "evaluation.json").read_text(encoding="utf-8"))
    assert tree["after"]["test"]["P@1"] == result["test_after"]
    versions = json.loads((tmp_path / "run" / "versions.json").read_text(encoding="utf-8"))
    assert versions["seed"] == 0 and versions["dml"]["file"] == "dml.py"
    out = capsys.readouterr()
    assert "epoch   0" in out.out and "not trained" in out.out
    assert "%|" not in out.err  # no bar where nobody watches


def test_the_test_classes_are_looked_at_once_at_the_end(tmp_path, quiet):
    data = preparing.load(SMALL)

    class Guarded:
        """Notes how far the run was when an image was asked for."""

        def __init__(self, split):
            self.split, self.labels, self.epochs = split, split.labels, []

        def __len__(self):
            return len(self.labels)

        def __getitem__(self, i):
            self.epochs.append(checkpoints.read(tmp_path / "run" / "last.pt")["epoch"])
            return self.split[i]

    guarded = Guarded(data.train.first_of_each(2))
    data.test = among_themselves(guarded)
    data.val = among_themselves(data.train)
    loop.train_run(dml, SMALL, tmp_path / "run", quiet, data=data)
    assert guarded.epochs == [SMALL.epochs] * (2 * len(guarded))  # with the untrained network and with the best one


def test_the_untrained_network_may_be_the_best(tmp_path, quiet):
    result = loop.train_run(dml, replace(SMALL, lr=0.0, epochs=1), tmp_path / "run", quiet, data=small_data())
    assert result["best_epoch"] == 0
    assert result["val_before"] == result["val_after"]


def test_early_stopping(tmp_path, quiet):
    config = replace(SMALL, lr=0.0, epochs=9, patience=2)
    loop.train_run(dml, config, tmp_path / "run", quiet, data=small_data())
    assert [row["epoch"] for row in history(tmp_path / "run")] == ["0", "1", "2"]


def test_the_learning_rate_of_the_files_own_train_follows_the_schedule(tmp_path, quiet, monkeypatch):
    config = replace(SMALL, schedule="warmup-cosine", epochs=2)
    rates: list[float] = []
    before = Steps.before

    def noting(self):
        before(self)
        rates.append(self.optimizer.param_groups[0]["lr"] / config.lr)

    monkeypatch.setattr(Steps, "before", noting)
    loop.train_run(dml, config, tmp_path / "run", quiet, data=small_data())
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 0.853553, 0.5, 0.146447], abs=1e-6)
    assert [float(row["lr"]) / config.lr for row in history(tmp_path / "run")[1:]] == pytest.approx(
        [1, 0.146447], abs=1e-6
    )


def test_clipping_shortens_the_step_of_the_files_own_train(tmp_path, quiet):
    norms = []

    config = replace(SMALL, optimizer="sgd", momentum=0.0, weight_decay=0.0, lr=1.0, clip=1e-3, epochs=1)
    run = preparing.prepare(dml, config, tmp_path, quiet, Group(), small_data())
    run.optimizer.register_step_pre_hook(
        lambda *_: norms.append(math.sqrt(sum(float(p.grad.square().sum()) for p in run.network.parameters())))
    )
    runs.begin(tmp_path / "run", config, dml.__file__)
    run.out = tmp_path / "run"
    loop.begin(run)
    loop.one_epoch(run)
    assert len(norms) == 4
    assert all(norm <= 1e-3 * 1.001 for norm in norms)
    assert run.history[-1]["gradient"] > 1e-3


KILLED = """
import os, signal, sys
sys.path.insert(0, "tests/assignment")
from test_training import CURVE, small_data
from pathlib import Path
from rich.console import Console
from assignment.training import steps, loop
from solution import dml

before = steps.Steps.before

def killing(self):
    before(self)
    if (self.epoch, self.batch) == (2, 2):
        os.kill(os.getpid(), signal.SIGKILL)

steps.Steps.before = killing
loop.train_run(dml, CURVE, Path(sys.argv[1]), Console(quiet=True), data=small_data())
"""
CURVE = replace(SMALL, epochs=3, dropout=0.2, schedule="plateau", step_epochs=1)


def test_a_killed_run_goes_on_with_the_same_curve(tmp_path, quiet):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "killed")], cwd=REPOSITORY, timeout=170)
    assert killed.returncode == -9
    assert [row["epoch"] for row in history(tmp_path / "killed")] == ["0", "1"]
    loop.train_run(dml, CURVE, tmp_path / "killed", quiet, resume=True, data=small_data())
    loop.train_run(dml, CURVE, tmp_path / "whole", quiet, data=small_data())
    assert history(tmp_path / "killed") == history(tmp_path / "whole")
    first, second = (checkpoints.read(tmp_path / name / "last.pt")["model"] for name in ("killed", "whole"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_that_goes_on_with_a_changed_file_says_so(tmp_path, capsys):
    loop.train_run(dml, replace(SMALL, epochs=0), tmp_path / "run", Console(quiet=True), data=small_data())
    for text, warned in ((None, False), ('{"dml": {"sha256": "of another file"}}', True), ("{", False)):
        if text:
            (tmp_path / "run" / "versions.json").write_text(text, encoding="utf-8")
        loop.train_run(dml, replace(SMALL, epochs=0), tmp_path / "run", Console(width=120), True, small_data())
        assert ("dml.py has changed since" in capsys.readouterr().out) == warned


def test_a_finished_run_may_be_given_more_epochs(tmp_path, quiet):
    loop.train_run(dml, SMALL, tmp_path / "a", quiet, data=small_data())
    loop.train_run(dml, replace(SMALL, epochs=3), tmp_path / "a", quiet, resume=True, data=small_data())
    loop.train_run(dml, replace(SMALL, epochs=3), tmp_path / "b", quiet, data=small_data())
    assert history(tmp_path / "a") == history(tmp_path / "b")
    assert read(tmp_path / "a" / "config.toml")["epochs"] == 3


def test_a_run_killed_before_its_first_checkpoint_may_begin_again(tmp_path, quiet):
    runs.begin(tmp_path / "run", SMALL, dml.__file__)
    loop.train_run(dml, replace(SMALL, epochs=0), tmp_path / "run", quiet, data=small_data())
    assert read(tmp_path / "run" / "config.toml")["epochs"] == 0


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_workers_change_nothing(tmp_path, quiet, monkeypatch):
    monkeypatch.setattr(preparing, "available_cores", lambda: 2)
    for workers in (0, 2):
        config = replace(SMALL, workers=workers)
        loop.train_run(dml, config, tmp_path / str(workers), quiet, data=small_data())
    assert history(tmp_path / "0") == history(tmp_path / "2")


def test_workers_see_a_list_that_was_mined_anew(tmp_path, quiet, monkeypatch):
    """A plain list is copied into a worker when it starts: one that lived on would see the old negatives."""
    monkeypatch.setattr(preparing, "available_cores", lambda: 2)
    seen: list[list[int]] = []

    class Lists(dml.CUBtriplet):
        def minehard(self, model):
            self.hardneg = self.labels.new_full((len(self),), len(seen)).tolist()  # the epoch, from 0

        def __getitem__(self, i):
            return (torch.full((3, 8, 8), float(self.hardneg[i])),) * 3

    def train(model, loader, optimizer, margin):
        seen.append(sorted({int(v) for batch in loader for v in batch[0].flatten().unique()}))
        return 0.0

    file = types.ModuleType("lists")
    vars(file).update(vars(dml) | {"CUBtriplet": Lists, "train": train})
    loop.train_run(file, replace(SMALL, workers=1), tmp_path / "run", quiet, data=small_data())
    assert seen == [[0], [1]]


def test_more_workers_than_cores_are_noted():
    assert preparing.count_workers(10**6, Group())[0] == available_cores()
    assert "more than there are cores" in preparing.count_workers(10**6, Group())[1]
    assert preparing.count_workers(0, Group()) == (0, "")


def nan_from(batch: int):
    """The reference's triplet loss, NaN from the so many-th batch of the run on."""
    calls = [0]

    def broken(distances_pos, distances_neg, margin):
        calls[0] += 1
        losses = dml.triplet_loss(distances_pos, distances_neg, margin)
        return losses * math.nan if calls[0] >= batch else losses

    return broken


@pytest.mark.parametrize(("loss", "batches"), [("triplet", 4), ("batch-triplet", 5)])
def test_a_loss_that_is_not_a_number_names_its_batch(loss, batches, tmp_path, quiet):
    file = load_module(dml.__file__)  # a module of its own, whose `train` looks its names up there
    file.triplet_loss = nan_from(batches + 2)
    config = replace(SMALL, loss=loss, epochs=3)
    with pytest.raises(Diverged, match=r"epoch 2, batch 2: .*are intact") as caught:
        loop.train_run(file, config, tmp_path / "run", quiet, data=small_data())
    assert "\n" not in str(caught.value)
    for name in ("best.pt", "last.pt"):
        assert checkpoints.read(tmp_path / "run" / name)["epoch"] <= 1
    assert [row["epoch"] for row in history(tmp_path / "run")] == ["0", "1"]


def test_a_stub_is_named(tmp_path, quiet):
    file = types.ModuleType("stubs")
    vars(file).update(vars(dml))

    def stub(*_):
        raise NotImplementedError("Task 11: SmoothAP")

    file.smooth_ap_loss = stub
    with pytest.raises(ValueError, match="still to do: Task 11: SmoothAP"):
        loop.train_run(file, replace(SMALL, loss="smooth-ap"), tmp_path / "run", quiet, data=small_data())
    del file.train
    with pytest.raises(ValueError, match="the file has no `train`"):
        loop.train_run(file, SMALL, tmp_path / "other", quiet, data=small_data())
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"batch_size": 41}, "batch_size = 41: there are only 40 training images"),
        ({"loss": "smooth-ap", "batch_size": 30}, "5 training classes have two images; use a batch_size of 25"),
        ({"weights": "nowhere.pth"}, "nowhere.pth: there is no such file"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(changed, words, tmp_path, quiet):
    with pytest.raises(ValueError, match=words) as caught:
        loop.train_run(dml, replace(SMALL, **changed), tmp_path / "run", quiet, data=small_data())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("labels", [np.zeros(40), np.arange(40)], ids=["one class", "one image a class"])
def test_nothing_to_learn_is_one_line(labels, tmp_path, quiet):
    data = small_data()
    data.train = ArraySplit(data.train.images, labels)
    with pytest.raises(ValueError, match=r"1 training class; use at least 2|no training class has 2 images") as caught:
        loop.train_run(dml, SMALL, tmp_path / "run", quiet, data=data)
    assert "\n" not in str(caught.value)


def test_another_runs_folder_is_left_alone(tmp_path, quiet):
    loop.train_run(dml, replace(SMALL, epochs=0), tmp_path / "run", quiet, data=small_data())
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    for resume, words in ((False, "use --resume to continue it, or another --out"), (True, "lr = 0.001, not 0.5")):
        with pytest.raises(ValueError, match=words):
            loop.train_run(dml, replace(SMALL, lr=0.5), tmp_path / "run", quiet, resume, small_data())
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before
    with pytest.raises(ValueError, match="holds no run to resume"):
        loop.train_run(dml, SMALL, tmp_path / "none", quiet, True, small_data())
    assert runs.fresh(tmp_path / "run") == tmp_path / "run-2"


def test_half_precision_keeps_descriptors_in_float32():
    config = replace(SMALL, precision="bfloat16")
    network = Network(models.build(dml, config, small_data().train.images[:4], 5), torch.device("cpu"), torch.bfloat16)
    rows = network(torch.rand(2, 3, 28, 28))
    assert rows.dtype == torch.float32
    assert rows.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-5)


def test_all_generators_come_back():
    import random

    seeds.seed_all(5)
    state = seeds.states()
    first = (random.random(), np.random.rand(), torch.rand(1).item())
    seeds.restore(state)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == first


def test_a_checkpoint_is_measured_again(tmp_path):
    loop.train_run(dml, replace(SMALL, epochs=0), tmp_path / "run", Console(quiet=True))
    tree = json.loads((tmp_path / "run" / "evaluation.json").read_text(encoding="utf-8"))
    again = loop.evaluate_checkpoint(dml, tmp_path / "run" / "best.pt", "test", {"threads": "1"})
    assert again["P@1"] == tree["after"]["test"]["P@1"]


def test_commands_say_what_is_wrong_in_one_line():
    from typer.testing import CliRunner

    from assignment.__main__ import app

    reference = str(REPOSITORY / "solution" / "dml.py")
    for arguments, words in (
        (["train", reference, "--set", "epoch=3"], "did you mean `epochs`?"),
        (["train", "nowhere.py"], "nowhere.py: there is no such file"),
        (["train", "dml.py", "--resume"], "--resume: needs --out"),
        (["train", "dml.py", "--set", "epochs"], "write --set name=value"),
        (
            ["evaluate", reference, "--checkpoint", "none.pt"],
            "none.pt: there is no such file",
        ),
        (["config", "none.toml"], "none.toml: there is no such file"),
        (["plots", "nowhere", "--dml", reference], "nowhere: not a run folder"),
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 2, arguments
        assert words in result.stderr and result.stderr.count("\n") == 1


def test_parts_of_a_batch_are_the_batch(monkeypatch):
    images = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    sizes: list[int] = []

    def passed(pixels: int, training: bool) -> tuple[torch.Tensor, torch.Tensor]:
        monkeypatch.setattr(precision, "PIXELS", pixels)
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        network = Network(layers.train(training), torch.device("cpu"), None)
        layers.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
        rows = network(images)
        rows.square().sum().backward()
        return rows.detach(), layers[0].weight.grad

    whole, parts = passed(10**9, False), passed(2 * 16 * 16, False)
    torch.testing.assert_close(parts, whole)
    passed(2 * 16 * 16, True)  # a BatchNorm layer that learns its statistics needs the batch as it is
    assert sizes == [5, 2, 2, 1, 5]
