"""`python -m assignment check`: run the public tests on a file and explain the first task that fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assignment.checking.load import LoadError, parse_source, read_source
from assignment.checking.outcome import FAILED, NOT_IMPLEMENTED, PASSED, Outcome, Reason
from assignment.manifest import Manifest, Task, UnknownTaskError, load

ALL_PASSED, NOT_YET, UNUSABLE = 0, 1, 2  # exit statuses
DONE, WRONG, EMPTY, WAITING, UNCHECKED = "done", "not right yet", "to do", "waiting", "no check"
Printed = dict[tuple[str, str], str]  # by task and test
COLOURS = {DONE: "green", WRONG: "red", EMPTY: "yellow", WAITING: "cyan", UNCHECKED: "dim"}


@dataclass(frozen=True)
class TaskStatus:
    """The state of a task, and the outcomes of its tests."""

    task: Task
    state: str
    outcomes: list[Outcome]

    @property
    def first_failure(self) -> Outcome | None:
        """The outcome to show: the task's first failure, or a skipped test if nothing failed."""
        bad = [o for o in self.outcomes if o.status != PASSED]
        return next((o for o in bad if o.status == FAILED), bad[0] if bad else None)


def check(path: Path, tasks: list[str], hints: int, console: Console) -> int:
    """Check a file once and print the result; return the exit status."""
    try:
        chosen = [load().task(task).id for task in tasks] or None
        parse_source(path, read_source(path))  # report errors in the text before importing torch, which takes seconds
        with console.status("loading torch …"):
            from assignment.checking import home
        result = home.check_file(path, load(), chosen)
    except UnknownTaskError as problem:
        console.print(f"[red]{escape(str(problem))}[/]", soft_wrap=True)
        return UNUSABLE
    except LoadError as problem:
        console.print(f"[red]{escape(str(problem))}[/]", soft_wrap=True)
        if problem.excerpt:
            console.print(escape(problem.excerpt), soft_wrap=True, highlight=False)
        return UNUSABLE
    entries = judge(result.outcomes, load(), chosen)
    _print_first(path, entries, result.printed, hints, console)
    _print_table(entries, console)
    return _status(entries, chosen)


def judge(outcomes: list[Outcome], manifest: Manifest, chosen: list[str] | None = None) -> list[TaskStatus]:
    """Group the outcomes by task, in the manifest's order."""
    entries = []
    for task in manifest.tasks:
        own = [o for o in outcomes if o.task == task.id]
        if not own and chosen is not None:
            continue
        if not own:
            state = UNCHECKED
        elif all(o.status == PASSED for o in own):
            state = DONE
        elif all(o.reason == Reason.PREREQUISITE for o in own if o.status != PASSED):
            state = WAITING
        elif all(o.reason == NOT_IMPLEMENTED for o in own):
            state = EMPTY
        else:
            state = WRONG
        entries.append(TaskStatus(task, state, own))
    return entries


def watch(path: Path, tasks: list[str], hints: int, console: Console) -> int:
    """Check now and after each save until Ctrl-C; return the last exit status.

    The file may be missing or invalid for a while; only its folder has to exist.
    """
    from watchfiles import watch as changes

    status = UNUSABLE
    file = path.resolve()
    try:
        status = check(path, tasks, hints, console)
        if status == UNUSABLE and (not file.parent.is_dir() or file.is_dir() or not _all_known(tasks)):
            return status
        _say_watching(path, console)
        for _ in changes(file.parent, watch_filter=lambda _, other: Path(other).name == file.name, recursive=False):
            console.rule()
            status = check(path, tasks, hints, console)
            _say_watching(path, console)
    except KeyboardInterrupt:
        console.print("stopped")
    return status


def _all_known(tasks: list[str]) -> bool:
    try:
        return all(load().task(task) for task in tasks)
    except UnknownTaskError:
        return False


def _say_watching(path: Path, console: Console) -> None:
    console.print(
        f"[dim]watching {escape(str(path))}: save it and the checks run again; Ctrl-C ends[/]", soft_wrap=True
    )


