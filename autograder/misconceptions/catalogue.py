"""The catalogue of wrong answers with a name.

Each file in `wrong/` is an *overlay*: it holds what a wrong answer is called, where it loses points, the sentence a
student reads, and only those definitions in which the wrong answer differs from the reference. Laid over the reference
it gives a complete file, which explains failures (the same value came back) and tests the tests (it must lose points).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).with_name("wrong")
REFERENCE = Path(__file__).parents[2] / "solution" / "dml.py"
CONSTANTS = ("NAME", "TASKS", "SENTENCE", "COMPLETE")
MARKER = re.compile(r"^[ \t]*### (BEGIN|END) (SOLUTION|REFERENCE)\b.*\n", re.MULTILINE)

Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Edit = tuple[int, int, list[str]]  # replace the lines from the first to before the second (0-based) by these


class OverlayError(ValueError):
    """An overlay cannot be laid over the reference; the message says why."""


@dataclass(frozen=True)
class Misconception:
    """A wrong answer with a name.

    Attributes:
        id: the file's name without its ending. name: a few words.
        tasks: ids of the tasks in which it loses points.
        sentence: what a student reads whose answer shows the same values.
        source: the complete file, the overlay laid over the reference.
    """

    id: str
    name: str
    tasks: tuple[str, ...]
    sentence: str
    source: str


@cache
def load() -> tuple[Misconception, ...]:
    """Return all misconceptions, by id; raise OverlayError naming the file that is at fault."""
    reference = REFERENCE.read_text(encoding="utf-8")
    return tuple(read(path, reference) for path in sorted(FOLDER.glob("*.py")))


def find(identifier: str) -> Misconception | None:
    """Return the misconception with this id, None if there is none."""
    return next((misconception for misconception in load() if misconception.id == identifier), None)


def read(path: Path, reference: str) -> Misconception:
    """Read one overlay file and lay it over the reference's source."""
    overlay = path.read_text(encoding="utf-8")
    try:
        found = constants(overlay)
        return Misconception(
            id=path.stem,
            name=str(found["NAME"]),
            tasks=tuple(found["TASKS"]),
            sentence=str(found["SENTENCE"]),
            source=assemble(reference, overlay),
        )
    except KeyError as problem:
        raise OverlayError(f"{path.name}: the constant {problem.args[0]} is missing") from None
    except (OverlayError, SyntaxError) as problem:
        raise OverlayError(f"{path.name}: {problem}") from None


def constants(overlay: str) -> dict[str, Any]:
    """Return the values of the constants that describe an overlay (those of `CONSTANTS` that it sets)."""
    return {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(overlay.removeprefix("\ufeff")).body  # a complete file may begin with a byte-order mark
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name) and target.id in CONSTANTS
    }


def assemble(reference: str, overlay: str) -> str:
    """Lay an overlay over the reference's source and return the complete file, without solution markers.

    A function replaces the reference's function of that name, a constant the constant, a method the method of the
    reference's class; what the reference lacks is inserted. With `COMPLETE = True` the overlay is the file.

    Raises:
        OverlayError: the overlay replaces nothing, or the result does not compile.
    """
    if constants(overlay).get("COMPLETE"):
        return overlay
    tree = ast.parse(reference)
    known = {name: node for node in tree.body for name in _names(node)}
    top = max(node.end_lineno or 0 for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)))
    edits: list[Edit] = []
    replaced = 0
    for node in _differences(ast.parse(overlay).body):
        target = next((known[name] for name in _names(node) if name in known), None)
        if target is None:
            edits.append((top, top, [*_lines(overlay, node), ""]))
            continue
        replaced += 1
        if isinstance(node, ast.ClassDef) and isinstance(target, ast.ClassDef):
            edits += _class_edits(overlay, node, target)
        else:
            edits.append((*_range(target), _lines(overlay, node)))
    if not replaced:
        raise OverlayError("the overlay replaces nothing: it defines no name of the reference")
    result = MARKER.sub("", _apply(reference, edits))
    try:
        compile(result, "dml.py", "exec", dont_inherit=True)
    except SyntaxError as problem:
        raise OverlayError(f"the assembled file does not compile: line {problem.lineno}: {problem.msg}") from None
    return result


@cache
def module(misconception: Misconception) -> ModuleType:
    """Return the misconception as a module of this process. It is the grader's own code, so it needs no wall."""
    return execute(misconception.source, misconception.id)


def execute(source: str, name: str) -> ModuleType:
    """Run the source of a trusted `dml.py` as a module called `name`."""
    made = ModuleType(name)
    made.__file__ = f"{name}.py"
    exec(compile(source, made.__file__, "exec", dont_inherit=True), made.__dict__)
    return made


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, Definition):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _differences(body: list[ast.stmt]) -> list[ast.stmt]:
    """What of an overlay goes into the file: all but docstring, `from __future__` and its own constants."""
    return [
        node
        for node in body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        and not set(_names(node)) & set(CONSTANTS)
    ]


def _class_edits(overlay: str, node: ast.ClassDef, target: ast.ClassDef) -> list[Edit]:
    known = {name: member for member in target.body for name in _names(member)}
    edits: list[Edit] = []
    for member in _differences(node.body):
        old = next((known[name] for name in _names(member) if name in known), None)
        end = target.end_lineno or 0
        place = _range(old) if old is not None else (end, end)
        edits.append((*place, ([] if old is not None else [""]) + _lines(overlay, member)))
    return edits


def _range(node: ast.stmt) -> tuple[int, int]:
    """First line (0-based, decorators included) and the line after the last."""
    decorators = node.decorator_list if isinstance(node, Definition) else []
    return min([node.lineno, *(d.lineno for d in decorators)]) - 1, node.end_lineno or node.lineno


def _lines(source: str, node: ast.stmt) -> list[str]:
    first, last = _range(node)
    return source.split("\n")[first:last]


def _apply(source: str, edits: Iterable[Edit]) -> str:
    lines = source.split("\n")
    # from the last line up, so earlier numbers stay right; of insertions at one place the first stays first
    for _, (first, last, new) in sorted(enumerate(edits), key=lambda edit: (edit[1][0], edit[0]), reverse=True):
        lines[first:last] = new
    return "\n".join(lines)
