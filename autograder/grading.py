"""Grade one submission: a session behind the wall, the hidden tests, a grade."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assignment.checking.outcome import Outcome
from assignment.checking.runner import TestRun
from assignment.checking.student import GraderFault, Student, StudentError
from assignment.manifest import Manifest
from autograder import checkpoint as checkpoints
from autograder.checkpoint import Handed
from autograder.intake import Submission
from autograder.sandbox.wall import Ending, Session, Wall
from autograder.scoring import Score, score

HIDDEN_TESTS = Path(__file__).with_name("hidden_tests")
PATIENCE = 2  # tests of one task that may run out of time


class CanaryError(GraderFault):
    """The grader does not grade known files as it must; nobody may be judged by it."""


@dataclass(frozen=True)
class Grade:
    """What grading gives.

    Attributes:
        submission, score, seed: as the names say. tasks: ids that were asked for, None for all.
        findings: of the static examination. import_problem: None if the file could be imported.
        isolation, versions: of the wall. endings: of the submission's processes.
        import_seconds, seconds: wall clock of the import, of everything.
        handed: the checkpoint that was judged, None if there was none.
    """

    submission: Submission
    score: Score
    seed: int
    tasks: tuple[str, ...] | None
    findings: dict[str, Any]
    import_problem: StudentError | None
    isolation: str
    seccomp: bool
    versions: dict[str, str]
    endings: tuple[Ending, ...] = field(repr=False)
    import_seconds: float = 0.0
    seconds: float = 0.0
    handed: Handed | None = None


class Clock:
    """Hands out the wall-clock seconds of tests: each has its own limit, all but the improvement share one.

    A task that ran out of time twice is not waited for again, so that an endless loop in it leaves time for the others.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.limits = manifest.limits
        self.spent = 0.0
        self._running: float | None = None
        self._late: Counter[str] = Counter()

    def note(self, outcome: Outcome) -> None:
        """Remember a test that ran out of time."""
        self._late[outcome.task] += outcome.reason == "timeout"

    def next_test(self, task: str) -> float:
        """Return the seconds that the next test of this task may take; StudentError when none are left."""
        now = time.monotonic()
        if self._running is not None:
            self.spent += now - self._running
        trains = self.manifest.task(task).trains
        self._running = None if trains else now
        if self._late[task] >= PATIENCE:
            raise StudentError("timeout", f"not tried again: {PATIENCE} tests of this task ran out of time")
        if trains:
            return self.limits.improvement_seconds
        left = self.limits.submission_seconds - self.spent
        if left <= 0:
            raise StudentError("budget", f"{self.limits.submission_seconds:g} seconds for all tests are used up")
        return min(self.limits.test_seconds, left)


def default_seed(submission: Submission) -> int:
    """The seed that goes with a file: other inputs for every submission, the same for the same bytes."""
    return int(submission.sha256[:8], 16) % 2**31


def grade(
    submission: Submission,
    wall: Wall,
    manifest: Manifest,
    seed: int | None = None,
    tasks: Iterable[str] | None = None,
    report: Callable[[Outcome], None] = lambda outcome: None,
    explain: bool = True,
    handed: Handed | None = None,
) -> Grade:
    """Grade one submission behind the wall.

    Args:
        submission: what was handed in. wall: where it runs. manifest: tasks and limits.
        seed: of all inputs; None for the submission's own.
        tasks: ids to grade (prerequisites come along), None for all.
        report: called with each outcome as it is known. explain: look for misconceptions behind wrong values.
        handed: a checkpoint to judge, too; the manifest must then be one `with_checkpoint`.

    Raises:
        BrokenTests, ScoringError, WallError: the grader is at fault, not the submission.
    """
    from autograder.misconceptions.explain import Explainer

    seed = default_seed(submission) if seed is None else seed
    wall.wait_ready()
    start = time.monotonic()
    clock = Clock(manifest)

    def noted(outcome: Outcome) -> None:
        clock.note(outcome)
        report(outcome)

    with wall.session(submission.source) as session:

        def student_for(task: str, test_seed: int) -> Student:
            session.begin_test(clock.next_test(task))
            return Student(session.perform, test_seed)

        tests = TestRun(student_for, manifest, seed, tasks, Explainer() if explain else None, noted)
        outcomes = tests.run(HIDDEN_TESTS)
    if handed is not None:
        outcome, endings = checkpoints.judge(handed, submission, wall, manifest, seed, session.import_problem)
        session.endings += endings
        outcomes.append(outcome)
        report(outcome)
    result = score(outcomes, manifest)
    return _finished(submission, session, wall, result, seed, tasks, time.monotonic() - start, handed)


def _finished(
    submission: Submission,
    session: Session,
    wall: Wall,
    result: Score,
    seed: int,
    tasks: Iterable[str] | None,
    seconds: float,
    handed: Handed | None,
) -> Grade:
    return Grade(
        submission=submission,
        score=result,
        seed=seed,
        tasks=None if tasks is None else tuple(tasks),
        findings=session.findings,
        import_problem=session.import_problem,
        isolation=wall.start.name,
        seccomp=wall.start.seccomp,
        versions=wall.versions,
        endings=tuple(session.endings),
        import_seconds=session.import_seconds,
        seconds=seconds,
        handed=handed,
    )


def canaries(wall: Wall, manifest: Manifest) -> None:
    """Grade two known files: the reference must earn everything, a wrong file must lose its point and no other.

    Raises CanaryError; then nobody may be judged. The improvement task is left out: it is minutes against seconds, and
    `selftest` runs it.
    """
    from autograder import known
    from autograder.misconceptions import catalogue

    tasks = [task.id for task in manifest.tasks if not task.trains]
    best = grade(known.submission_of("reference", known.reference()), wall, manifest, 0, tasks, explain=False)
    short = [s.task.id for s in best.score.tasks if s.earned != s.task.points]
    if short:
        raise CanaryError(f"the reference solution does not earn the points of {', '.join(short)}")
    wrong = next(m for m in catalogue.load() if m.id == manifest.canary)
    result = grade(known.submission_of(wrong.id, wrong.source), wall, manifest, 0, wrong.tasks[:1], explain=False)
    if result.score.tasks[0].earned == result.score.tasks[0].task.points:
        raise CanaryError(f"the known-wrong file '{wrong.id}' earns all points")
