"""Comments on cells in nbgrader: a short form of the feedback, in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from assignment.manifest import Manifest
from assignment.text import points
from autograder.exports.feedback_text import MOST_FAILURES, failure_line
from autograder.nbgrader import HELPERS, home_of
from autograder.reports.feedback import Feedback, TaskFeedback
from autograder.reports.markdown import escape, ticked


def comments(feedback: Feedback, manifest: Manifest, names: list[str]) -> dict[str, str]:
    """Write the comments, by nbgrader's id of the cell.

    Args:
        feedback: what the student may read. manifest: tasks. names: of the definitions, in their order in the notebook.
    """
    found: dict[str, list[str]] = {HELPERS: list(_whole(feedback))}
    for task in feedback.tasks:
        judged_apart = task.id == manifest.checkpoint_task.id
        home = HELPERS if judged_apart else home_of(manifest.task(task.id), names)
        found.setdefault(home, []).extend(_task(task))
    return {cell: "\n".join(lines) for cell, lines in found.items()}


def _whole(feedback: Feedback) -> Iterator[str]:
    total = f"{points(feedback.points)} of {points(feedback.possible)} points"
    bonus = f", bonus {points(feedback.bonus)} of {points(feedback.bonus_possible)}" if feedback.bonus_possible else ""
    yield f"**{total}{bonus}.** {escape(feedback.summary)}"
    for notice in feedback.notices:
        yield f"\n{escape(notice.title)}: {ticked(notice.text)}"
    if step := feedback.next_step:
        yield f"\nNext step: **{escape(step.title)}.** {ticked(step.text)}"


def _task(task: TaskFeedback) -> Iterator[str]:
    share = f"{points(task.earned)} of {points(task.possible)}"
    yield f"\n{task.symbol} **{escape(f'{task.number} {task.title}')}: {share}**, {escape(task.words)}\n"
    failed = [test for test in task.tests if test.state == "failed"]
    if task.silent:
        return
    for test in failed[:MOST_FAILURES]:
        yield f"- {ticked(test.behaviour)}: {failure_line(test, ticked)}"
    if len(failed) > MOST_FAILURES:
        yield f"- and {len(failed) - MOST_FAILURES} more"
