"""Say lines of a file that was made of a notebook as the notebook's own: "cell 7, line 3" in place of "line 40"."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from autograder.intake.notebook import Notebook

T = TypeVar("T")


def in_cells(value: T, notebook: Notebook) -> T:
    """The same value, usually a `Feedback`, with all its texts and lines retold."""
    found: Any = value
    if isinstance(value, str):
        found = notebook.in_cells(value)
    elif isinstance(value, tuple):
        found = tuple(in_cells(part, notebook) for part in value)
    elif is_dataclass(value) and not isinstance(value, type):
        if {"number", "text", "cell"} <= {field.name for field in fields(value)}:  # a line of the student's own text
            place = notebook.place(found.number)
            return replace(found, cell=place[0], number=place[1]) if place else found
        parts = {field.name: in_cells(getattr(value, field.name), notebook) for field in fields(value)}
        found = replace(found, **parts)
    return found
