"""A batch as a process of its own, with graders that only play: what a test kills, and kills again.

Usage: python batch_player.py IN OUT WORKERS GRADER-HASH [SECONDS-PER-FILE]

A file's text says what happens: "exit" ends the worker's process, "fall" is a wall that crashed, "hang" never ends,
"fault" is a fault of the grader's. Anything else is graded, with points from its hash. Workers import this file, too:
only what they need stands outside of `main`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from autograder.classroom.workers import GraderFactory, Job, SandboxCrashed, WorkerError, WorkerPool  # noqa: E402
from autograder.grading.record import Record, to_json  # noqa: E402
from tests.autograder import class_folder  # noqa: E402


class PlayGrader:
    """Plays a grader."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def grade(self, job: Job) -> str:
        """What the file's text says."""
        source = job.submission.source
        if "exit" in source:
            os._exit(9)
        if "fall" in source:
            raise SandboxCrashed("the sandbox is gone")
        if "hang" in source:
            time.sleep(1000)
        if "fault" in source:
            raise RuntimeError("a broken test")
        time.sleep(self.seconds)
        points = int(job.submission.sha256[:4], 16) % 21
        record = class_folder.record_of()
        return to_json(
            replace(
                record,
                submission=replace(record.submission, name=job.submission.name, sha256=job.submission.sha256),
                seed=job.seed,
                points=points,
                bonus=0,
                tasks=(),
                measured=replace(record.measured, seconds=time.time()),
            )
        )

    def close(self) -> None:
        """Nothing to take down."""


def publish(record: Record, source: str, folder: Path) -> None:
    """Write the record, and some time later the page."""
    (folder / "record.json").write_text(to_json(record))
    (folder / "feedback.md").write_text(f"{record.points} points for {record.submission.owner}\n")


def refuse(state: str, problem: str, name: str, folder: Path) -> None:
    """Write the page of a student without a grade."""
    (folder / "feedback.md").write_text(f"{state}: {problem}\n")


def main(source: str, out: str, workers: str, grader: str, seconds: str = "0.01") -> int:
    """One run; the exit status is that of the command."""
    from assignment.manifest import load
    from autograder.classroom.batch import Batch, GradingOptions, run
    from autograder.classroom.journal import Journal, JournalError
    from autograder.intake import IntakeError
    from autograder.intake.classes import read_class
    from autograder.intake.lateness import rule

    manifest = load()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            with Journal(Path(out)) as journal:
                handed = read_class(Path(source), Path(scratch), manifest, rule(manifest))
                order = GradingOptions(manifest, "assignment", grader, "played")
                batch = Batch(handed, order, journal, publish, refuse=refuse)
                report = run(batch, lambda: WorkerPool(GraderFactory(PlayGrader, (float(seconds),)), int(workers), 1.0))
        except IntakeError as problem:
            print(problem, file=sys.stderr)
            return 3
        except WorkerError as problem:
            print(problem, file=sys.stderr)
            return 4
        except JournalError as problem:
            print(problem, file=sys.stderr)
            return 5
    print(json.dumps({"files": report.files, "graded": report.graded, "taken_over": report.taken_over}))
    return int(report.crashed > 0)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
