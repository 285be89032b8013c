"""The command `batch` as a person types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def class_of(root: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (root / name).mkdir(parents=True)
        (root / name / "dml.py").write_text(text)
    return root


def batch(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "autograder", "batch", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["nowhere", "--out", "o"], 3, "does not exist"),
        (["in", "--out", "o", "--roster", "nowhere.csv"], 3, "cannot be read"),
        (["in", "--out", "o", "--deadline", "soon"], 2, "2026-05-31T23:59"),
        (["in", "--out", "o", "--task", "triplet_loss"], 2, "did you mean 'triplet-loss'"),
    ],
)
def test_one_line_per_mistake(tmp_path, options, status, says):
    class_of(tmp_path / "in", {"s-1": "x = 1"})
    options = [tmp_path / option if option in ("in", "nowhere", "nowhere.csv", "o") else option for option in options]
    done = batch(*options)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert says in done.stderr


@needs_bubblewrap
def test_the_real_command(tmp_path):
    source = class_of(tmp_path / "in", {"s-1": (ROOT / "template" / "dml.py").read_text(), "s-2": "def ("})
    done = batch(source, "--out", tmp_path / "out", "--workers", 1, "--task", "triplet-loss", "--no-canary")
    assert done.returncode == 0, done.stderr
    assert "2 graded now" in done.stdout
    for student in ("s-1", "s-2"):
        names = {path.name for path in (tmp_path / "out" / "students" / student).iterdir()}
        assert names == {"record.json", "feedback.html", "feedback.md", "handed_in.py", ".written"}
    rows = json.loads((tmp_path / "out" / "class.json").read_text())["students"]
    assert [(row["key"], row["state"], row["points"]) for row in rows] == [("s-1", "graded", 0), ("s-2", "graded", 0)]
