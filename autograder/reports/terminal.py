"""The instructor's terminal: progress, the table of a record, and the failed tests, without terminal escapes.

Unlike students, instructors see the messages of the student's exceptions.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from assignment.checking.outcome import FAILED, NOT_IMPLEMENTED, PASSED, Outcome, Reason
from assignment.manifest import Manifest
from assignment.text import counted, one_line, points
from autograder.grading.record import Record, TaskResult, TestResult
from autograder.misconceptions import catalogue
from autograder.reports import words

COLOURS = {"all": "green", "part": "yellow", "none": "red", NOT_IMPLEMENTED: "bright_black", "skipped": "cyan"}
REFRESHES = 4  # per second
WIDTH = 200  # characters of a text that comes from a submission
IN_TABLE = (NOT_IMPLEMENTED, Reason.IMPORT, Reason.SYNTAX)  # reasons that the table shows already


class Progress:
    """Shows how many tests of each task have passed and failed so far; call it with each outcome.

    Nothing is drawn if the console is not a terminal. The total is unknown until the tests are collected.
    """

    def __init__(self, manifest: Manifest, console: Console, title: str = "grading") -> None:
        self.manifest = manifest
        self.title = one_line(title, 60)
        self.counts: dict[str, list[int]] = {}
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=REFRESHES, transient=True)
        self._shown = console.is_terminal

    def __enter__(self) -> Progress:
        if self._shown:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._live.stop()

    def __call__(self, outcome: Outcome) -> None:
        """Count one outcome."""
        counts = self.counts.setdefault(outcome.task, [0, 0, 0])
        counts[0 if outcome.status == PASSED else 1 if outcome.status == FAILED else 2] += 1

    def _draw(self) -> Table:
        done = sum(map(sum, self.counts.values()))
        self._spinner.update(text=Text(f"{self.title}: {counted(done, 'test')}"))
        table = Table.grid(padding=(0, 1))
        table.add_row("", self._spinner)
        for task in self.manifest.tasks:
            passed, failed, skipped = self.counts.get(task.id, (0, 0, 0))
            line = Text(f"{passed} ✓" if passed else "", "green")
            line.append(f"  {failed} ✗" if failed else "", "red")
            line.append(f"  {skipped} …" if skipped else "", "cyan")
            table.add_row(Text(str(task.number), "dim", justify="right"), Text(task.title), line)
        return table


def print_result(record: Record, manifest: Manifest, console: Console) -> None:
    """Print the table of a record, and the failed tests below it."""
    for problem in _file_problems(record):
        console.print(Text(problem, "red"), soft_wrap=True)
    console.print(table(record, console.width))
    total = Text("  ")
    total.append(f"{points(record.points)} / {points(_possible(record, bonus=False))} points", "bold")
    if possible := _possible(record, bonus=True):
        total.append(f"   bonus {points(record.bonus)} / {points(possible)}")
    if record.asked_tasks is not None:
        total.append(
            f"   (only the chosen tasks and their prerequisites; all tasks: {points(manifest.points)} points)", "dim"
        )
    console.print(total, highlight=False)
    for line in checkpoint_lines(record):
        console.print(line, soft_wrap=True, highlight=False)
    found = list(failures(record))
    if found:
        console.print()
    for line in found:
        console.print(line, soft_wrap=True)


def checkpoint_lines(record: Record) -> Iterator[Text]:
    """P@1 and mAP of a checkpoint, if they were measured, and a note if its baseline is too weak."""
    checkpoint = record.checkpoint
    for _, test in record.tests():
        details = test.details
        if checkpoint is None or "map_after" not in details:
            continue
        line = Text(f"  {one_line(checkpoint.name, 60)}, {one_line(checkpoint.data, 40)}: P@1 ")
        line.append(f"{details['p_at_1_before']:.3f} before, {details['p_at_1_after']:.3f} after, mAP ")
        line.append(f"{details['map_before']:.3f} before, {details['map_after']:.3f} after")
        yield line.append(f"   ({details['backbone']}, {details['pooling']}, loss {details['loss']})", "dim")
        if details["pretrained"] and not checkpoint.baseline_sha256:
            advice = "it was trained from pretrained weights, but compared with random ones; see --baseline-weights"
            yield Text(f"  note: {advice}", "yellow")


def table(record: Record, width: int = 120) -> Table:
    """One row per task: number, title, points, passed tests, state and, if the width allows it, the first reason."""
    rows = Table(box=None, pad_edge=False, header_style="dim", title=Text(_title(record), "bold"), title_justify="left")
    for header, right in (("", True), ("task", False), ("points", True), ("tests", True), ("state", False)):
        rows.add_column(header, justify="right" if right else "left", no_wrap=True)
    title_width = 54 if width >= 150 else 40 if width >= 110 else 32
    room = width - title_width - 50  # width of the other columns
    for entry in sorted(record.tasks, key=lambda entry: entry.bonus):
        state = entry.shown_state
        text = Text(f"{words.SYMBOLS[state]} {words.STATES[state]}", COLOURS[state])
        if record.never_ran:
            text = Text("not run", COLOURS["skipped"])
        elif room >= 20 and (reason := _first_reason(entry)):
            text.append(f": {one_line(reason, room)}", "default")
        earned = f"{'+' if entry.bonus else ''}{points(entry.earned)} / {points(entry.possible)}"
        passed = sum(test.status == PASSED for test in entry.tests)
        tests = f"{passed}/{len(entry.tests)}"
        cells = (str(entry.number), one_line(entry.title, title_width), earned, tests)
        rows.add_row(*map(Text, cells), text)
    return rows


def failures(record: Record) -> Iterator[Text]:
    """One line per failed test, and another one for its misconception; tasks that are not implemented are omitted.

    Tests of a task that failed in the same way share a line.
    """
    for entry in record.tasks:
        bad = [t for t in entry.tests if t.status == FAILED and t.reason not in IN_TABLE]
        alike: dict[str, list[TestResult]] = {}
        for test in bad:
            key = test.name if test.reason == Reason.UNEXPECTED else f"{test.reason} {test.exception} {test.line}"
            alike.setdefault(key, []).append(test)
        for first, *others in alike.values():
            line = Text(f"{entry.number:>2} ", "dim")
            line.append(f"✗ {one_line(first.behaviour)}", "red")
            line.append(f" and {len(others)} more" if others else "", "red")
            line.append(f"  {one_line(first.called)}" if first.called else "", "dim")
            line.append(f"  {reason_of(first)}")
            yield line
            if first.misconception:
                yield Text(f"     looks like: {_misconception_name(first.misconception)}", "yellow")


def reason_of(test: TestResult) -> str:
    """What went wrong in a test, with the message of the student's exception."""
    line = test.line
    where = f" (line {line})" if line > 0 else ""
    message = one_line(test.message, WIDTH)
    if test.reason == Reason.UNEXPECTED:
        return one_line(test.problem, WIDTH)
    if test.reason == Reason.EXCEPTION:
        return (
            f"{one_line(test.exception, 60)}: {message}{where}" if message else f"{one_line(test.exception, 60)}{where}"
        )
    if message and test.reason in (Reason.MISSING, Reason.SIGNATURE, Reason.VALUE):
        return message
    return f"{one_line(test.reason, 20)}{': ' if message else ''}{message}{where}"


