"""Replace lines of a file that was assembled from a notebook by lines of its cells: "cell 7, line 3", not "line 40"."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from autograder.intake.notebook import Notebook

T = TypeVar("T")


def in_cells(value: T, notebook: Notebook) -> T:
    """Return the value, usually a `Feedback`, with the lines in all its texts replaced."""
    found: Any = value
    if isinstance(value, str):
        found = notebook.in_cells(value)
    elif isinstance(value, tuple):
        found = tuple(in_cells(part, notebook) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        if {"number", "text", "cell"} <= {field.name for field in fields(value)}:  # a SourceLine
            cell = notebook.place(found.number)
            return replace(found, cell=cell[0], number=cell[1]) if cell else found
        parts = {field.name: in_cells(getattr(value, field.name), notebook) for field in fields(value)}
        found = replace(found, **parts)
    return found
