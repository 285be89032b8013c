"""Make the record of a grade."""

from __future__ import annotations

import datetime
import platform

from assignment.checking.outcome import Outcome
from assignment.manifest import Manifest
from autograder.grading.grade import Grade
from autograder.grading.record import (
    SCHEMA,
    AssignmentVersion,
    GradedFile,
    ImportProblem,
    Measured,
    Possible,
    Record,
    SandboxFacts,
    TaskResult,
    TestResult,
)
from autograder.grading.scoring import TaskScore
from autograder.grading.values import plain, valid

LONGEST_OUTPUT = 20_000  # characters


def record_of(grade: Grade, manifest: Manifest) -> Record:
    """Return the record of a grade."""
    submission, problem = grade.submission, grade.import_problem
    return Record(
        schema=SCHEMA,
        assignment=AssignmentVersion(manifest.title, manifest.version),
        submission=GradedFile(valid(submission.name), valid(submission.owner), submission.sha256, submission.notebook),
        seed=grade.seed,
        asked_tasks=grade.tasks,
        points=grade.score.points,
        bonus=grade.score.bonus,
        possible=Possible(manifest.points, manifest.bonus_points),
        syntax=grade.syntax,
        flags=grade.flags,
        import_problem=None
        if problem is None
        else ImportProblem(problem.kind, valid(problem.type_name), valid(problem.message), problem.line),
        checkpoint=grade.checkpoint.facts() if grade.checkpoint else None,
        tasks=tuple(map(_task, grade.score.tasks)),
        wall=SandboxFacts(grade.isolation, grade.seccomp, grade.versions["torch"], grade.versions["python"]),
        measured=_measured(grade),
    )


def _task(score: TaskScore) -> TaskResult:
    task = score.task
    return TaskResult(
        id=task.id,
        number=task.number,
        title=task.title,
        bonus=task.bonus,
        earned=score.earned,
        possible=task.points,
        state=score.state,
        tests=tuple(map(_test, score.outcomes)),
    )


def _test(outcome: Outcome) -> TestResult:
    return TestResult(
        name=outcome.test,
        behaviour=outcome.behaviour,
        points=outcome.points,
        status=outcome.status,
        reason=valid(outcome.reason),
        problem=valid(outcome.problem),
        called=valid(outcome.called),
        returned=plain(outcome.returned),
        expected=plain(outcome.expected),
        exception=valid(outcome.exception),
        message=valid(outcome.message),
        line=outcome.line,
        hint=outcome.hint,
        shown=outcome.shown,
        misconception=valid(outcome.misconception),
        details={valid(key): plain(value, whole=True) for key, value in outcome.details.items()},
    )


def _measured(grade: Grade) -> Measured:
    outcomes = [outcome for score in grade.score.tasks for outcome in score.outcomes]
    return Measured(
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        machine=f"{platform.system()} {platform.machine()}",
        seconds=round(grade.seconds, 4),
        import_seconds=round(grade.import_seconds, 4),
        cpu_seconds=round(sum(ending.cpu_seconds for ending in grade.endings), 4),
        peak_mb=round(max((ending.peak_bytes for ending in grade.endings), default=0) / 2**20, 1),
        test_seconds={f"{outcome.task}/{outcome.test}": round(outcome.seconds, 4) for outcome in outcomes},
        output=valid("".join(ending.output for ending in grade.endings)[:LONGEST_OUTPUT]),
        output_bytes=sum(ending.output_bytes for ending in grade.endings),
        processes=len(grade.endings),
    )
