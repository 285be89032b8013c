"""The folders of a batch: nothing is read that was written, nothing replaced, nothing stays that was unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autograder.classroom import folders
from autograder.classroom.folders import FolderError, keep_apart, make_out, move_aside
from autograder.classroom.journal import JournalError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("source", "out", "says"),
    [
        ("in", "in", "is the input itself"),
        ("in", "x/../in", "is the input itself"),
        ("in", "in/out/class", "is inside the input"),
        ("out/in", "out", "is inside it"),
        ("out/in.zip", "out", "is inside it"),
        ("link", "in", "is the input itself"),
    ],
)
def test_what_would_be_mixed_is_refused(tmp_path, source, out, says):
    (tmp_path / "in").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(FolderError, match=says) as caught:
        keep_apart(tmp_path / source, tmp_path / out)
    assert "\n" not in str(caught.value) and "name " in str(caught.value)


def test_neighbours_are_apart(tmp_path):
    keep_apart(tmp_path / "in", tmp_path / "in-out")
    keep_apart(tmp_path / "in.zip", tmp_path / "out" / "class")


def test_a_file_is_no_folder_for_the_output(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "class"):
        with pytest.raises(JournalError, match="is a file or below one; name a folder"):
            make_out(out)
    with pytest.raises(JournalError, match=r"cannot be written \(.+\); name another folder"):
        make_out(Path("/proc/class"))
    assert make_out(tmp_path / "new" / "class").is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_nobody_may_write(tmp_path):
    tmp_path.chmod(0o500)
    for out in (tmp_path, tmp_path / "new"):
        with pytest.raises(JournalError, match="name another folder"):
            make_out(out)


def test_what_is_moved_aside_replaces_nothing(tmp_path):
    for content in "abc":
        (tmp_path / "novak").mkdir()
        (tmp_path / "novak" / "file").write_text(content)
        move_aside(tmp_path / "novak", tmp_path / "earlier")
    found = {path.parent.name: path.read_text() for path in tmp_path.rglob("file")}
    assert found == {"novak": "a", "novak-2": "b", "novak-3": "c"}


def test_leftovers_of_killed_runs_go_those_of_living_ones_stay(tmp_path, monkeypatch):
    pytest.importorskip("fcntl", reason="this system has no such locks")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    imports = "import time\nfrom autograder.classroom.folders import scratch\n"
    code = f"{imports}with scratch() as s: print(s, flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    killed = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    left = Path(killed.stdout.readline().strip())
    (left / "000001.py").write_text("x = 1")
    (tmp_path / "dml-class-of-another-version").mkdir()  # without a lock nothing says that nobody uses it
    with folders.scratch() as own:
        assert left.exists(), "its process lives"
        killed.kill()
        killed.communicate()
        with folders.scratch() as second:
            assert own.exists() and second.exists() and list(second.iterdir()) == []
            assert not left.parent.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["dml-class-of-another-version"]
