"""Put the answers of a submitted notebook into the released notebook.

nbgrader trusts the metadata of submitted cells: a cell without its id loses its points, invalid metadata stop the
autograder, and a script in a text cell runs in the grader's browser. Therefore only the text of cells is taken from the
submitted notebook: answers go to the cells with their ids, other cells are kept below the cell they follow.
"""

from __future__ import annotations

import copy
import json
import re
from typing import Any

Tree = dict[str, Any]
MOST_CELLS, MOST_CHARACTERS = 1000, 200_000
HEADER = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)", re.MULTILINE)
MARKUP = re.compile(r"<(?=[A-Za-z/!?])")
SCRIPT_LINK = re.compile(r"(?i)(javascript|vbscript|data)\s*:")


def merged(submitted: bytes, released: Tree) -> Tree:
    """Return the released notebook with the answers of the submitted one, or without answers if it cannot be read."""
    solutions = {_id(cell) for cell in released["cells"] if cell["metadata"]["nbgrader"]["solution"]}
    known = {_id(cell) for cell in released["cells"]}
    answers: dict[str, str] = {}
    extras: dict[str, list[Tree]] = {}
    before = ""
    for kind, text, name in reversed(_texts(submitted)):  # of several answers the last one counts, as in grading
        if name not in known and kind == "code":
            name = next((found for found in HEADER.findall(text) if found in solutions), name)
        if name in solutions and name not in answers:
            answers[name] = text
            before = name
        elif name in known and name not in solutions:
            before = name  # a locked cell: the released text counts
        else:
            extras.setdefault(before, []).insert(0, _plain(kind, text))
    cells: list[Tree] = []
    for cell in copy.deepcopy(released["cells"]):
        name = _id(cell)
        cells += extras.get(name, [])
        if name in answers:
            cell["source"] = answers[name] if cell["cell_type"] == "code" else without_html(answers[name])
        cells.append(cell)
    cells += extras.get("", [])
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i:02d}"
    return {**released, "cells": cells}


def without_html(text: str) -> str:
    """Markdown without HTML and script links: a tag is "<" followed by a letter, so a space goes between them."""
    return SCRIPT_LINK.sub(r"\1 :", MARKUP.sub("< ", text))


def _id(cell: Tree) -> str:
    return str(cell["metadata"]["nbgrader"]["grade_id"])


def _plain(kind: str, text: str) -> Tree:
    if kind == "code":
        return {"cell_type": "code", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
    return {"cell_type": "markdown", "metadata": {}, "source": without_html(text)}


def _texts(submitted: bytes) -> list[tuple[str, str, str]]:
    """Kind, text and nbgrader id of each cell; an empty list if the notebook cannot be read."""
    try:
        cells = json.loads(submitted.decode("utf-8-sig"))["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    found = []
    for cell in cells[:MOST_CELLS] if isinstance(cells, list) else []:
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        metadata = cell.get("metadata")
        mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
        name = mark.get("grade_id") if isinstance(mark, dict) else ""
        kind = "code" if cell.get("cell_type") == "code" else "markdown"
        if isinstance(source, str):
            text = source[:MOST_CHARACTERS].encode("utf-8", "replace").decode()
            found.append((kind, text, name if isinstance(name, str) else ""))
    return found
