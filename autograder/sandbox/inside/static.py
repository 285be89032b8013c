"""Examine a submitted file without running it: syntax errors, loops, suspicious names.

This runs in the isolated process of the submission, because a hostile file may crash the parser, and before any of the
file's code.

A syntax error costs only what it breaks: the function around it is replaced by one that raises the error, and the rest
of the file is graded as usual.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assignment.checking.loops import every_node, find_loops

MAX_REPAIRS = 20
SUSPICIOUS_MODULES = frozenset(
    "autograder builtins ctypes faulthandler gc importlib inspect mmap multiprocessing os pickle pty resource shutil "
    "signal site socket solution subprocess sys threading".split()
)
SUSPICIOUS_BUILTINS = frozenset("compile eval exec globals setattr".split())  # but not model.eval()
SUSPICIOUS_NAMES = frozenset(
    "__builtins__ __class__ __import__ __loader__ __subclasses__ _exit _getframe fork kill".split()
)
BLOCK_START = re.compile(r"[^\s#)\]}]")
HEADER = re.compile(r"\s*(?:async\s+)?(def|class)\s+(\w+)")


@dataclass(frozen=True)
class SyntaxProblem:
    """One syntax error: its place, Python's message, and the name that is lost with it ("" for the whole file)."""

    line: int
    column: int
    message: str
    lost: str


def examine(source: str, names: dict[str, list[str]]) -> tuple[str, dict[str, Any]]:
    """Return the source that can be run, and the findings as a plain tree.

    The findings: `syntax` (list of SyntaxProblem as dicts), `usable` (False if nothing could be saved), `loops` (for
    each of `names`, which maps a name to its aliases: list of "line 12: for loop"), `flags` (list of "line 3: import
    os").
    """
    repaired, problems = repair(source)
    findings: dict[str, Any] = {"syntax": [vars(p) for p in problems], "usable": repaired is not None}
    findings.update(loops={}, flags=[])
    if repaired is None:
        return "", findings
    tree = parsed(repaired)
    findings["loops"] = {
        name: [f"line {line}: {what}" for line, what in find_loops(tree, name, aliases)]
        for name, aliases in names.items()
    }
    findings["flags"] = find_flags(tree)
    return repaired, findings


@lru_cache(maxsize=1)
def parsed(source: str) -> ast.Module:
    """Parse; the tree of the last text is cached, since it is needed three times."""
    return ast.parse(source)


def repair(source: str) -> tuple[str | None, list[SyntaxProblem]]:
    """Replace every block that has a syntax error; the source is None if too many are left."""
    problems: list[SyntaxProblem] = []
    lines = re.split(r"\r\n|\r|\n", source)  # splitlines would also split at characters that are no line ends in Python
    whole_blocks: set[int] = set()
    for _ in range(MAX_REPAIRS):
        try:
            parsed("\n".join(lines) + "\n")
            return "\n".join(lines) + "\n", problems
        except SyntaxError as problem:
            line = min(max(problem.lineno or 1, 1), len(lines))
            message = problem.msg or "invalid syntax"
        except (RecursionError, MemoryError, ValueError) as problem:
            return None, [*problems, SyntaxProblem(1, 0, f"cannot be parsed ({type(problem).__name__})", "")]
        column = problem_column(source, line, message)
        start, end = enclosing_block(lines, line - 1, whole_blocks)
        lost = replace_block(lines, start, end, line, message)
        whole_blocks.add(line - 1)
        problems.append(SyntaxProblem(line, column, message, lost))
    return None, problems


def problem_column(source: str, line: int, message: str) -> int:
    """Return the column (from 1) of the first syntax error if it is this one, else 0."""
    try:
        ast.parse(source)
    except SyntaxError as problem:
        return (problem.offset or 0) if problem.lineno == line and problem.msg == message else 0
    return 0


def enclosing_block(lines: list[str], index: int, seen: set[int]) -> tuple[int, int]:
    """Return the first line, and one past the last, of the function, method or statement around a line.

    A line with a second error takes the whole top-level block with it.
    """
    starts = [i for i, text in enumerate(lines) if BLOCK_START.match(text)]
    start = max((i for i in starts if i <= index), default=0)
    while start > 0 and lines[start - 1].startswith("@"):
        start -= 1
    later = [i for i in starts if i > index and not lines[i].startswith(("else", "elif", "except", "finally"))]
    end = min(later, default=len(lines))
    if HEADER.match(lines[start]) and lines[start].lstrip().startswith("class") and index not in seen:
        methods = [i for i in range(start + 1, end) if re.match(r"\s+(?:async\s+)?def\s|\s+@\w", lines[i])]
        own = [i for i in methods if i <= index]
        if own:
            start = own[-1]
            indent = len(lines[start]) - len(lines[start].lstrip())
            following = [i for i in methods if i > index and len(lines[i]) - len(lines[i].lstrip()) <= indent]
            end = min(following, default=end)
    return start, end


def replace_block(lines: list[str], start: int, end: int, line: int, message: str) -> str:
    """Replace a block by one of the same number of lines that raises the error; return the name that is lost."""
    header_at = next((i for i in range(start, end) if HEADER.match(lines[i])), None)
    replacement = [""] * (end - start)
    lost = ""
    if header_at is not None:
        header = HEADER.match(lines[header_at])
        indent = lines[header_at][: len(lines[header_at]) - len(lines[header_at].lstrip())]
        lost = header[2] if header else ""
        body = f"raise SyntaxError({f'line {line}: {message}'!r})"
        if header and header[1] == "class":
            replacement[0] = f"{indent}class {lost}:\n{indent}    def __init__(self, *_, **__): {body}"
        else:
            replacement[0] = f"{indent}def {lost}(*_, **__): {body}"
    lines[start:end] = replacement
    return lost


def find_flags(tree: ast.Module) -> list[str]:
    """List imports and names that a solution rarely needs; only the instructor sees them."""
    found: list[tuple[int, str]] = []
    for node in every_node(tree):
        if isinstance(node, ast.Name) and node.id in SUSPICIOUS_BUILTINS | SUSPICIOUS_NAMES:
            found.append((node.lineno, node.id))
        elif isinstance(node, ast.Attribute) and (node.attr in SUSPICIOUS_NAMES or _is_sys_modules(node)):
            found.append((node.lineno, "sys.modules" if node.attr == "modules" else node.attr))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [(node.lineno, f"import {m}") for m in modules if m.split(".")[0] in SUSPICIOUS_MODULES]
    return [f"line {line}: {what}" for line, what in sorted(set(found))[:50]]


def _is_sys_modules(node: ast.Attribute) -> bool:
    return node.attr == "modules" and isinstance(node.value, ast.Name) and node.value.id == "sys"
