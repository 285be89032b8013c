"""List the stubs left in a `dml.py`, those that raise `NotImplementedError("Task …")`, without running the file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from assignment.checking.load import parse_source, read_source
from assignment.manifest import Task, load

TO_DO, WRITTEN, UNKNOWN = "to do", "written", "run check"
STUB = re.compile(r"Task (\d+)\b")


def stubs(tree: ast.Module) -> dict[int, int]:
    """Map the number of each task with a stub left to the line of its first one.

    A stub after a `return` never runs and does not count.
    """
    found: dict[int, int] = {}
    for node in _running(tree.body):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            name, text = node.exc.func, node.exc.args[0]
            match = STUB.match(str(text.value)) if isinstance(text, ast.Constant) else None
            if match and isinstance(name, ast.Name) and name.id == "NotImplementedError":
                found.setdefault(int(match[1]), node.lineno)
    return found


def _running(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in statements:
        yield statement
        for name in ("body", "orelse", "finalbody"):
            yield from _running(getattr(statement, name, []))
        for branch in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
            yield from _running(branch.body)
        if isinstance(statement, (ast.Return, ast.Raise)):
            return


def states(path: str | Path) -> list[tuple[Task, str, int]]:
    """List every task with its state and the line of its stub (0 if there is none); LoadError if it is not Python.

    A task without a stub is to do as long as a task that it needs or shares a function with has one. After that only
    `check` can determine its state.
    """
    manifest = load()
    found = stubs(parse_source(path, read_source(path)))
    listed: list[tuple[Task, str, int]] = []
    for task in manifest.tasks:
        if task.number in found:
            state = TO_DO
        elif task.stub:
            state = WRITTEN
        else:
            needed = [other for other in manifest.tasks if other.id in task.needs or set(other.names) & set(task.names)]
            state = TO_DO if any(other.number in found for other in needed) else UNKNOWN
        listed.append((task, state, found.get(task.number, 0)))
    return listed


def remaining(path: str | Path) -> list[Task]:
    """List the ordinary (not bonus) tasks that are still to do, in order."""
    return [task for task, state, _ in states(path) if state == TO_DO and not task.bonus]


def print_list(path: str | Path) -> None:
    """Print all tasks with their points and states."""
    from rich.console import Console
    from rich.table import Table

    listed = states(path)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("", justify="right")
    table.add_column("task")
    table.add_column("points", justify="right")
    table.add_column("state")
    table.add_column("line", justify="right")
    colours = {TO_DO: "yellow", WRITTEN: "green", UNKNOWN: "cyan"}
    for task, state, line in listed:
        table.add_row(
            str(task.number), task.title, task.worth, f"[{colours[state]}]{state}[/]", str(line) if line else ""
        )
    console = Console()
    console.print(table)
    left = sum(state == TO_DO and not task.bonus for task, state, _ in listed)
    ordinary = sum(not task.bonus for task, _, _ in listed)
    console.print(f"\n{left} of {ordinary} tasks to do." if left else "\nAll ordinary tasks are written.", end=" ")
    console.print(f"Whether they are right: python -m assignment check {Path(path).name}", highlight=False)