def _status(entries: list[TaskStatus], chosen: list[str] | None) -> int:
    """A bonus task that was not begun counts as a failure only if it was chosen."""
    for entry in entries:
        optional = entry.task.bonus and entry.state == EMPTY and entry.task.id not in (chosen or ())
        if entry.state not in (DONE, UNCHECKED) and not optional:
            return NOT_YET
    return ALL_PASSED


def _print_first(path: Path, entries: list[TaskStatus], printed: Printed, hints: int, console: Console) -> None:
    entry = next((s for s in entries if s.state not in (DONE, UNCHECKED)), None)
    failure = entry.first_failure if entry else None
    if entry is None or failure is None:
        return
    if entry.task.bonus and entry.state == EMPTY:
        console.print("[green]All ordinary tasks pass their checks.[/] What is left is a bonus.\n")
    console.print(f"[bold]{escape(entry.task.label)}[/]  [{COLOURS[entry.state]}]{entry.state}[/]")
    if failure.behaviour:
        console.print(f"  {escape(failure.behaviour)}", highlight=False)
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, text in _facts(path, failure, printed.get((failure.task, failure.test), "")):
        facts.add_row(f"  {label}", escape(text))
    console.print(facts)
    for line in _hints(entry.task, failure, hints):
        console.print(f"  [cyan]{escape(line)}[/]", highlight=False)
    console.print()


def _facts(path: Path, failure: Outcome, printed: str) -> Iterator[tuple[str, str]]:
    from assignment.checking.home import show

    if failure.called:
        yield "called", failure.called
    if failure.reason == Reason.UNEXPECTED:
        yield "returned", show(failure.returned)
        if failure.expected is not None:
            yield "expected", show(failure.expected)
        yield "problem", failure.problem
    elif failure.reason == NOT_IMPLEMENTED:
        yield "raised", failure.problem or "NotImplementedError: the stub is still there"
    elif failure.reason == Reason.EXCEPTION:
        yield "raised", f"{failure.exception}: {failure.message}" if failure.message else failure.exception
    else:
        yield "problem", failure.problem or failure.message or failure.reason
    if line := failure.line or _line_of(path, failure.called):
        yield "where", f"{path}, line {line}"
    if printed.strip():
        yield "printed", printed.rstrip()


def _line_of(path: Path, called: str) -> int:
    """The line where the file defines the called function or class, under its name or an alias; 0 if it does not."""
    first, _, method = called.partition("(")[0].partition(".")
    names = load().known_as(first)
    for node in parse_source(path, read_source(path)).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
            inner = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            return next((part.lineno for part in inner if part.name == (method or "forward")), node.lineno)
    return 0


def _hints(task: Task, failure: Outcome, wanted: int) -> Iterator[str]:
    known = [failure.hint, *(hint for hint in task.hints if hint != failure.hint)]
    yield from (f"hint {i} of {len(known)}: {hint}" for i, hint in enumerate(known[:wanted], start=1))
    if not wanted:
        yield f"There are {len(known)} hints: --hint shows one, --hints {len(known)} all."


def _print_table(entries: list[TaskStatus], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header, right in (("", True), ("task", False), ("points", True), ("checks", True), ("", False)):
        table.add_column(header, justify="right" if right else "left")
    for entry in entries:
        task, passed = entry.task, sum(o.status == PASSED for o in entry.outcomes)
        state = f"[{COLOURS[entry.state]}]{entry.state}[/]"
        table.add_row(str(task.number), task.title, task.worth, f"{passed}/{len(entry.outcomes)}", state)
    console.print(table)
    ordinary = [s for s in entries if not s.task.bonus]
    done = sum(s.state == DONE for s in ordinary)
    bonus = sum(s.state == DONE for s in entries if s.task.bonus)
    console.print(f"\n{done} of {len(ordinary)} tasks pass their checks, and {bonus} of the bonus. ", end="")
    console.print("Points come from hidden tests, which ask for more.", highlight=False)
