"""The command `batch` as a person types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


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
        (["in", "--out", "in"], 2, "is the input itself; name another folder"),
        (["in", "--out", "in/o"], 2, "is inside the input"),
        (["empty", "--out", "o"], 3, "holds no hand-in"),
    ],
)
def test_one_line_per_mistake(tmp_path, options, status, says):
    class_of(tmp_path / "in", {"s-1": "x = 1"})
    (tmp_path / "empty").mkdir()
    places = ("in", "in/o", "empty", "nowhere", "nowhere.csv", "o")
    done = batch(*(tmp_path / option if option in places else option for option in options))
    assert done.returncode == status, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert says in done.stderr
    assert not (tmp_path / "o").exists() and not (tmp_path / "in" / "o").exists()  # nothing is made


@pytest.mark.needs_bubblewrap
def test_the_real_command(tmp_path):
    texts = {"s-1": (ROOT / "template" / "dml.py").read_text(), "s-2": "def (", "s-3": ""}
    source = class_of(tmp_path / "in", texts)
    options = ("--workers", 1, "--task", "triplet-loss", "--no-canary", "--deadline", "2026-05-31T23:59+02:00")
    done = batch(source, "--out", tmp_path / "out", *options)
    assert done.returncode == 0, done.stderr
    assert "3 submissions (folders): 2 graded now from 2 different files" in done.stdout
    assert "a deadline is set, but 3 submissions have no time and count as submitted in time" in done.stdout
    page = (tmp_path / "out" / "students" / "s-3" / "feedback.html").read_text()
    assert "dml.py is empty" in page and "no grade yet" in page
    for student in ("s-1", "s-2"):
        names = {path.name for path in (tmp_path / "out" / "students" / student).iterdir()}
        assert names == {"record.json", "feedback.html", "feedback.md", "handed_in.py", ".written"}
    rows = json.loads((tmp_path / "out" / "class.json").read_text())["students"]
    states = [(row["key"], row["state"], row["points"]) for row in rows]
    assert states == [("s-1", "graded", 0), ("s-2", "graded", 0), ("s-3", "unusable", 0)]
    shutil.rmtree(source / "s-1")
    done = batch(source, "--out", tmp_path / "out", *options)
    assert f"1 student's folder was out of date and moved to {tmp_path / 'out' / 'earlier'}: s-1\n" in done.stdout


@pytest.mark.needs_bubblewrap
def test_sigterm_ends_it_like_ctrl_c(tmp_path):
    """What was unpacked goes, one line says that nothing is lost, and the status is that of the signal."""
    source = class_of(tmp_path / "in", {"s-1": "x = 1"})
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "TMPDIR": str(tmp_path / "tmp")}
    command = [sys.executable, "-m", "autograder", "batch", str(source), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while not (tmp_path / "out" / "journal.jsonl").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert list((tmp_path / "tmp").glob("dml-class-*"))
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors == "stopped; finished grades are in the journal, and the same command continues\n"
    assert not list((tmp_path / "tmp").glob("dml-class-*"))


KILLERS = {
    "exit": "import os\nos._exit(0)\n",
    "parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(-1, signal.SIGKILL)\n",
    "forks": "import os\nwhile True:\n    os.fork()\n",
    "memory": "import numpy\nkept = [numpy.ones(1 << 27) for _ in range(99)]\n",
    "crash": "import ctypes\nctypes.string_at(0)\n",
}


@pytest.mark.needs_bubblewrap
@pytest.mark.slow
def test_five_ways_to_kill_a_sandbox_stop_nobody(tmp_path):
    """Each alone between honest files, behind the real wall: all get a grade, the honest ones theirs."""
    reference = (ROOT / "solution" / "dml.py").read_text()
    texts = {f"honest-{n}": f"{reference}\n# {n}\n" for n in range(3)}
    texts |= {f"killer-{name}": f"{reference}\n{code}" for name, code in KILLERS.items()}
    done = batch(class_of(tmp_path / "in", texts), "--out", tmp_path / "out", "--task", "triplet-loss", "--workers", 2)
    assert done.returncode == 0, done.stderr
    rows = {row["key"]: row for row in json.loads((tmp_path / "out" / "class.json").read_text())["students"]}
    assert {row["state"] for row in rows.values()} == {"graded"}
    assert {key: row["points"] for key, row in rows.items()} == {key: float("honest" in key) for key in texts}


@pytest.mark.needs_bubblewrap
@pytest.mark.slow
def test_killed_behind_real_walls_it_ends_with_the_same_records(tmp_path):
    """`python -m benchmarks.killed_batch` does it with 1,000 files and 20 kills."""
    from benchmarks.killed_batch import tell

    story = tell(tmp_path, submissions=24, kills=3, workers=2, seed=1)
    assert story.faults == []
    assert len(story.done) == 3


@pytest.mark.needs_bubblewrap
@pytest.mark.slow
def test_a_sandbox_that_ends_is_started_again():
    """The fork server is killed from outside, as the kernel does it when memory runs out."""
    from autograder.classroom.workers import Job, SandboxCrashed, SandboxedGrader
    from autograder.grading import reference_files

    grader = SandboxedGrader("bubblewrap", canary=False)
    job = Job("k", reference_files.submission_of("dml.py", reference_files.reference()), 1, ("triplet-loss",))
    try:
        first = json.loads(grader.grade(job))
        grader.wall._process.kill()
        with pytest.raises(SandboxCrashed, match="the sandbox"):
            grader.grade(job)
        again = json.loads(grader.grade(job))
        assert first.pop("measured") and again.pop("measured")
        assert again == first
    finally:
        grader.close()


@pytest.mark.needs_bubblewrap
@pytest.mark.slow
def test_a_replayed_batch_record_is_identical(tmp_path):
    source = class_of(tmp_path / "in", {"s-1": (ROOT / "template" / "dml.py").read_text()})
    assert batch(source, "--out", tmp_path / "out", "--task", "2", "--no-canary").returncode == 0
    record = tmp_path / "out" / "students" / "s-1" / "record.json"
    command = [sys.executable, "-m", "autograder", "grade", "--replay", record, "--no-canary", "--explain", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical to the record" in done.stdout
    assert "tests not passed" in done.stdout
    changed = json.loads(record.read_text())
    changed["points"] = 20
    record.write_text(json.dumps(changed))
    done = subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "points: 20" in done.stdout
