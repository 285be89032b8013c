"""A batch that is killed, starved and attacked: the same command goes on, and the grades are the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.classroom.workers import uninterrupted

PLAYER = Path(__file__).with_name("batch_player.py")


def started(source: Path, out: Path, *, workers: int = 1, grader: str = "g", seconds: float = 0.01) -> subprocess.Popen:
    command = [sys.executable, PLAYER, source, out, workers, grader, seconds]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def played(source: Path, out: Path, status: int = 0, **options) -> dict:
    process = started(source, out, **options)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == status, errors
    if status in (0, 1):
        return json.loads(output)
    assert len(errors.strip().splitlines()) == 1, errors
    return {"error": errors}


def class_of(root: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "dml.py").write_text(text)
    return root


def grades(out: Path) -> dict[str, tuple]:
    """What the batch says of each student, without what differs from run to run."""
    rows = json.loads((out / "class.json").read_text())["students"]
    return {row["key"]: (row["state"], row["points"], row["sha256"], row["folder"]) for row in rows}


def journal_of(out: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()[1:]]
    assert len({line["key"] for line in lines}) == len(lines), "a grade stands in the journal twice"
    return {line["key"]: {key: line[key] for key in ("points", "seed", "submission", "grader")} for line in lines}


def test_identical_files_are_graded_once(tmp_path):
    source = class_of(tmp_path / "in", {f"s-{n}": f"x = {n % 3}\n" for n in range(9)})
    report = played(source, tmp_path / "out")
    assert report == {"files": 3, "graded": 9, "taken_over": 0}
    tree = json.loads((tmp_path / "out" / "class.json").read_text())
    assert [len(group) for group in tree["identical"]] == [3, 3, 3]
    for number in range(9):
        folder = tmp_path / "out" / "students" / f"s-{number}"
        record = json.loads((folder / "record.json").read_text())
        assert record["submission"]["owner"] == f"s-{number}"
        assert record["hand_in"]["file"] == f"s-{number}/dml.py"
        assert (folder / "handed_in.py").read_text() == f"x = {number % 3}\n"


def test_only_what_changed_is_graded_again(tmp_path):
    source, out = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}\n" for n in range(6)}), tmp_path / "out"
    assert played(source, out)["files"] == 6
    before = (out / "students" / "s-1" / "record.json").stat().st_mtime_ns
    (source / "s-0" / "dml.py").write_text("x = 70\n")
    class_of(source, {"s-9": "x = 9\n"})
    assert played(source, out) == {"files": 2, "graded": 2, "taken_over": 5}
    assert (out / "students" / "s-1" / "record.json").stat().st_mtime_ns == before
    assert (out / "students" / "s-0" / "handed_in.py").read_text() == "x = 70\n"
    assert played(source, out, grader="other tests") == {"files": 7, "graded": 7, "taken_over": 0}
    assert played(source, out) == {"files": 0, "graded": 0, "taken_over": 7}
    shutil.rmtree(out / "students" / "s-2")
    (out / "students" / "s-3" / ".written").unlink()
    (out / "students" / "s-3" / ".feedback.html.77").touch()  # as a run leaves it that is killed while it writes
    assert played(source, out)["files"] == 0
    assert not list((out / "students" / "s-3").glob(".feedback*"))
    assert (out / "students" / "s-2" / "feedback.md").exists()


@pytest.mark.parametrize(
    ("students", "kills"), [(60, 4), pytest.param(1000, 20, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_killed_at_random_moments_it_ends_with_the_same_grades(tmp_path, students, kills):
    """Real SIGKILLs at random moments, workers left to notice; then the journal of an undisturbed run."""
    source = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}\n" for n in range(students)})
    out, chance = tmp_path / "out", random.Random(students)
    played(source, tmp_path / "undisturbed", workers=2, seconds=0.002)
    for kill in range(kills):
        before, goal = _lines(out), students * (kill + chance.random()) / (kills + 1)
        process = started(source, out, workers=2, seconds=0.01)
        while process.poll() is None and _lines(out) < goal:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.02))
        assert process.poll() is None, "it ended before it could be killed"
        process.kill()
        process.communicate()
        assert before <= _lines(out) <= students
    played(source, out, workers=2)
    assert journal_of(out) == journal_of(tmp_path / "undisturbed")
    assert grades(out) == grades(tmp_path / "undisturbed")
    for number in range(students):
        assert json.loads((out / "students" / f"s-{number}" / "record.json").read_text())["seed"]


def _lines(out: Path) -> int:
    path = out / "journal.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_workers_do_not_outlive_a_killed_batch(tmp_path):
    source = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}" for n in range(9)})
    process = started(source, tmp_path / "out", workers=2, seconds=60)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("this system does not tell a process's children")
    deadline = time.monotonic() + 30
    while len(workers := children.read_text().split()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)  # two workers and Python's own resource tracker
    time.sleep(1)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_files_that_bring_their_sandbox_down_stop_nobody(tmp_path):
    texts = {f"s-{n}": f"x = {n}\n" for n in range(6)}
    texts |= {"killer-exit": "exit", "killer-fall": "fall", "killer-hang": "hang"}
    source, out = class_of(tmp_path / "in", texts), tmp_path / "out"
    assert played(source, out, status=1)["files"] == 6
    found = grades(out)
    assert {key for key, (state, *_) in found.items() if state == "crashed"} == {
        key for key in texts if "killer" in key
    }
    tree = json.loads((out / "class.json").read_text())
    assert {p["who"] for p in tree["problems"] if p["kind"] == "grade by hand"} == {
        key for key in texts if "killer" in key
    }
    assert played(source, out, status=1)["files"] == 0  # they are tried again, the others are not


def test_a_broken_grader_stops_the_batch(tmp_path):
    source = class_of(tmp_path / "in", {"s-1": "x = 1", "s-2": "fault"})
    assert "a broken test" in played(source, tmp_path / "out", status=4, workers=1)["error"]
    (source / "s-2" / "dml.py").write_text("x = 2")
    assert played(source, tmp_path / "out") == {"files": 1, "graded": 1, "taken_over": 1}


def test_unusable_hand_ins_have_a_reason_and_stop_nobody(tmp_path):
    source = class_of(tmp_path / "in", {"s-1": "x = 1", "s-2": ""})
    (source / "s-3").mkdir()
    (source / "s-4").mkdir()
    (source / "s-4" / "dml.py").write_bytes(b"x = '\0'")
    (source / "s-5").mkdir()
    with (source / "s-5" / "dml.py").open("wb") as file:
        file.truncate(50 << 20)
    assert played(source, tmp_path / "out")["files"] == 1
    rows = {row["key"]: row for row in json.loads((tmp_path / "out" / "class.json").read_text())["students"]}
    assert {key for key, row in rows.items() if row["state"] == "unusable"} == {"s-2", "s-3", "s-4", "s-5"}
    assert all(row["problem"] and str(tmp_path) not in row["problem"] for key, row in rows.items() if key != "s-1")


def test_what_is_out_of_date_is_moved_aside(tmp_path):
    """Who is not in the class any more, and who has nothing to grade any more: no feedback of theirs would go out."""
    source, out = class_of(tmp_path / "in", {f"s-{n}": f"x = {n}\n" for n in range(3)} | {"s-3": ""}), tmp_path / "out"
    played(source, out)
    students, earlier = out / "students", out / "earlier"
    assert {path.name for path in (students / "s-3").iterdir()} == {"feedback.md", ".written"}
    before = (students / "s-0" / "record.json").stat().st_mtime_ns
    shutil.rmtree(source / "s-1")
    (source / "s-2" / "dml.py").write_text("")
    (source / "s-3" / "dml.py").write_text("x = 3\n")
    played(source, out)
    assert {path.name for path in students.iterdir()} == {"s-0", "s-2", "s-3"}
    assert (students / "s-0" / "record.json").stat().st_mtime_ns == before
    assert {path.name for path in (students / "s-2").iterdir()} == {"feedback.md", ".written"}
    assert (students / "s-2" / "feedback.md").read_text().startswith("unusable: dml.py is empty")
    assert (students / "s-3" / "record.json").exists()
    assert json.loads((earlier / "s-1" / "record.json").read_text())["hand_in"]["key"] == "s-1"
    assert (earlier / "s-2" / "handed_in.py").read_text() == "x = 2\n"
    played(source, out)
    assert {path.name for path in earlier.iterdir()} == {"s-1", "s-2"}  # once: nothing else is moved
    class_of(source, {"s-1": "x = 1\n", "s-2": "x = 2\n"})
    assert played(source, out)["files"] == 0  # the journal has them all
    assert {path.name for path in students.glob("*/record.json")} == {"record.json"}
    assert len([*students.glob("*/record.json")]) == 4


def test_a_folder_in_use_and_a_journal_of_another_version(tmp_path):
    source = class_of(tmp_path / "in", {"s-1": "x = 1"})
    process = started(source, tmp_path / "out", seconds=30)
    while not (tmp_path / "out" / "journal.jsonl").exists():
        time.sleep(0.02)
    assert "in use by another run" in played(source, tmp_path / "out", status=5)["error"]
    process.kill()
    process.communicate()
    (tmp_path / "out" / "journal.jsonl").write_text('{"journal": 99}\n')
    assert "version 99" in played(source, tmp_path / "out", status=5)["error"]


@pytest.mark.needs_root
def test_a_full_disk_is_one_line_and_the_batch_goes_on_later(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        source = class_of(tmp_path / "in", {f"s-{n:02}": f"x = {n}\n" for n in range(60)})
        assert "No space left" in played(source, small / "out", status=5)["error"]
        done = len(journal_of(small / "out"))
        assert 0 < done < 60
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        assert played(source, small / "out")["files"] == 60 - done
        played(source, tmp_path / "undisturbed")
        assert journal_of(small / "out") == journal_of(tmp_path / "undisturbed")
    finally:
        subprocess.run(["umount", small], check=True)


def test_signals_wait_until_a_worker_has_started():
    received = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            assert not received
        assert received == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
