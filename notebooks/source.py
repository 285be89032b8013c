"""The one source: a notebook is a Python file in jupytext's percent format, and an `.ipynb` is made from it."""

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
    """The user can put it right; the message is one line."""


def names() -> list[str]:
    """All notebooks, in their order."""
    return sorted(path.stem for path in SOURCE.glob("[0-9]*.py"))


def chosen(asked: list[str]) -> list[str]:
    """The notebooks with these names, or that begin with them ("3"); all if none is asked for.

    Raises:
        NotebookError: there is none; the message lists those that there are.
    """
    found = []
    for name in asked:
        matches = [each for each in names() if each.startswith(name.removesuffix(".ipynb").removesuffix(".py"))]
        if not matches:
            raise NotebookError(f"there is no notebook '{name}'; choose from {', '.join(names())}")
        found += matches
    return found or names()


def build(name: str) -> NotebookNode:
    """Make one of the notebooks, without outputs."""
    return convert((SOURCE / f"{name}.py").read_text(encoding="utf-8"))


def convert(text: str) -> NotebookNode:
    """Make a notebook of a text in percent format, without outputs; the same text gives the same notebook."""
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
    """Tells one file from another."""
    return hashlib.sha256(dml.read_bytes()).hexdigest()


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(notebook))


def as_bytes(notebook: NotebookNode) -> bytes:
    """What stands in the notebook's file."""
    return (nbformat.writes(notebook) + "\n").encode("utf-8")
