"""The command line of `python dml.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assignment import lab

REPOSITORY = Path(__file__).resolve().parents[2]
REFERENCE = REPOSITORY / "solution" / "dml.py"


def test_a_short_run_keeps_the_best_weights(tmp_path, capsys):
    few = ["--images-per-class", "6", "--epochs", "1", "--batch-size", "16", "--out", str(tmp_path)]
    lab.main(REFERENCE, few)
    out = capsys.readouterr().out
    assert "epoch   1   P@1" in out
    assert "test classes" in out
    assert "features.0.weight" in torch.load(tmp_path / "best.pt", weights_only=True)


def test_a_file_with_stubs_prints_its_list_and_ends_well(tmp_path, capsys):
    file = tmp_path / "dml.py"
    file.write_text("def distances(a, b):\n    raise NotImplementedError('Task 7: distances')\n", encoding="utf-8")
    lab.main(file, [])
    assert "to do" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "cub"], "needs --root"),
        (["--data", "cub", "--root", "nowhere"], "images.txt is not in nowhere"),
        (["--data", "fashion-mnist", "--root", "nowhere"], "is in nowhere"),
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
