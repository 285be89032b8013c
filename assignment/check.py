"""`python -m assignment check`: what the public tests say about one's own file, first failing task first."""

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
COLOURS = {DONE: "green", WRONG: "red", EMPTY: "yellow", WAITING: "cyan", UNCHECKED: "dim"}


@dataclass(frozen=True)
class Standing:
    """Where a task stands: its state, and its outcomes."""

    task: Task
    state: str
    outcomes: list[Outcome]

    @property
    def first_failure(self) -> Outcome | None:
        """The outcome to show; of the task's own failures the first, a skipped one only if there is no other."""
        bad = [o for o in self.outcomes if o.status != PASSED]
        return next((o for o in bad if o.status == FAILED), bad[0] if bad else None)


def check(path: Path, tasks: list[str], hints: int, console: Console) -> int:
    """Check a file once and print what was found; return the exit status."""
    try:
        chosen = [load().task(task).id for task in tasks] or None
        parse_source(path, read_source(path))  # what is wrong with the text is told before seconds go into torch
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
    standings = judge(result.outcomes, load(), chosen)
    _print_first(path, standings, result.printed, hints, console)
    _print_table(standings, console)
    return _status(standings, chosen)


def judge(outcomes: list[Outcome], manifest: Manifest, chosen: list[str] | None = None) -> list[Standing]:
    """Sum the outcomes up by task, in the manifest's order."""
    standings = []
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
        standings.append(Standing(task, state, own))
    return standings


def watch(path: Path, tasks: list[str], hints: int, console: Console) -> int:
    """Check now and after each save until Ctrl-C; return the last exit status.

    The file may be missing or broken in between; only its folder has to exist.
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


def _status(standings: list[Standing], chosen: list[str] | None) -> int:
    """A bonus task that was never begun is no failure, unless it was asked for."""
    for standing in standings:
        optional = standing.task.bonus and standing.state == EMPTY and standing.task.id not in (chosen or ())
        if standing.state not in (DONE, UNCHECKED) and not optional:
            return NOT_YET
    return ALL_PASSED


def _print_first(path: Path, standings: list[Standing], printed: dict[str, str], hints: int, console: Console) -> None:
    standing = next((s for s in standings if s.state not in (DONE, UNCHECKED)), None)
    failure = standing.first_failure if standing else None
    if standing is None or failure is None:
        return
    if standing.task.bonus and standing.state == EMPTY:
        console.print("[green]All ordinary tasks pass their checks.[/] What is left is a bonus.\n")
    console.print(f"[bold]{escape(standing.task.label)}[/]  [{COLOURS[standing.state]}]{standing.state}[/]")
    if failure.behaviour:
        console.print(f"  {escape(failure.behaviour)}", highlight=False)
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, text in _facts(path, failure, printed.get(failure.test, "")):
        facts.add_row(f"  {label}", escape(text))
    console.print(facts)
    for line in _hints(standing.task, failure, hints):
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
    """The line where the called function or class is defined in the file, under its own name or an older one; or 0."""
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


def _print_table(standings: list[Standing], console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for header, right in (("", True), ("task", False), ("points", True), ("checks", True), ("", False)):
        table.add_column(header, justify="right" if right else "left")
    for standing in standings:
        task, passed = standing.task, sum(o.status == PASSED for o in standing.outcomes)
        state = f"[{COLOURS[standing.state]}]{standing.state}[/]"
        table.add_row(str(task.number), task.title, task.worth, f"{passed}/{len(standing.outcomes)}", state)
    console.print(table)
    ordinary = [s for s in standings if not s.task.bonus]
    done = sum(s.state == DONE for s in ordinary)
    bonus = sum(s.state == DONE for s in standings if s.task.bonus)
    console.print(f"\n{done} of {len(ordinary)} tasks pass their checks, and {bonus} of the bonus. ", end="")
    console.print("Points come from hidden tests, which ask for more.", highlight=False)
