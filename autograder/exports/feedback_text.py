"""A student's feedback as lines of plain text, for platforms that show no HTML page."""

from __future__ import annotations

from assignment.manifest import Manifest, ManifestError
from assignment.text import counted, points
from autograder.exports import ExportError
from autograder.exports.results import Result
from autograder.grading.record import Record
from autograder.grading.replay import source_beside
from autograder.reports.feedback import Feedback, TaskFeedback, TestFeedback, feedback

MOST_FAILURES = 6  # of one task; the HTML page has all


def read_feedback(result: Result, manifest: Manifest, record: Record | None = None) -> Feedback:
    """The feedback of a graded student; ExportError if the record is missing or of another assignment."""
    path = result.path
    record = result.record() if record is None else record
    try:
        full = manifest.with_checkpoint() if record.checkpoint else manifest
        return feedback(record, full, source_beside(path, manifest))
    except ManifestError as problem:
        raise ExportError(f"{path}: it is a record of another assignment ({problem}); run the batch again") from None


def lines(result: Result, feedback: Feedback) -> list[str]:
    """The whole result: points, lateness, next step, one line per task."""
    return whole_lines(result, feedback) + [task_line(task) for task in feedback.tasks]


def whole_lines(result: Result, feedback: Feedback) -> list[str]:
    """The result without the tasks."""
    bonus = f", bonus {points(feedback.bonus)} of {points(feedback.bonus_possible)}" if feedback.bonus_possible else ""
    found = [f"{points(feedback.points)} of {points(feedback.possible)} points{bonus}. {feedback.summary}"]
    if late := lateness(result):
        found.append(late)
    found += [f"{notice.title}: {notice.text}" for notice in feedback.notices]
    if feedback.next_step:
        found.append(f"Next step: {feedback.next_step.title}. {feedback.next_step.text}")
    return found


def lateness(result: Result) -> str:
    """The deduction for lateness in one sentence, "" if there is none."""
    if not result.loss:
        return ""
    days = result.row.late.days if result.row.late else None
    when = f"{counted(days, 'day')} late: " if isinstance(days, int) else "Late: "
    final = result.row.final
    kept = f"{points(final.points)} points" + (f" and {points(final.bonus)} bonus" if final.bonus else "")
    return f"{when}{result.loss * 100:g} % are deducted, {kept} count."


def task_line(task: TaskFeedback) -> str:
    """One task: "✓ 1 Title: 3 of 3, complete"."""
    return f"{task.symbol} {task.number} {task.title}: {points(task.earned)} of {points(task.possible)}, {task.words}"


def task_lines(task: TaskFeedback) -> list[str]:
    """The failed tests of a task; none if it is not implemented or was not run."""
    failed = [test for test in task.tests if test.state == "failed"]
    if task.silent:
        return []
    found = [f"✗ {test.behaviour}: {failure_line(test)}" for test in failed[:MOST_FAILURES]]
    return found + ([f"and {len(failed) - MOST_FAILURES} more"] if len(failed) > MOST_FAILURES else [])


def failure_line(test: TestFeedback) -> str:
    """A failed test in one line."""
    position = f" ({test.where.position})" if test.where else ""
    known = f" Looks like: {test.misconception}. {test.sentence}".rstrip() if test.misconception else ""
    hint = f" Hint: {test.hint}" if test.hint else ""
    return f"{test.headline}{position}{known}{hint}"
