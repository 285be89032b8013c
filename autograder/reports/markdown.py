"""Render a student's feedback as Markdown, with the contents of the HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assignment.text import points
from autograder.reports.feedback import Feedback, SourceLine, TaskFeedback, TestFeedback

SPECIAL = re.compile(r"[\\`*_\[\]|#~$@!]")


def escape(text: str) -> str:
    """Escape one line of text, so that Markdown shows it without markup, HTML or links."""
    text = SPECIAL.sub(r"\\\g<0>", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"(?i)(www)\.", r"\1\\.", text).replace("://", ":\\//")


def code(text: str) -> str:
    """A code span, or escaped text if the text could end a code span."""
    return escape(text) if re.search(r"[`<>&]", text) or not text.strip() else f"`{text}`"


def ticked(text: str) -> str:
    """Escaped text; `names` between backticks become code spans."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return "".join(code(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def render(feedback: Feedback) -> str:
    """Return the Markdown."""
    return "\n".join(_lines(feedback)) + "\n"


def _lines(feedback: Feedback) -> Iterator[str]:
    share = f"{points(feedback.points)} of {points(feedback.possible)} points" if feedback.graded else "no grade yet"
    yield f"# {escape(feedback.title)}: {share}"
    yield ""
    bonus = f"**+{points(feedback.bonus)} of {points(feedback.bonus_possible)} bonus.** "
    bonus = bonus if feedback.bonus_possible and feedback.graded else ""
    some = "" if feedback.whole else " Only some tasks were graded this time."
    yield f"{bonus}{escape(feedback.summary)}{some}"
    yield ""
    if feedback.late:
        yield from (f"**{escape(feedback.late)}**", "")
    yield f"Feedback on {escape(feedback.file)}, version {escape(feedback.version)} of the assignment."
    for notice in feedback.notices:
        yield from ("", f"> **{escape(notice.title)}.** {ticked(notice.text)}")
        if notice.where:
            yield f"> {_source(notice.where)}"
    if step := feedback.next_step:
        yield from ("", "## Next step", "", f"**{escape(step.title)}.** {ticked(step.text)}")
        if step.hint:
            yield from ("", f"**Hint:** {ticked(step.hint)}")
    for title, bonus_tasks in (("Tasks", False), ("Bonus", True)):
        tasks = [task for task in feedback.tasks if task.bonus == bonus_tasks]
        if tasks:
            yield from ("", f"## {title}", "", "| | task | points | |", "|--|--|--|--|")
        for task in tasks:
            share = f"{points(task.earned)} / {points(task.possible)}"
            yield f"| {task.symbol} | {task.number} {escape(task.title)} | {share} | {escape(task.words)} |"
    for task in feedback.tasks:
        if task.open:
            yield from _task(task)
    yield from _retrieval(feedback)


def _task(task: TaskFeedback) -> Iterator[str]:
    yield from ("", f"### {task.number} {escape(task.title)}", "")
    for test in sorted(task.tests, key=lambda test: test.state == "passed"):
        sign = {"passed": "✓", "failed": "✗"}.get(test.state, "…")
        earned = test.points if test.state == "passed" else 0
        yield f"- {sign} {ticked(test.behaviour)} ({points(earned)} / {points(test.points)})"
        yield from (f"  - {line}" for line in _facts(test))


def _facts(test: TestFeedback) -> Iterator[str]:
    if test.headline:
        yield ticked(test.headline)
    for label, text in (("called", test.called), ("returned", test.returned), ("expected", test.expected)):
        if text:
            yield f"{label}: {code(text)}"
    if test.where:
        yield f"your file, {_source(test.where)}"
    if test.explanation:
        yield ticked(test.explanation)
    if test.misconception:
        yield f"**Looks like: {ticked(test.misconception)}.** {ticked(test.sentence)}".rstrip()
    if test.hint:
        yield f"**Hint:** {ticked(test.hint)}"
    if test.also:
        yield f"The same applies to: {'; '.join(map(ticked, test.also))}."


def _source(where: SourceLine) -> str:
    return f"{where.position}: {code(where.text)}"


def _retrieval(feedback: Feedback) -> Iterator[str]:
    checkpoint = feedback.checkpoint
    if checkpoint and checkpoint.before is not None and checkpoint.after is not None:
        yield from ("", "## What your checkpoint retrieves", "")
        yield f"P@1 on unseen classes: {checkpoint.before:.3f} before training, {checkpoint.after:.3f} after."
    found = feedback.retrieval
    if found is None:
        return
    yield from ("", "## What your network retrieves", "")
    if found.before is not None and found.after is not None:
        yield f"P@1 on unseen classes: {found.before:.3f} before training, {found.after:.3f} after."
    if found.grid is not None:
        yield from (
            "",
            "The nearest images of each query, nearest first (✓ the query's class, ✗ another class):",
            "",
        )
        for number, row in enumerate(found.grid.marks(), start=1):
            yield f"- query {number}: {' '.join('✓' if right else '✗' for right in row)}"
