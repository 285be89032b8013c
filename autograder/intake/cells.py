"""Assemble one Python file from a notebook's cells; run as a program in a process of its own (see `notebook.py`).

It uses only the standard library and executes nothing of the notebook. A malicious notebook that crashes a parser ends
this process, not the grader.

The file contains the definitions of the tasks' names from any cell, and the imports, helper functions and constants
that they need. The last definition counts, as in Python, but an unchanged stub never replaces a written one. Everything
else is left out: calls, plots, training runs, magics, shell escapes.
"""

from __future__ import annotations

import ast
import json
import re
import resource
import symtable
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

MEMORY, SECONDS = 2 << 30, 20
MOST_NOTES = 20
MOST_TRIES = 20  # magics of a cell that are removed one at a time
MAGIC = re.compile(r"\s*(?:[%!?]|\w[\w, ]*=\s*[%!]|[\w.]+\?{1,2}\s*$)")
CELL_MAGIC = re.compile(r"%%\s*(\w*)[ \t]*(.*)")
PYTHON_MAGICS = ("time", "capture", "prun")  # cell magics that execute their cell
HEADER = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)", re.MULTILINE)
ELSEWHERE = (
    (re.compile(r"\bos\.chdir\s*\(|^\s*%cd\b", re.MULTILINE), "changes the working folder"),
    (re.compile(r"^\s*%run\b|^\s*%load\b", re.MULTILINE), "runs another file"),
    (re.compile(r"\bsys\.path\.(?:append|insert)\s*\("), "looks for modules in another folder"),
)


class Unusable(ValueError):
    """The notebook cannot be used; the message continues a line that begins with its name."""


@dataclass
class Item:
    """One top-level statement of a cell.

    Attributes:
        cell: number of the cell, from 1, including text cells. first, last: its lines in the cell, from 1.
        binds: names it defines. now: names it needs when it runs. later: names it needs when its functions are called.
        sure: whether it always defines its names. stub: whether it is an unchanged stub of the template.
    """

    cell: int
    first: int
    last: int
    binds: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    sure: bool = False
    stub: bool = False


@dataclass
class Broken:
    """A cell that is not valid Python, with the names that it seems to define."""

    cell: int
    names: set[str]
    why: str


@dataclass
class Contents:
    """The contents of a notebook; `lines` of each code cell, without magics."""

    lines: dict[int, list[str]] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    roots: set[int] = field(default_factory=set)  # positions in `items` that are kept whatever their names are
    notes: list[str] = field(default_factory=list)


def assemble(data: bytes, names: dict[str, list[str]], template: str, tags: Iterable[str] = ()) -> dict[str, Any]:
    """Return `source`, `pieces` (first line in the source, lines, cell, first line in the cell) and `notes`.

    Args:
        data: of the notebook file. names: the tasks' names with their aliases. template: text of the students' file.
        tags: further tags that assign a cell to a task.
    """
    wanted = {other: name for name, others in names.items() for other in (name, *others)}
    head, stubs = _of_template(template)
    contents = Contents()
    known = {*wanted, *tags}
    for number, text, own in code_cells(data):
        _take_cell(contents, number, text, own & known, set(wanted), stubs)
    kept = _kept(contents, wanted)
    return {**_written(contents, kept, head), "notes": _notes(contents, kept, wanted)}


def code_cells(data: bytes) -> Iterator[tuple[int, str, set[str]]]:
    """All code cells: number, text, tags with nbgrader's id. Unusable if this is not a Python notebook."""
    try:
        document = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unusable("is not UTF-8; open it in Jupyter and save it again") from None
    except RecursionError:
        raise Unusable("is nested too deeply to be a notebook; save it again in Jupyter") from None
    except ValueError as problem:
        place = f" (line {problem.lineno})" if isinstance(problem, json.JSONDecodeError) else ""
        raise Unusable(
            f"is no valid JSON{place}; if it was truncated or edited by hand, save it again in Jupyter"
        ) from None
    version = document.get("nbformat") if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise Unusable("is JSON but no notebook: it has no 'nbformat'; hand in the notebook itself")
    if version != 4:
        raise Unusable(f"has the notebook format {version}, only 4 is read; open it in Jupyter and save it again")
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise Unusable("has no list of cells; open it in Jupyter and save it again")
    language = _inner(document, "metadata", "kernelspec", "language") or "python"
    if not str(language).lower().startswith("python"):
        raise Unusable("is no notebook for Python; choose a Python kernel in Jupyter and save it again")
    found = 0
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if isinstance(source, str):
            found += 1
            yield number, source.encode("utf-8", "replace").decode(), _tags(cell)
    if not found:
        raise Unusable("has no code cells; hand in the notebook with your solution")


