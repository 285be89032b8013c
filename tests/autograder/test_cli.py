"""The command `python -m autograder` as a person types it: exit statuses, one line per problem, files in the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]


def autograder(*arguments: object, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    if path is not None:
        environment["PATH"] = path
    command = [sys.executable, "-m", "autograder", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("name", ["missing.py", "folder", "empty.py", "zeros.py", "latin.py", "huge.py"])
def test_files_that_cannot_be_graded(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.py").touch()
    (tmp_path / "zeros.py").write_bytes(bytes(100))
    (tmp_path / "latin.py").write_bytes(b"# \xe9\nx = 1\n")
    with (tmp_path / "huge.py").open("wb") as file:
        file.truncate(50 << 20)
    assert name in one_line(autograder("grade", tmp_path / name), 3)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("hand-ins.zip", "autograder batch"),
        ("dml.tar.gz", "autograder batch"),
        ("notes.txt", "neither a .py nor an .ipynb; give the student's dml.py"),
        ("dml", "neither a .py nor an .ipynb"),
    ],
)
def test_other_kinds_of_files_are_refused(tmp_path, name, says):
    (tmp_path / name).write_bytes(b"PK\x03\x04 \0")
    assert says in one_line(autograder("grade", tmp_path / name), 3)


def test_unknown_task_names_the_nearest():
    line = one_line(autograder("grade", "solution/dml.py", "--task", "triplet_loss"), 2)
    assert "did you mean 'triplet-loss'" in line


def test_unknown_option_and_isolation():
    for arguments in (["--no-such"], ["--isolation", "wishes"], ["--seed", "-1"]):
        done = autograder("grade", "solution/dml.py", *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_missing_bubblewrap_says_what_to_install(tmp_path):
    line = one_line(autograder("grade", "solution/dml.py", "--isolation", "bubblewrap", path=str(tmp_path)), 4)
    assert "install" in line
    assert "bubblewrap" in line


@pytest.mark.needs_bubblewrap
def test_one_seed_gives_the_same_json(tmp_path):
    file = tmp_path / "dml.py"
    source = (ROOT / "solution" / "dml.py").read_text()
    file.write_text(source.replace("clamp_min(0)\n    ### END SOLUTION", "relu()\n"))
    records = []
    for _ in range(2):
        done = autograder("grade", file, "--json", "--seed", 5, "--task", "triplet-loss", "--task", "7", "--no-canary")
        assert done.returncode == 0, done.stderr
        records.append(json.loads(done.stdout))
        assert records[-1].pop("measured")
    assert records[0] == records[1]
    assert records[0]["seed"] == 5


@pytest.mark.needs_bubblewrap
def test_reports_are_written_and_a_bad_folder_loses_nothing(tmp_path):
    out = tmp_path / "out"
    done = autograder("grade", "template/dml.py", "--out", out, "--task", "2", "--no-canary")
    assert done.returncode == 0, done.stderr
    assert "not implemented" in done.stdout
    assert {path.name for path in out.iterdir()} == {"record.json", "feedback.html", "feedback.md"}
    done = autograder("grade", "template/dml.py", "--out", out / "record.json", "--task", "2", "--no-canary")
    assert done.returncode == 5
    assert "--out" in done.stderr
    assert "not implemented" in done.stdout  # the grade itself is shown all the same
    json.loads((out / "record.json").read_text())


@pytest.mark.needs_bubblewrap
@pytest.mark.needs_root
def test_full_disk(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", small], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        done = autograder("grade", "template/dml.py", "--out", small, "--task", "2", "--no-canary")
        assert done.returncode == 5
        assert "No space left" in done.stderr
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_faulty_manifest_is_one_line(monkeypatch, tmp_path):
    from assignment import manifest
    from autograder.__main__ import app

    (tmp_path / "assignment.toml").write_text("title = 'no tasks'")
    monkeypatch.setattr(manifest, "PATH", tmp_path / "assignment.toml")
    manifest.load.cache_clear()
    try:
        done = CliRunner().invoke(app, ["task"])
    finally:
        manifest.load.cache_clear()
    assert done.exit_code == 4
    assert done.output.startswith("error: the manifest is faulty") and done.output.count("\n") == 1
