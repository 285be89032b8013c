"""Make the instructor's notebook from the marked reference, the manifest and the questions."""

from __future__ import annotations

import ast
import json
import re
import symtable
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assignment.manifest import Manifest, Task
from autograder.nbgrader import HELPERS, CourseError, answer_cell, check_cell, home_of
from autograder.release.markers import REFERENCE, find_blocks

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Tree = dict[str, Any]
QUESTIONS = Path(__file__).with_name("questions.toml")
SECTION = re.compile(r"# -{20,} (.+)")
INTRODUCTION = """
# {title}

{docstring}

**How to work.** Replace each `# your code` and the `raise` below it. The cell `check("…")` below a task runs its public
checks on what the notebook defines so far; run it as often as you like. Points come from hidden tests, which ask for
more and run elsewhere: what a cell prints, or writes into this notebook, counts for nothing.

**Hand in** this notebook. The grader takes the definitions of the functions and classes named here, with the imports,
helper functions and constants they use, wherever these stand; of several definitions the last one counts. Magics
(`%…`), shell escapes (`!…`), downloads, plots and training runs are left out. Names and arguments of the functions stay
as they are; `README.md` beside this notebook has the formulas.
"""
HELPER_CELL = """\
# Helper functions of your own, if you want some.
### BEGIN SOLUTION
{code}
### END SOLUTION
"""
CHECKPOINT_CELL = """\
# A checkpoint that is handed in with the notebook is graded here; there is nothing to do in this cell.
"""


@dataclass(frozen=True)
class Question:
    """A question for manual grading: its text for students, its mark scheme for graders."""

    id: str
    title: str
    points: float
    text: str
    scheme: str


def questions(text: str | None = None) -> list[Question]:
    """Read `questions.toml`, or the text given."""
    data = tomllib.loads(QUESTIONS.read_text(encoding="utf-8") if text is None else text)
    return [Question(**entry) for entry in data["questions"]]


def notebook(reference: str, manifest: Manifest, asked: list[Question]) -> Tree:
    """Build the notebook as JSON values of nbformat 4.

    Raises:
        CourseError: the reference does not define a name of a task, or a reference block is inside a definition.
    """
    parts = _Parts(reference, manifest)
    places: dict[str, list[Task]] = {name: [] for name in parts.definitions}
    for task in manifest.tasks:
        if missing := set(task.names) - set(parts.definitions):
            raise CourseError(
                f"task '{task.id}': the reference does not define {sorted(missing)[0]}; correct the manifest"
            )
        places[home_of(task, list(parts.definitions))].append(task)
    titled: set[str] = set()  # tasks that have a heading
    section = ""
    intro = INTRODUCTION.format(title=manifest.title, docstring=parts.docstring.strip())
    cells = [_locked("introduction", "markdown", intro), _locked("head", "code", parts.head)]
    cells.append(_cell(HELPERS, "code", HELPER_CELL.format(code=parts.helpers), solution=True))
    for name, code in parts.definitions.items():
        headings = [f"# {parts.sections[name].capitalize()}"] if parts.sections[name] != section else []
        section = parts.sections[name]
        own = [task for task in manifest.tasks if task.id not in titled and name in task.names]
        headings += [f"### {task.label} ({worth(task)})" for task in own if task in places[name] or len(own) == 1]
        titled |= {task.id for task in own if task in places[name]}
        cells.append(_locked(f"text-{name}", "markdown", "\n\n".join(headings) or f"### `{name}`"))
        cells.append(_cell(name, "code", code, solution=True))
        cells += [_check(task) for task in places[name]]
    cells.append(_locked(check_cell(manifest.checkpoint_task.id), "code", CHECKPOINT_CELL, points=0))
    cells.append(_locked("questions", "markdown", "# Questions\n\nA few sentences each; a person reads them."))
    for question in asked:
        text = (
            f"### {question.title} ({question.points:g} point{'s' * (question.points != 1)})\n\n{question.text.strip()}"
        )
        cells.append(_locked(f"question-{question.id}", "markdown", text))
        scheme = f"### BEGIN SOLUTION\n**Mark scheme**\n\n{question.scheme.strip()}\n### END SOLUTION"
        cells.append(_cell(answer_cell(question.id), "markdown", scheme, solution=True, points=question.points))
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def definitions(reference: str, manifest: Manifest) -> list[str]:
    """Names of the functions and classes that have a cell, in order."""
    return list(_Parts(reference, manifest).definitions)