def _inner(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _tags(cell: dict[str, Any]) -> set[str]:
    tags = _inner(cell, "metadata", "tags")
    given = [_inner(cell, "metadata", "nbgrader", "grade_id"), *(tags if isinstance(tags, list) else [])]
    return {tag for tag in given if isinstance(tag, str)}


def _of_template(template: str) -> tuple[list[str], set[str]]:
    """The lines of the template before its first definition, and dumps of its definitions to compare with."""
    tree = ast.parse(template)
    definitions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    head = [node for node in tree.body if (node.end_lineno or 0) < definitions[0].lineno]
    last = max(node.end_lineno or 0 for node in head)
    return template.splitlines()[:last], {ast.dump(node) for node in (*head, *definitions)}


def _take_cell(contents: Contents, number: int, text: str, tags: set[str], wanted: set[str], stubs: set[str]) -> None:
    lines = re.split(r"\r\n|\r|\n", text)
    for pattern, what in ELSEWHERE:
        if pattern.search(text):
            contents.notes.append(f"cell {number} {what}; the grader has only this notebook")
    tree, why = _parsed(contents, number, lines)
    contents.lines[number] = lines
    if tree is None:
        names = {name for name in HEADER.findall("\n".join(lines)) if name in wanted} | tags
        contents.broken.append(Broken(number, names, why))
        return
    for node in tree.body:
        decorators = [mark.lineno for mark in getattr(node, "decorator_list", [])]
        item = Item(number, min([node.lineno, *decorators]), node.end_lineno or node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        item.stub = ast.dump(node) in stubs
        _look_up(item, node)
        if tags and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            contents.roots.add(len(contents.items))
        contents.items.append(item)


def _parsed(contents: Contents, number: int, lines: list[str]) -> tuple[ast.Module | None, str]:
    """Parse a cell; lines with magics are replaced by comments, so that line numbers stay the same."""
    first = CELL_MAGIC.match(next((line for line in lines if line.strip()), ""))
    if first:
        python = first[1] in PYTHON_MAGICS or (first[1] == "writefile" and first[2].strip().endswith(".py"))
        at = next(i for i, line in enumerate(lines) if line.strip())
        _leave_out(contents, number, lines, [at] if python else range(at, len(lines)), at)
    why = ""
    for tries in range(MOST_TRIES + 2):
        try:
            return ast.parse("\n".join(lines) + "\n"), ""
        except SyntaxError as problem:
            at = min(max(problem.lineno or 1, 1), len(lines)) - 1
            why = f"line {at + 1}: {' '.join(str(problem.msg).split())[:120]}"
            magics = [i for i, line in enumerate(lines) if MAGIC.match(line)]
            if not magics or tries > MOST_TRIES or (at not in magics and tries < MOST_TRIES):
                break
            chosen = [at] if tries < MOST_TRIES else magics
            _leave_out(contents, number, lines, chosen, chosen[0])
        except (ValueError, RecursionError, MemoryError) as problem:
            return None, f"it cannot be parsed ({type(problem).__name__})"
    return None, why


def _leave_out(contents: Contents, number: int, lines: list[str], places: Iterable[int], shown: int) -> None:
    line = " ".join(lines[shown].split())[:60].replace("`", "'")
    contents.notes.append(f"cell {number}: `{line}` works in Jupyter only and was left out")
    for i in places:
        indent = lines[i][: len(lines[i]) - len(lines[i].lstrip())]
        lines[i] = f"{indent}pass  # left out" if indent else "# left out"


def _look_up(item: Item, node: ast.stmt) -> None:
    """Note which names the statement defines and needs, according to Python's compiler."""
    try:
        table = symtable.symtable(ast.unparse(node), "cell", "exec")
    except (SyntaxError, ValueError, RecursionError):  # such as a `return` outside a function
        return
    item.binds = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    item.now = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    item.later = set(_globals_of(table))
    item.sure = isinstance(
        node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign)
    ) or (isinstance(node, ast.AnnAssign) and node.value is not None)
    if isinstance(node, ast.ClassDef):  # the body of a class runs when it is defined
        item.now |= {s.get_name() for t in table.get_children() for s in t.get_symbols() if s.is_global()}
    if changed := _changed(node):  # CUBtriplet.minehard = minehard
        item.binds |= changed
        item.sure = False


def _globals_of(table: symtable.SymbolTable) -> Iterator[str]:
    for child in table.get_children():
        yield from (s.get_name() for s in child.get_symbols() if s.is_global() and s.is_referenced())
        yield from _globals_of(child)


def _changed(node: ast.stmt) -> set[str]:
    """Names of objects that the statement modifies: `a.b = …`, `a[i] = …`, `a += …`, `setattr(a, …)`."""
    if isinstance(node, ast.Expr):
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "setattr" and call.args:
            return {call.args[0].id} if isinstance(call.args[0], ast.Name) else set()
        return set()
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    found = set()
    for target in targets:
        inner: ast.expr = target
        while isinstance(inner, (ast.Attribute, ast.Subscript)):
            inner = inner.value
        if isinstance(inner, ast.Name) and (inner is not target or isinstance(node, ast.AugAssign)):
            found.add(inner.id)
    return found


def _kept(contents: Contents, wanted: dict[str, str]) -> list[int]:
    """Positions of the items to keep: those that define a wanted name, and those that they need."""
    binders: dict[str, list[int]] = {}
    for position, item in enumerate(contents.items):
        for name in item.binds:
            binders.setdefault(name, []).append(position)
    for name, positions in binders.items():
        written = [p for p in positions if not contents.items[p].stub]
        binders[name] = written or positions

    def defining(name: str, before: int | None = None) -> list[int]:
        """The last sure definition of a name, and later statements that may change it."""
        candidates = [p for p in binders.get(name, []) if before is None or p < before]
        sure = max((p for p in candidates if contents.items[p].sure), default=-1)
        return [p for p in candidates if p >= sure]

    kept: set[int] = set()
    todo = [p for name in wanted for p in defining(name)]
    todo += [p for p in contents.roots if not contents.items[p].binds & set(wanted)]
    while todo:
        position = todo.pop()
        if position in kept:
            continue
        kept.add(position)
        item = contents.items[position]
        todo += [p for name in item.now for p in defining(name, position)]
        todo += [p for name in item.later for p in defining(name)]
    return sorted(kept)


def _written(contents: Contents, kept: list[int], head: list[str]) -> dict[str, Any]:
    out = list(head)
    pieces: list[list[int]] = []

    def add(cell: int, first: int, last: int) -> None:
        if not pieces or pieces[-1][2] != cell:
            out.extend(["", "", f"# cell {cell}"])
        pieces.append([len(out) + 1, last - first + 1, cell, first])
        out.extend(contents.lines[cell][first - 1 : last])

    known = set(head)
    done: tuple[int, int] = (0, 0)
    for position in kept:
        item = contents.items[position]
        first = item.first if done[0] != item.cell else max(item.first, done[1] + 1)  # two statements on one line
        text = contents.lines[item.cell][first - 1 : item.last]
        if first <= item.last and not (item.stub and set(text) <= known):
            add(item.cell, first, item.last)
            done = (item.cell, item.last)
    for broken in contents.broken:  # at the end, so that an open bracket does not break valid code
        if broken.names:
            add(broken.cell, 1, len(contents.lines[broken.cell]))
    return {"source": "\n".join(out) + "\n", "pieces": pieces}


def _notes(contents: Contents, kept: list[int], wanted: dict[str, str]) -> list[str]:
    notes = list(contents.notes)
    for broken in contents.broken:
        if not broken.names:
            notes.append(f"cell {broken.cell} is no valid Python and was left out ({broken.why})")
    cells: dict[str, list[int]] = {}
    for item in contents.items:
        for name in item.binds & set(wanted):
            if item.sure and not item.stub and item.cell not in cells.setdefault(wanted[name], []):
                cells[wanted[name]].append(item.cell)
    for name, places in cells.items():
        if len(places) > 1:
            others = ", ".join(map(str, places[:-1]))
            notes.append(f"`{name}` is defined in cells {others} and {places[-1]}: the last one counts")
    if not cells and not any(contents.items[p].binds & set(wanted) for p in kept) and not contents.broken:
        notes.append("no cell defines a function or class of the tasks")
    more = len(notes) - MOST_NOTES
    return notes if more <= 1 else [*notes[:MOST_NOTES], f"and {more} more notes"]


def main() -> None:
    """Read a line of settings and a notebook from stdin, write the result to stdout as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    warnings.simplefilter("ignore")
    settings, _, data = sys.stdin.buffer.read().partition(b"\n")
    try:
        result = assemble(data, **json.loads(settings))
    except Unusable as problem:
        result = {"error": str(problem)}
    except (RecursionError, MemoryError):
        result = {"error": "is nested too deeply or too large; save it again in Jupyter, without outputs"}
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
