"""Grade one submission: a session in the sandbox, the hidden tests, a grade."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assignment.checking.outcome import Outcome, Reason
from assignment.checking.runner import TestRun
from assignment.checking.student import GraderFault, Request, Response, Student, StudentError
from assignment.manifest import Manifest
from autograder.grading import fingerprint
from autograder.grading.checkpoint import CheckpointSubmission, judge
from autograder.grading.reference_files import reference, submission_of
from autograder.grading.scoring import Score, score
from autograder.intake import Submission
from autograder.misconceptions.explain import Explainer
from autograder.sandbox.wall import Ending, Session, Wall

HIDDEN_TESTS = Path(__file__).parents[1] / "hidden_tests"
IMPROVEMENT = "improvement"
KNOWN_WRONG = "triplet-loss--no-hinge"  # a misconception
Perform = Callable[[Request], Response]  # how a session answers a request
PATIENCE = 2  # tests of one task that may run out of time


class CanaryError(GraderFault):
    """The grader does not grade known files correctly, so it must not grade submissions."""


@dataclass(frozen=True)
class Grade:
    """What grading gives.

    Attributes:
        submission, score, seed: as the names say. tasks: ids that were asked for, None for all.
        findings: of the static examination. import_problem: None if the file could be imported.
        isolation, versions: of the wall. endings: of the submission's processes.
        import_seconds, seconds: wall clock of the import, of everything.
        checkpoint: the checkpoint that was judged, None if there was none.
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
    checkpoint: CheckpointSubmission | None = None


class Clock:
    """Hands out the wall-clock seconds of tests: each has its own limit, all but the improvement share one.

    A task that ran out of time twice is not waited for again, so that an endless loop in it leaves time for the others.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.limits = manifest.limits
        self.spent = 0.0
        self._running: float | None = None
        self._late: Counter[str] = Counter()

    def note(self, outcome: Outcome) -> None:
        """Remember a test that ran out of time."""
        self._late[outcome.task] += outcome.reason == Reason.TIMEOUT

    def next_test(self, task: str) -> float:
        """Return the seconds that the next test of this task may take; StudentError when none are left."""
        now = time.monotonic()
        if self._running is not None:
            self.spent += now - self._running
        self._running = None if task == IMPROVEMENT else now
        if self._late[task] >= PATIENCE:
            raise StudentError(Reason.TIMEOUT, f"not tried again: {PATIENCE} tests of this task ran out of time")
        if task == IMPROVEMENT:
            return self.limits.improvement_seconds
        left = self.limits.submission_seconds - self.spent
        if left <= 0:
            raise StudentError(Reason.BUDGET, f"{self.limits.submission_seconds:g} seconds for all tests are used up")
        return min(self.limits.test_seconds, left)


def grade(
    submission: Submission,
    wall: Wall,
    manifest: Manifest,
    seed: int | None = None,
    tasks: Iterable[str] | None = None,
    report: Callable[[Outcome], None] = lambda outcome: None,
    explain: bool = True,
    checkpoint: CheckpointSubmission | None = None,
) -> Grade:
    """Grade one submission in the sandbox.

    Args:
        submission: what was handed in. wall: where it runs. manifest: tasks and limits.
        seed: of all inputs; None for the submission's own.
        tasks: ids to grade (prerequisites come along), None for all.
        report: called with each outcome as it is known. explain: look for misconceptions behind wrong values.
        checkpoint: a checkpoint to judge, too; the manifest must then be one `with_checkpoint`.

    Raises:
        BrokenTests, ScoringError, WallError: the grader is at fault, not the submission.
    """
    seed = fingerprint.default_seed(submission.sha256) if seed is None else seed
    wall.wait_ready()
    start = time.monotonic()
    with wall.session(submission.source) as session:
        outcomes = run_tests(session, manifest, seed, tasks, Explainer() if explain else None, report)
    if checkpoint is not None:
        outcome, endings = judge(checkpoint, submission, wall, manifest, seed, session.import_problem)
        session.endings += endings
        outcomes.append(outcome)
        report(outcome)
    result = score(outcomes, manifest)
    return _finished(submission, session, wall, result, seed, tasks, time.monotonic() - start, checkpoint)


def run_tests(
    session: Session,
    manifest: Manifest,
    seed: int,
    tasks: Iterable[str] | None,
    explainer: Explainer | None,
    report: Callable[[Outcome], None],
    recorded: Callable[[Perform], Perform] = lambda perform: perform,
) -> list[Outcome]:
    """Run the hidden tests of these tasks and what they need in a session.

    Args:
        report: called with each outcome as it is known. recorded: wraps what performs the requests of one test.
    """
    clock = Clock(manifest)

    def noted(outcome: Outcome) -> None:
        clock.note(outcome)
        report(outcome)

    def student_for(task: str, test_seed: int) -> Student:
        session.begin_test(clock.next_test(task))
        return Student(recorded(session.perform), test_seed)

    return TestRun(student_for, manifest, seed, tasks, explainer, noted).run(HIDDEN_TESTS)


def _finished(
    submission: Submission,
    session: Session,
    wall: Wall,
    result: Score,
    seed: int,
    tasks: Iterable[str] | None,
    seconds: float,
    checkpoint: CheckpointSubmission | None,
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
        checkpoint=checkpoint,
    )


def canaries(wall: Wall, manifest: Manifest) -> None:
    """Grade two known files: the reference must earn everything, a wrong file must lose its point and no other.

    Raises CanaryError. The improvement task is omitted: it takes much longer, and `selftest` runs it.
    """
    from autograder.misconceptions import catalogue

    tasks = [task.id for task in manifest.tasks if task.id != IMPROVEMENT]
    best = grade(submission_of("reference", reference()), wall, manifest, 0, tasks, explain=False)
    short = [s.task.id for s in best.score.tasks if s.earned != s.task.points]
    if short:
        raise CanaryError(f"the reference solution does not earn the points of {', '.join(short)}")
    wrong = next(m for m in catalogue.load() if m.id == KNOWN_WRONG)
    result = grade(submission_of(wrong.id, wrong.source), wall, manifest, 0, ["triplet-loss"], explain=False)
    if result.score.tasks[0].earned == result.score.tasks[0].task.points:
        raise CanaryError(f"the known-wrong file '{wrong.id}' earns all points")
