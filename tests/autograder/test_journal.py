"""What is in the journal is on the disk; what is torn, damaged or of somebody else is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.classroom.journal import Journal, JournalError


def filled(folder: Path, count: int = 5) -> Path:
    with Journal(folder) as journal:
        for number in range(count):
            journal.add(f"k{number}", f'{{"points": {number}}}', {"points": number})
    return folder / "journal.jsonl"


def records(folder: Path) -> dict[str, str | None]:
    with Journal(folder) as journal:
        return {key: journal.record(key) for key in journal.entries}


def test_what_was_added_is_there_again(tmp_path):
    filled(tmp_path / "out")
    assert records(tmp_path / "out") == {f"k{n}": f'{{"points": {n}}}' for n in range(5)}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_journal_cut_anywhere_loses_its_last_line_at_most(tmp_path_factory, data):
    """Cut at any byte, with zeros or rubbish behind it: all whole lines are there, and one can go on."""
    out = tmp_path_factory.mktemp("torn")
    path = filled(out)
    raw = path.read_bytes()
    cut = data.draw(st.integers(0, len(raw)))
    tail = data.draw(st.sampled_from([b"", bytes(300), b'{"key": "k9", "rec', b"\xff\xfe"]))
    path.write_bytes(raw[:cut] + tail)
    whole = max(0, raw[:cut].count(b"\n") - 1)
    with Journal(out) as journal:
        assert list(journal.entries) == [f"k{n}" for n in range(whole)]
        for number in range(whole, 5):
            journal.add(f"k{number}", f'{{"points": {number}}}', {"points": number})
    assert path.read_bytes() == raw
    assert len(records(out)) == 5


def test_a_damaged_line_in_the_middle_costs_only_itself(tmp_path):
    path = filled(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"#" * (len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    with Journal(tmp_path) as journal:
        assert set(journal.entries) == {"k0", "k2", "k3", "k4"}
        assert journal.damaged == 1


def test_a_record_that_is_not_whole_does_not_count(tmp_path):
    filled(tmp_path)
    (tmp_path / "grades" / "k1.json").write_text('{"points": 20}')
    (tmp_path / "grades" / "k2.json").unlink()
    (tmp_path / "grades" / "k3.json").write_bytes(b"\xff")
    assert [key for key, record in records(tmp_path).items() if record is None] == ["k1", "k2", "k3"]


@pytest.mark.parametrize("header", [b'{"journal": 2}\n', b'{"some": "log"}\n', b"plain text\n"])
def test_another_version_is_left_as_it_is(tmp_path, header):
    (tmp_path / "journal.jsonl").write_bytes(header)
    with pytest.raises(JournalError, match="another folder"):
        Journal(tmp_path)
    assert (tmp_path / "journal.jsonl").read_bytes() == header


def test_one_run_at_a_time(tmp_path):
    with Journal(tmp_path), pytest.raises(JournalError, match="in use by another run"):
        Journal(tmp_path)
    records(tmp_path)  # and the next one after it


def test_the_lock_of_a_killed_run_is_gone(tmp_path):
    code = "from pathlib import Path; from autograder.classroom.journal import Journal; "
    code += f"j = Journal(Path({str(tmp_path)!r})); "
    code += "print('open', flush=True); input()"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(JournalError, match="in use"):
            Journal(tmp_path)
        process.kill()
        process.wait()
    records(tmp_path)


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="finished grades are kept") as caught:
        Journal(tmp_path / "file" / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.needs_root
def test_a_full_disk_leaves_a_whole_journal(tmp_path):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        done = []
        with Journal(tmp_path / "out") as journal:

            def fill() -> None:
                for number in range(100):
                    journal.add(f"k{number}", json.dumps("x" * 3000), {"about": "y" * 500})
                    done.append(f"k{number}")

            with pytest.raises(JournalError, match="No space left"):
                fill()
        assert 2 < len(done) < 30
        assert list(records(tmp_path / "out")) == done
        shutil.rmtree(tmp_path / "out" / "grades")  # room again: the same journal goes on
        with Journal(tmp_path / "out") as journal:
            journal.add("more", "{}", {})
        assert list(records(tmp_path / "out")) == [*done, "more"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)
