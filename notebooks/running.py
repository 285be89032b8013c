"""Execute a notebook in its own kernel and summarise the run in one line."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from assignment.walkthrough.material import DATA_VARIABLE, SAMPLE
from assignment.walkthrough.student import FILE_VARIABLE
from notebooks.source import build, fingerprint, outputs

SECONDS = 1800  # limit of one cell: it may train on a whole data set


@dataclass(frozen=True)
class Ran:
    """An executed notebook.

    Attributes:
        notebook: with its outputs. seconds: wall clock. problem: why it stopped, "" if all cells ran.
        to_do: numbers of the tasks that skipped sections need.
    """

    name: str
    notebook: NotebookNode
    seconds: float
    problem: str
    to_do: list[int]

    def line(self) -> str:
        """The run in one line."""
        if self.problem:
            return f"{self.name}: {self.problem}"
        pictures = sum("image/png" in each.get("data", {}) for each in outputs(self.notebook))
        waits = f", waits for tasks {', '.join(map(str, self.to_do))}" if self.to_do else ""
        return f"{self.name}: {len(self.notebook.cells)} cells, {pictures} pictures, {self.seconds:.0f} s{waits}"


def run(name: str, dml: Path, folder: Path, sample: bool = False, root: Path | None = None) -> Ran:
    """Build and execute a notebook.

    Args:
        dml: the file that it imports. folder: the working folder of its kernel.
        sample: use the embedded sample instead of the data sets. root: folder of the data sets, by default `data/`.
    """
    environment = {**os.environ, FILE_VARIABLE: str(dml.resolve())}
    if sample or root:
        environment[DATA_VARIABLE] = SAMPLE if sample else str(Path(root or "").resolve())
    notebook = build(name)
    notebook.metadata["ran_with"] = fingerprint(dml)
    folder.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # without it every kernel warns about its local sockets
    )
    started, problem = time.perf_counter(), ""
    try:
        client.execute(env=environment)
    except CellExecutionError as failure:
        problem = f"cell {failed_cell(notebook)} raises {failure.ename}: {' '.join(failure.evalue.split())}"
    except (CellTimeoutError, DeadKernelError) as failure:
        problem = f"cell {failed_cell(notebook)}: {type(failure).__name__} ({' '.join(str(failure).split())[:120]})"
    return Ran(name, notebook, time.perf_counter() - started, problem, asked_for(notebook))


def asked_for(notebook: NotebookNode) -> list[int]:
    """Numbers of the tasks that skipped sections need, without duplicates."""
    about = (each.get("metadata", {}).get("walkthrough", {}) for each in outputs(notebook))
    return sorted({number for each in about for number in each.get("to_do", [])})


def failed_cell(notebook: NotebookNode) -> int:
    """Number of the cell, from 1, that was executed last."""
    done = [number for number, cell in enumerate(notebook.cells, 1) if cell.get("execution_count")]
    return done[-1] if done else 1
