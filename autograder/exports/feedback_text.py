"""The student's feedback as a few lines of plain text, for platforms that show no page."""

from __future__ import annotations

from assignment.manifest import Manifest, ManifestError
from assignment.text import counted, points
from autograder.exports import ExportError
from autograder.exports.results import Result
from autograder.grading.record import Record
from autograder.grading.replay import source_beside
from autograder.reports.feedback import Feedback, TaskFeedback, TestFeedback, feedback

MOST_FAILURES = 6  # of one task; the feedback page has all


def read_feedback(result: Result, manifest: Manifest, record: Record | None = None) -> Feedback:
    """What a graded student may read; ExportError if the record is gone or of another assignment."""
    path = result.path
    record = result.record() if record is None else record
    try:
        full = manifest.with_checkpoint() if record.checkpoint else manifest
        return feedback(record, full, source_beside(path, manifest))
    except ManifestError as problem:
        raise ExportError(f"{path} is a record of another assignment: {problem}") from None


def lines(result: Result, told: Feedback) -> list[str]:
    """The whole result in some lines: points, lateness, what to do next, one line per task."""
    return whole_lines(result, told) + [task_line(task) for task in told.tasks]


def whole_lines(result: Result, told: Feedback) -> list[str]:
    """The same without the tasks."""
    bonus = f", bonus {points(told.bonus)} of {points(told.bonus_possible)}" if told.bonus_possible else ""
    found = [f"{points(told.points)} of {points(told.possible)} points{bonus}. {told.summary}"]
    if late := lateness(result):
        found.append(late)
    found += [f"{notice.title}: {notice.text}" for notice in told.notices]
    if told.next_step:
        found.append(f"Next step: {told.next_step.title}. {told.next_step.text}")
    return found


def lateness(result: Result) -> str:
    """What was taken off for being late, "" if nothing was."""
    if not result.loss:
        return ""
    days = result.row.late.days if result.row.late else None
    when = f"{counted(days, 'day')} late: " if isinstance(days, int) else "Late: "
    left = result.row.final
    kept = f"{points(left.points)} points" + (f" and {points(left.bonus)} bonus" if left.bonus else "")
    return f"{when}{result.loss * 100:g} % are taken off, {kept} count."


def task_line(task: TaskFeedback) -> str:
    """One task: "✓ 1 Title: 3 of 3, complete"."""
    return f"{task.symbol} {task.number} {task.title}: {points(task.earned)} of {points(task.possible)}, {task.words}"


def task_lines(task: TaskFeedback) -> list[str]:
    """What was not right in a task; nothing for a task that has not been begun or had to wait."""
    failed = [test for test in task.tests if test.state == "failed"]
    if task.silent:
        return []
    found = [f"✗ {test.behaviour}: {failure_line(test)}" for test in failed[:MOST_FAILURES]]
    return found + ([f"and {len(failed) - MOST_FAILURES} more"] if len(failed) > MOST_FAILURES else [])


def failure_line(test: TestFeedback) -> str:
    """What happened in a failed test, in one line."""
    place = f" ({test.where.place})" if test.where else ""
    known = f" Looks like: {test.misconception}. {test.sentence}".rstrip() if test.misconception else ""
    hint = f" Hint: {test.hint}" if test.hint else ""
    return f"{test.headline}{place}{known}{hint}"
