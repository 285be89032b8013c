"""The command line of `python dml.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assignment import lab
from assignment.datasets import SETS

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "solution" / "dml.py"


def test_a_short_run_keeps_the_best_weights(tmp_path, capsys):
    few = ["--images-per-class", "6", "--epochs", "1", "--batch-size", "16", "--out", str(tmp_path)]
    lab.main(REFERENCE, few)
    out = capsys.readouterr().out
    assert "epoch   1   P@1" in out
    assert "validation" in out and "test" in out
    state = torch.load(tmp_path / "best.pt", weights_only=True)
    assert "features.0.weight" in state["model"]
    assert (state["config"]["margin"], state["config"]["batch_size"]) == (SETS["sample"].settings["margin"], 16)


def test_a_second_run_keeps_the_first(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        lab.main(REFERENCE, ["--images-per-class", "6", "--epochs", "0", "--batch-size", "16"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"lab", "lab-2"}
    same = ["--images-per-class", "6", "--epochs", "0", "--batch-size", "16"]
    lab.main(REFERENCE, [*same, "--out", "out/lab", "--resume"])
    assert "resumed after epoch 0" in capsys.readouterr().out


def test_the_defaults_are_settings():
    from assignment.training import config

    for each in SETS.values():
        assert config.from_values({"data": each.name, **each.settings}, each.name).data == each.name


def test_a_file_with_stubs_prints_its_list_and_ends_well(tmp_path, capsys):
    file = tmp_path / "dml.py"
    file.write_text("def distances(a, b):\n    raise NotImplementedError('Task 7: distances')\n", encoding="utf-8")
    lab.main(file, [])
    assert "to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "cub", "--root", "nowhere"], "nowhere"),
        (["--data", "fashion-mnist", "--root", "nowhere"], "nowhere"),
        (["--weights", "nowhere.pth"], "nowhere.pth: there is no such file"),
        (["--epochs", "-1"], "at least 0"),
        (["--backbone", "vgg"], "invalid choice"),
    ],
)
def test_wrong_options_are_one_line(arguments, words, capsys, tmp_path):
    with pytest.raises(SystemExit) as caught:
        lab.main(REFERENCE, [*arguments, "--out", str(tmp_path)])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
