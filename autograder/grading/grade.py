"""Grade one submission: run the hidden tests against it in the sandbox and add up the points."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from assignment.checking.outcome import Outcome, Reason
from assignment.checking.runner import TestRun
from assignment.checking.student import GraderFault, Request, Response, Student, StudentError
from assignment.manifest import Manifest
from autograder.grading import fingerprint
from autograder.grading.checkpoint import CheckpointSubmission, grade_checkpoint
from autograder.grading.record import SyntaxFinding
from autograder.grading.reference_files import reference, submission_of
from autograder.grading.scoring import Score, score
from autograder.grading.values import valid
from autograder.intake import Submission
from autograder.misconceptions.explain import Explainer
from autograder.sandbox.wall import Ending, Session, Wall

HIDDEN_TESTS = Path(__file__).parents[1] / "hidden_tests"
Perform = Callable[[Request], Response]  # sends a request to the student's process, returns its response
MOST_TIMEOUTS = 2  # of one task; its other tests are not run


class CanaryError(GraderFault):
    """The grader does not grade known files correctly and must not grade submissions."""


@dataclass(frozen=True)
class Grade:
    """The result of grading.

    Attributes:
        submission, score: the file and its points. seed: seed of all inputs. tasks: ids of chosen tasks, None for all.
        syntax, flags: findings of the static analysis. import_problem: None if the file could be imported.
        isolation, seccomp, versions: back end of the sandbox, whether it filters system calls, versions of libraries.
        endings: how the submission's processes ended. import_seconds, seconds: wall clock of the import, in total.
        checkpoint: the checkpoint that was graded, None if there was none.
    """

    submission: Submission
    score: Score
    seed: int
    tasks: tuple[str, ...] | None
    syntax: tuple[SyntaxFinding, ...]
    flags: tuple[str, ...]
    import_problem: StudentError | None
    isolation: str
    seccomp: bool
    versions: dict[str, str]
    endings: tuple[Ending, ...] = field(repr=False)
    import_seconds: float = 0.0
    seconds: float = 0.0
    checkpoint: CheckpointSubmission | None = None


class Clock:
    """Time limits: each test has one, and all tests except the improvement share another.

    After two timeouts the other tests of a task are not run, so that an endless loop leaves time for other tasks.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.limits = manifest.limits
        self.spent = 0.0
        self._running: float | None = None
        self._late: Counter[str] = Counter()

    def note(self, outcome: Outcome) -> None:
        """Count a timeout."""
        self._late[outcome.task] += outcome.reason == Reason.TIMEOUT

    def next_test(self, task: str) -> float:
        """Return the seconds that the next test of this task may take; StudentError if none are left."""
        now = time.monotonic()
        if self._running is not None:
            self.spent += now - self._running
        trains = self.manifest.task(task).trains
        self._running = None if trains else now
        if self._late[task] >= MOST_TIMEOUTS:
            raise StudentError(Reason.TIMEOUT, f"not tried again: {MOST_TIMEOUTS} tests of this task timed out")
        if trains:
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
        submission: the submitted file. wall: the sandbox. manifest: tasks and limits.
        seed: seed of all inputs; None for the default seed of the file.
        tasks: ids of the tasks to grade (with their prerequisites), None for all.
        report: called with each outcome. explain: whether to look for misconceptions that explain wrong values.
        checkpoint: a checkpoint to grade, too; the manifest must then be one `with_checkpoint`.

    Raises:
        BrokenTests, ScoringError, WallError: the grader is at fault, not the submission.
    """
    seed = fingerprint.default_seed(submission.sha256) if seed is None else seed
    wall.wait_ready()
    start = time.monotonic()
    with wall.session(submission.source) as session:
        outcomes = run_tests(session, manifest, seed, tasks, Explainer() if explain else None, report)
    if checkpoint is not None:
        outcome, endings = grade_checkpoint(checkpoint, submission, wall, manifest, seed, session.import_problem)
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
    """Run the hidden tests of these tasks and of their prerequisites in a session.

    Args:
        report: called with each outcome. recorded: wraps the function that performs the requests of one test.
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
        syntax=tuple(
            SyntaxFinding(found["line"], found["column"], valid(found["message"]), valid(found["lost"]))
            for found in session.findings.get("syntax", ())
        ),
        flags=tuple(map(valid, session.findings.get("flags", ()))),
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
    """Grade two known files: the reference must earn all points, a file with a known mistake must lose some.

    Raises CanaryError. The improvement task is omitted: it takes much longer, and `selftest` runs it.
    """
    from autograder.misconceptions import catalogue

    tasks = [task.id for task in manifest.tasks if not task.trains]
    best = grade(submission_of("reference", reference()), wall, manifest, 0, tasks, explain=False)
    short = [s.task.id for s in best.score.tasks if s.earned != s.task.points]
    if short:
        raise CanaryError(f"the reference solution does not earn the points of {', '.join(short)}")
    wrong = next(m for m in catalogue.load() if m.id == manifest.canary)
    result = grade(submission_of(wrong.id, wrong.source), wall, manifest, 0, wrong.tasks[:1], explain=False)
    if result.score.tasks[0].earned == result.score.tasks[0].task.points:
        raise CanaryError(f"the known-wrong file '{wrong.id}' earns all points")
