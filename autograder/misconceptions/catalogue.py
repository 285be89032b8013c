"""The catalogue of known mistakes.

Each file `wrong/<task-id>--<mistake>.py` is an *overlay*: it holds the mistake's name, the sentence that a student
reads, the other tasks in which it loses points (`ALSO`), and the definitions that differ from the reference. Applied to
the reference it gives a complete file, which explains failures (it returns the same value) and tests the tests (it must
lose points).
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

from assignment.manifest import ManifestError
from assignment.manifest import load as load_manifest

FOLDER = Path(__file__).with_name("wrong")
REFERENCE = Path(__file__).parents[2] / "solution" / "dml.py"
CONSTANTS = ("NAME", "ALSO", "SENTENCE", "COMPLETE")
MARKER = re.compile(r"^[ \t]*### (BEGIN|END) (SOLUTION|REFERENCE)\b.*\n", re.MULTILINE)

Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
Edit = tuple[int, int, list[str]]  # replace the lines from the first to before the second (0-based) by these


class OverlayError(ValueError):
    """An overlay cannot be applied to the reference; the message says why."""


@dataclass(frozen=True)
class Misconception:
    """A known mistake.

    Attributes:
        id: the overlay's file name without ".py", `<task-id>--<mistake>`. name: a few words.
        path: the overlay. tasks: ids of the tasks in which it loses points; the first is that of the id.
        sentence: shown to a student whose answer has the same values.
        source: the complete file, the overlay applied to the reference.
    """

    id: str
    name: str
    path: Path
    tasks: tuple[str, ...]
    sentence: str
    source: str


@cache
def load() -> tuple[Misconception, ...]:
    """Return all misconceptions, by id; raise OverlayError with the name of the faulty file."""
    reference = REFERENCE.read_text(encoding="utf-8")
    return tuple(read(path, reference) for path in sorted(FOLDER.glob("*.py")))


def find(identifier: str) -> Misconception | None:
    """Return the misconception with this id, None if there is none."""
    return next((misconception for misconception in load() if misconception.id == identifier), None)


def read(path: Path, reference: str) -> Misconception:
    """Read one overlay file and apply it to the reference's source."""
    overlay = path.read_text(encoding="utf-8")
    task, separator, mistake = path.stem.partition("--")
    if not (task and separator and mistake):
        raise OverlayError(f"{path.name}: the name must be <task-id>--<mistake>.py")
    try:
        load_manifest().task(task)
        found = constants(overlay)
        return Misconception(
            id=path.stem,
            name=str(found["NAME"]),
            path=path,
            tasks=(task, *found.get("ALSO", ())),
            sentence=str(found["SENTENCE"]),
            source=assemble(reference, overlay),
        )
    except KeyError as problem:
        raise OverlayError(f"{path.name}: the constant {problem.args[0]} is missing") from None
    except (OverlayError, ManifestError, SyntaxError) as problem:
        raise OverlayError(f"{path.name}: {problem}") from None


def constants(overlay: str) -> dict[str, Any]:
    """Return the values of the constants that describe an overlay (those of `CONSTANTS` that it sets)."""
    return {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(overlay.removeprefix("\ufeff")).body  # a complete file may begin with a byte-order mark
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name) and target.id in CONSTANTS
    }


def assemble(reference: str, overlay: str) -> str:
    """Apply an overlay to the reference's source and return the complete file, without solution markers.

    A function, constant or method replaces the one of that name in the reference; a definition that the reference does
    not have is inserted. An overlay with `COMPLETE = True` is the complete file.

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
    """Return the misconception as a module of this process: it is the grader's own code and needs no sandbox."""
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
    """The statements of an overlay to apply: all but the docstring, `from __future__` and the overlay's constants."""
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
    # from the last line up, so that earlier line numbers stay valid; insertions at the same line keep their order
    for _, (first, last, new) in sorted(enumerate(edits), key=lambda edit: (edit[1][0], edit[0]), reverse=True):
        lines[first:last] = new
    return "\n".join(lines)
