"""Read, parse and import a student's file at home; everything that can be wrong with it is one line of text.

The file is executed in this process. Code that you do not trust belongs in the sandbox.
"""

from __future__ import annotations

import ast
import io
import sys
import traceback
import types
import warnings
from pathlib import Path

from assignment.manifest import load as load_manifest
from assignment.source import SourceError, decode

MODULE_NAME = "student_dml"  # not the file's name: a file called random.py must not replace a library


class LoadError(Exception):
    """The file cannot be used.

    Attributes:
        line, column: where, counted from 1; 0 if unknown.
        excerpt: the line of source, with a caret below the column; "" if unknown.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0, excerpt: str = "") -> None:
        super().__init__(" ".join(message.split()))
        self.line, self.column, self.excerpt = line, column, excerpt


def read_source(path: str | Path) -> str:
    """Return the text of a Python file with universal newlines; LoadError if it cannot be read or decoded."""
    path = Path(path)
    kilobytes = load_manifest().limits.source_kb
    try:
        if path.is_dir():
            raise LoadError(f"{path} is a folder; give the file in it, e.g. {path / load_manifest().file}")
        if path.exists() and not path.is_file():
            raise LoadError(f"{path} is not an ordinary file")
        if path.stat().st_size > kilobytes * 1024:
            raise LoadError(f"{path} is larger than {kilobytes} KB: is it the file you meant?")
        data = path.read_bytes()
    except FileNotFoundError:
        raise LoadError(f"{path}: there is no such file") from None
    except OSError as problem:
        raise LoadError(f"{path} cannot be read: {problem.strerror}") from None
    if not data.strip():
        raise LoadError(f"{path} is empty")
    try:
        return io.StringIO(decode(data, str(path)), newline=None).read()
    except SourceError as problem:
        raise LoadError(str(problem), problem.line) from None


def parse_source(path: str | Path, source: str) -> ast.Module:
    """Return the syntax tree; LoadError with line, column and a caret if the text is not Python."""
    try:
        with warnings.catch_warnings():  # compiling the file reports an invalid escape again
            warnings.simplefilter("ignore")
            return ast.parse(source, str(path))
    except SyntaxError as problem:
        line, column = problem.lineno or 0, problem.offset or 0
        text = (problem.text or "").rstrip("\n").expandtabs(1)
        excerpt = f"{text}\n{' ' * max(0, column - 1)}^" if text.strip() else ""
        place = f"line {line}, column {column}" if line else "somewhere"
        raise LoadError(f"{path}, {place}: syntax error: {problem.msg}", line, column, excerpt) from None
    except (RecursionError, MemoryError):
        raise LoadError(f"{path} is nested too deeply to be read") from None
    except ValueError as problem:
        raise LoadError(f"{path} is not Python: {problem}") from None


def load_module(path: str | Path) -> types.ModuleType:
    """Import a file, also one that was imported before; LoadError in one line if that fails.

    The module is registered as `student_dml`, so that dataclasses and pickle find it; a later call replaces it.
    """
    path = Path(path)
    tree = parse_source(path, read_source(path))
    module = types.ModuleType(MODULE_NAME)
    module.__file__ = str(path)
    sys.modules[MODULE_NAME] = module
    try:
        exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
    except SystemExit as problem:
        line = line_in(path, problem)
        raise LoadError(
            f"{path}, line {line}: importing the file ends the program (exit {problem.code})", line
        ) from None
    except (RecursionError, MemoryError) as problem:
        line = line_in(path, problem)
        raise LoadError(f"{path}, line {line}: importing the file raises {type(problem).__name__}", line) from None
    except SyntaxError as problem:  # only the compiler finds it, such as a return outside a function
        line, column = problem.lineno or 0, problem.offset or 0
        raise LoadError(f"{path}, line {line}, column {column}: syntax error: {problem.msg}", line, column) from None
    except Exception as problem:
        line = line_in(path, problem)
        what = f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
        raise LoadError(f"{path}, line {line}: importing the file raises {what}", line) from None
    return module


def line_in(path: str | Path, problem: BaseException) -> int:
    """The last line of the file in the traceback of the exception; 0 if there is none."""
    lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == str(path)]
    return (lines[-1] or 0) if lines else 0
