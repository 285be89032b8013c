"""One page about a task for who maintains it: where its parts are, what they say, and how to run them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from assignment.checking.home import PUBLIC_TESTS
from assignment.checking.runner import collect
from assignment.manifest import PATH, Manifest, Task
from autograder.grading import reference_files
from autograder.grading.grade import HIDDEN_TESTS
from autograder.misconceptions import catalogue
from autograder.release.markers import find_blocks

ROOT = reference_files.REPOSITORY
REFERENCE, TEMPLATE = ROOT / "solution" / "dml.py", ROOT / "template" / "dml.py"


@dataclass(frozen=True)
class MarkedTest:
    """A test function of a task, with all its parameters together."""

    place: str
    name: str
    points: float
    behaviour: str
    hint: str


def listing(manifest: Manifest) -> str:
    """List number, id, points and title of every task.

    >>> from assignment.manifest import load
    >>> print(listing(load()).splitlines()[1])
     2  triplet-loss             1  Triplet loss
    """
    width = max(len(task.id) for task in manifest.tasks)
    return "\n".join(f"{t.number:>2}  {t.id:<{width}}  {t.worth:>2}  {t.title}" for t in manifest.tasks)


def page(task: Task, manifest: Manifest) -> str:
    """Write the page of one task."""
    return "\n".join(_lines(task, manifest))


def _lines(task: Task, manifest: Manifest) -> Iterator[str]:
    yield task.label
    yield f"id {task.id} · {task.points:g} {'bonus ' if task.bonus else ''}points · needs {_listed(task.needs)}"
    yield ""
    for name in task.names:
        rules = " · scanned for loops" if name in task.loop_free else ""
        yield f"  {name}  (also accepted: {_listed(manifest.known_as(name)[1:])}){rules}"
    yield ""
    manifest_lines = PATH.read_text(encoding="utf-8").splitlines()
    yield "  manifest   " + _place(PATH, manifest_lines.index(f'id = "{task.id}"') + 1)
    for place in _stubs(task):
        yield f"  stub       {place}"
    for place in _solutions(task, manifest):
        yield f"  reference  {place}"
    yield from ("", "hints")
    yield from (f"  {number}. {hint}" for number, hint in enumerate(task.hints, start=1))
    for title, folder in (("hidden tests", HIDDEN_TESTS), ("public tests", PUBLIC_TESTS)):
        yield from ("", title)
        for test in marked_tests(task, folder):
            points = f" · {test.points:g} points" if test.points else ""
            yield f"  {test.place}  {test.name}{points} · {test.behaviour}"
            yield f"      hint: {test.hint}"
    yield from ("", "known mistakes")
    found = [m for m in catalogue.load() if task.id in m.tasks]
    yield from (f"  {_place(m.path)}  {m.name}" for m in found)
    if not found:
        yield "  none"
    yield from ("", "run")
    yield f"  python -m assignment check solution/dml.py --task {task.id}"
    yield f"  python -m autograder grade solution/dml.py --task {task.id}"
    if found:
        yield f"  python -m autograder selftest --kind misconception --only {found[0].tasks[0]}--"


def marked_tests(task: Task, folder: Path) -> list[MarkedTest]:
    """The tests of a task in a folder, in the files' order."""
    groups: dict[tuple[Path, int], list[pytest.Function]] = {}
    for item in collect(folder):
        mark = item.get_closest_marker("task")
        if mark is not None and mark.args[0] == task.id:
            groups.setdefault((item.path, item.function.__code__.co_firstlineno), []).append(item)
    found = []
    for (path, line), items in groups.items():
        marks = [mark.kwargs for item in items if (mark := item.get_closest_marker("task")) is not None]
        points = round(sum(mark["points"] for mark in marks), 6)
        name = items[0].function.__name__
        found.append(MarkedTest(_place(path, line), name, points, marks[0]["behaviour"], marks[0]["hint"]))
    return found


def _stubs(task: Task) -> list[str]:
    if not task.stub:
        return [f"none of its own: the task asks more of {_listed(task.names)}"]
    stub = re.compile(rf'raise NotImplementedError\("Task {task.number}:')
    lines = TEMPLATE.read_text(encoding="utf-8").splitlines()
    return [_place(TEMPLATE, number) for number, line in enumerate(lines, start=1) if stub.search(line)]


def _solutions(task: Task, manifest: Manifest) -> list[str]:
    source = reference_files.reference()
    if task.stub:
        return [_place(REFERENCE, block.begin) for block in find_blocks(source, manifest) if block.task == task.id]
    definitions = [node for node in ast.parse(source).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return [_place(REFERENCE, node.lineno) for node in definitions if node.name in task.names]


def _place(path: Path, line: int = 0) -> str:
    """A path in the repository, with a line that editors and terminals can open."""
    return path.relative_to(ROOT).as_posix() + (f":{line}" if line else "")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words) or "nothing"
