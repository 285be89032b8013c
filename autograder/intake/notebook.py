"""Turn a notebook into the file that is graded; `cells.py` does it in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from assignment.manifest import Manifest
from autograder.intake.errors import IntakeError

NOTEBOOK_MB = 32  # with many plots; a notebook of 100 MB has printed in a loop
SECONDS = 60.0
PROGRAM = Path(__file__).with_name("cells.py")
TEMPLATE = Path(__file__).parents[2] / "template" / "dml.py"
LINE = re.compile(r"\bline (\d{1,9})\b")


@dataclass(frozen=True)
class Notebook:
    """Where the lines of an assembled file come from.

    Attributes:
        cells: (first line in the file, number of lines, cell, first line in the cell); cells (including text cells) and
            lines count from 1. notes: what was left out or was ambiguous, one sentence each.
    """

    cells: tuple[tuple[int, int, int, int], ...]
    notes: tuple[str, ...]

    def place(self, line: int) -> tuple[int, int] | None:
        """The cell, and the line in it, of a line of the file; None for a line of the template's head."""
        for first, count, cell, inner in self.cells:
            if first <= line < first + count:
                return cell, inner + line - first
        return None

    def in_cells(self, text: str) -> str:
        """The text with "cell 7, line 3" instead of "line 40"."""

        def replaced(match: re.Match[str]) -> str:
            place = self.place(int(match[1]))
            return match[0] if place is None else f"cell {place[0]}, line {place[1]}"

        return LINE.sub(replaced, text)


def assemble(data: bytes, name: str, manifest: Manifest) -> tuple[str, Notebook]:
    """Return the file assembled from a notebook's cells, and where its lines come from.

    Args:
        data: bytes of the `.ipynb`. name: of the file, for messages. manifest: names, aliases and the limit of size.

    Raises:
        IntakeError: too large, not JSON, not a Python notebook of format 4, or without code cells.
    """
    if len(data) > NOTEBOOK_MB << 20:
        raise IntakeError(
            f"{name} has {len(data) / 1e6:.1f} MB, the limit is {NOTEBOOK_MB} MiB; "
            "clear the outputs of all cells and save it"
        )
    names = {name: manifest.known_as(name)[1:] for task in manifest.tasks for name in task.names}
    tags = [task.id for task in manifest.tasks]
    settings = json.dumps({"names": names, "template": TEMPLATE.read_text(encoding="utf-8"), "tags": tags}).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(PROGRAM)],
            input=settings + b"\n" + data,
            capture_output=True,
            timeout=SECONDS,
            env={},
        )
        result = json.loads(done.stdout) if done.returncode == 0 else {}
    except (subprocess.TimeoutExpired, ValueError):
        result = {}
    if "source" not in result:
        problem = result.get("error", "cannot be read; its cells are too large or nested too deeply")
        raise IntakeError(f"{name} {problem}")
    source = str(result["source"])
    if len(source.encode()) > manifest.limits.source_kb << 10:
        raise IntakeError(f"{name} holds more than {manifest.limits.source_kb} KB of code; keep what the tasks need")
    return source, Notebook(tuple(tuple(piece) for piece in result["pieces"]), tuple(result["notes"]))
