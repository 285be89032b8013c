"""Notebooks are kept as Python files in jupytext's percent format; this makes `.ipynb` files from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

SOURCE = Path(__file__).with_name("texts")
OUT = Path("out") / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


class NotebookError(ValueError):
    """A problem that the user can correct; the message is one line."""


def names() -> list[str]:
    """All notebooks, in their order."""
    return sorted(path.stem for path in SOURCE.glob("[0-9]*.py"))


def chosen(asked: list[str]) -> list[str]:
    """The notebooks whose names begin with one of these ("3"); all if the list is empty.

    Raises:
        NotebookError: a name fits no notebook; the message lists all names.
    """
    found = []
    for name in asked:
        matches = [each for each in names() if each.startswith(name.removesuffix(".ipynb").removesuffix(".py"))]
        if not matches:
            raise NotebookError(f"there is no notebook '{name}'; choose from {', '.join(names())}")
        found += matches
    return found or names()


def build(name: str) -> NotebookNode:
    """Return one of the notebooks, without outputs."""
    return convert((SOURCE / f"{name}.py").read_text(encoding="utf-8"))


def convert(text: str) -> NotebookNode:
    """Convert a text in percent format to a notebook without outputs; the same text gives the same notebook."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        cell.metadata = nbformat.from_dict({})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return notebook


def outputs(notebook: NotebookNode) -> Iterator[Any]:
    """Every output of every cell of an executed notebook."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def fingerprint(dml: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(dml.read_bytes()).hexdigest()


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(notebook))


def as_bytes(notebook: NotebookNode) -> bytes:
    """The bytes of the notebook's file."""
    return (nbformat.writes(notebook) + "\n").encode("utf-8")
