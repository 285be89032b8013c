"""Checkpoints: whole or not at all, read without running code, refused in one line where they do not fit."""

from __future__ import annotations

import errno
import pickle
import resource
import signal
import warnings
from dataclasses import asdict

import pytest
import torch
from torch import nn

from assignment import backbones, files
from assignment.training import checkpoints
from assignment.training.config import Config


def state(model: nn.Module) -> dict:
    return {"model": model.state_dict(), "config": asdict(Config(epochs=3)), "epoch": 2, "monitor": 0.5}


def test_a_checkpoint_comes_back_with_its_settings(tmp_path):
    torch.manual_seed(0)
    first, second = backbones.SmallResNet(), backbones.SmallResNet()
    path = tmp_path / "best.pt"
    checkpoints.save(state(first), path)
    assert torch.load(path, weights_only=True)["format"] == 1
    read = checkpoints.read(path)
    checkpoints.load_model(second, read, path)
    assert torch.equal(first.conv1.weight, second.conv1.weight)
    assert checkpoints.config_of(read, path) == Config(epochs=3)
    assert [each.name for each in tmp_path.iterdir()] == ["best.pt"]


def test_a_full_disk_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "best.pt"
    checkpoints.save(state(nn.Linear(1, 1)), path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(ValueError, match=r"No space left on device.*the earlier file is intact") as caught:
        checkpoints.save(state(nn.Linear(2, 2)), path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_while_torch_writes_is_said_in_the_systems_words(tmp_path):
    path = tmp_path / "best.pt"
    checkpoints.save(state(nn.Linear(1, 1)), path)
    before, limit = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        with pytest.raises(ValueError, match=r"cannot be written \(File too large\); the earlier file is intact"):
            checkpoints.save(state(nn.Linear(300, 300)), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


class Touch:
    """A pickle that would make a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_foreign_pickle_is_refused_and_not_run(tmp_path):
    torch.save({"model": Touch(tmp_path / "ran")}, tmp_path / "x.pt")
    (tmp_path / "y.pt").write_bytes(pickle.dumps({"model": Touch(tmp_path / "ran")}, protocol=4))  # not torch's kind
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one line, and no other beside it
        for name in ("x.pt", "y.pt"):
            with pytest.raises(ValueError, match="not safe to read"):
                checkpoints.read(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.999])
def test_a_truncated_file_is_one_line(tmp_path, kept):
    path = tmp_path / "best.pt"
    checkpoints.save(state(backbones.SmallResNet()), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else kept])
    with pytest.raises(ValueError, match="damaged") as caught:
        checkpoints.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1], "not a checkpoint of `train`"),
        (nn.Linear(1, 1).state_dict(), "not a checkpoint of `train`; for weights alone use the setting `weights`"),
        ({"model": {}, "config": {}, "epoch": 1, "monitor": 0.1, "format": 2}, "format 2, this version reads 1"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=words):
        checkpoints.read(tmp_path / "x.pt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="there is no such file"):
        checkpoints.read(tmp_path / "none.pt")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (nn.Linear(2, 2), r"'bias' is \(2,\), not \(3,\)"),
        (nn.Linear(2, 3, bias=False), "'bias' is missing"),
        (nn.Sequential(nn.Linear(2, 3)), "no '0.bias'"),
    ],
)
def test_another_network_is_one_line(tmp_path, made, words):
    path = tmp_path / "best.pt"
    checkpoints.save(state(made), path)
    with pytest.raises(ValueError, match=f"{words}; was it made with another backbone") as caught:
        checkpoints.load_model(nn.Linear(2, 3), checkpoints.read(path), path)
    assert "\n" not in str(caught.value)


def test_settings_of_another_version_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"checkpoint x\.pt: there is no setting `momentums`"):
        checkpoints.config_of({"config": {"momentums": 1}}, "x.pt")