def as_json(tree: Tree) -> bytes:
    """The notebook file's bytes."""
    return (json.dumps(tree, indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def worth(task: Task) -> str:
    """The points of a task as text."""
    return f"{'bonus, ' if task.bonus else ''}{task.points:g} point{'s' * (task.points != 1)}"


class _Parts:
    """The parts of the reference.

    Attributes:
        docstring: of the module. head: its imports and constants. helpers: code that only the solutions use.
        definitions: text of each function and class with its markers, in the notebook's order. sections: the title
            above each.
    """

    def __init__(self, reference: str, manifest: Manifest) -> None:
        lines = reference.splitlines()
        tree = ast.parse(reference)
        blocks = find_blocks(reference, manifest)
        hidden = [block for block in blocks if block.kind == REFERENCE]
        paragraphs = (ast.get_docstring(tree) or "").split("\n\n")
        self.docstring = "\n\n".join(p for p in paragraphs if manifest.file not in p)  # how to run the file
        self.helpers = "\n\n\n".join("\n".join(lines[b.begin : b.end - 1]).strip() for b in hidden)
        self.definitions: dict[str, str] = {}
        self.sections: dict[str, str] = {}
        head: list[str] = []
        title = ""
        before = 0
        for node in tree.body:
            end = max(
                [node.end_lineno or 0, *(b.end for b in blocks if node.lineno <= b.begin <= (node.end_lineno or 0))]
            )
            if any(b.begin < node.lineno < b.end for b in hidden) or isinstance(node, (ast.Expr, ast.If)):
                continue
            for line in lines[before : node.lineno]:
                title = match[1] if (match := SECTION.match(line)) else title
            before = end
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                if any(node.lineno < b.begin < end for b in hidden):
                    raise CourseError(f"{node.name}: contains a reference block; move the block out of it")
                start = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
                self.definitions[node.name] = "\n".join(lines[start - 1 : end])
                self.sections[node.name] = title
            else:
                head.append("\n".join(lines[node.lineno - 1 : end]))
        self._put_first(manifest)
        self.head = "\n".join([*head, "from assignment.checking.notebook import check"])

    def _put_first(self, manifest: Manifest) -> None:
        """Move definitions that another one uses before it, so that the check below each cell can run."""
        ordinary = {name for task in manifest.tasks if not task.bonus for name in task.names}
        order: list[str] = []

        def place(name: str) -> None:
            used = globals_of(symtable.symtable(self.definitions[name], name, "exec"))
            for other in self.definitions:
                if other != name and other in used & ordinary and other not in order:
                    place(other)
            if name not in order:
                order.append(name)

        for name in list(self.definitions):
            place(name)
        self.definitions = {name: self.definitions[name] for name in order}


def globals_of(table: symtable.SymbolTable) -> set[str]:
    """Global names that the functions and classes of a symbol table use."""
    inner = table.get_children()
    own = {symbol.get_name() for child in inner for symbol in child.get_symbols() if symbol.is_global()}
    return own.union(*map(globals_of, inner))


def _check(task: Task) -> Tree:
    text = f'check("{task.id}")  # {worth(task)}'
    return _locked(check_cell(task.id), "code", text, points=0 if task.bonus else task.points)


def _locked(name: str, kind: str, text: str, points: float | None = None) -> Tree:
    return _cell(name, kind, text, locked=True, points=points)


def _cell(
    name: str, kind: str, text: str, locked: bool = False, solution: bool = False, points: float | None = None
) -> Tree:
    mark: Tree = {"grade_id": name, "grade": points is not None, "locked": locked, "solution": solution, "task": False}
    mark["schema_version"] = 3
    if points is not None:
        mark["points"] = points
    cell: Tree = {"cell_type": kind, "metadata": {"nbgrader": mark}, "source": text.strip("\n")}
    return {**cell, "outputs": [], "execution_count": None} if kind == "code" else cell