def _first_reason(entry: TaskResult) -> str:
    bad = [test for test in entry.tests if test.status != PASSED and test.reason not in IN_TABLE]
    if not bad or entry.state == NOT_IMPLEMENTED:
        return ""
    first = next((test for test in bad if test.status == FAILED), bad[0])
    return first.problem if first.reason == Reason.PREREQUISITE else reason_of(first)


def _file_problems(record: Record) -> Iterator[str]:
    for entry in record.syntax[:20]:
        lost = one_line(entry.lost, 60)
        rest = f"; `{lost}` was removed" if lost else ""
        yield f"line {one_line(entry.line, 10)}: {one_line(entry.message, WIDTH)}{rest}"
    if (problem := record.import_problem) is not None and problem.kind != Reason.SYNTAX:
        named = one_line(f"{problem.exception} {problem.message}", WIDTH)
        line = f" (line {problem.line})" if problem.line else ""
        yield f"the file could not be imported: {named}{line}"


def _title(record: Record) -> str:
    owner = one_line(record.submission.owner, 60)
    return f"{one_line(record.submission.name, 80)}{f' of {owner}' if owner else ''}, seed {record.seed}"


def _possible(record: Record, bonus: bool) -> float:
    return sum(entry.possible for entry in record.tasks if entry.bonus == bonus)


def _misconception_name(identifier: str) -> str:
    known = catalogue.find(identifier)
    return known.name if known else one_line(identifier, 60)
