"""Whatever bytes come in: a verdict each, in one line, in bounded time and memory. Doors and files are in `fuzz/`."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment.manifest import load
from autograder.intake import IntakeError
from autograder.intake.submission import submission_of
from tests.autograder.fuzz import doors, malformed

RUN = Path(__file__).with_name("fuzz") / "run.py"
COUNT = int(os.environ.get("DML_FUZZ_FILES", "10000"))
SHARES = {
    "py": 0.15, "ipynb": 0.20, "ipynb-apart": 0.03, "zip": 0.15, "tar": 0.12, "pt": 0.09, "safetensors": 0.04,
    "roster": 0.10, "sheet": 0.08, "metadata": 0.04,
}  # fmt: skip
FAST = [name for name in SHARES if name not in ("ipynb-apart", "pt", "safetensors")]


@pytest.mark.parametrize("door", FAST)
def test_a_few_of_each_kind_get_a_verdict(door, tmp_path_factory):
    folder = tmp_path_factory.mktemp("door")

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(malformed.files(door))
    def each(data: bytes) -> None:
        assert doors.through(door, data, doors.emptied(folder))

    each()


@pytest.mark.parametrize("door", SHARES)
def test_sound_files_are_taken(door, tmp_path):
    verdict = doors.through(door, malformed.samples(door)[0], doors.emptied(tmp_path / "door"))
    expected = {
        "sheet": "Moodle: 1 filled; Canvas: refused",
        "safetensors": "taken: 4",
        "zip": "taken: 2 of 2, folders",
    }
    assert verdict.startswith(expected.get(door, "taken")), verdict


def tried(door: str, count: int, *options: str) -> dict:
    """The report of a process that brought so many files to a door."""
    command = [sys.executable, str(RUN), door, str(count), *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=3000, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("door", SHARES)
def test_ten_thousand_files_get_a_verdict(door):
    """Together 10,000 (DML_FUZZ_FILES says another number), each door in a process of bounded memory."""
    count = max(20, round(COUNT * SHARES[door]))
    told = tried(door, count)
    assert told["files"] >= 0.9 * count, "hypothesis found less to try"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("door", [name for name in SHARES if name != "ipynb-apart"])
def test_files_that_reach_new_code_get_a_verdict(door):
    """The same doors, but the files are chosen by the code they reach."""
    count = max(20, round(COUNT * SHARES[door]))
    assert tried(door, count, "--guided")["files"] >= count


@pytest.mark.slow
def test_malformed_files_behind_the_wall_get_a_grade(wall):
    """What intake takes goes on to the real sandbox: a grade each, and the wall stands for the next one."""
    from autograder.grading import reference_files
    from autograder.grading.grade import grade
    from autograder.grading.make_record import record_of
    from autograder.grading.record import from_json, to_json

    manifest = load()
    graded = []
    words = st.sampled_from(["py", "py", "ipynb-apart"])

    @settings(max_examples=max(20, COUNT // 100), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(words.flatmap(lambda door: st.tuples(st.just(door), malformed.files(door))))
    def each(file: tuple[str, bytes]) -> None:
        door, data = file
        try:
            submission = submission_of(data, "dml.ipynb" if door != "py" else "dml.py", manifest)
        except IntakeError:
            return
        given = grade(submission, wall, manifest, 1, ["triplet-loss"], explain=False)
        from_json(to_json(record_of(given, manifest)))
        assert given.score.points == 0
        graded.append(given)

    each()
    assert graded, "intake refused all of them"
    sound = reference_files.submission_of("dml.py", reference_files.reference())
    assert grade(sound, wall, manifest, 1, ["triplet-loss"], explain=False).score.points == 1
