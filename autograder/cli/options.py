"""Options that several commands share."""

from __future__ import annotations

import difflib

from rich.console import Console

from assignment.manifest import Manifest
from autograder.cli.status import USAGE, stop


def wide(console: Console) -> Console:
    """Return a console for wide tables, since the width is unknown if the output is not a terminal."""
    return console if console.is_terminal else Console(width=150)


def task_ids(tasks: list[str], manifest: Manifest) -> list[str] | None:
    """Return the ids of tasks given by id or number, None if none are given; stop at an unknown one."""
    ids = [task.id for task in manifest.tasks]
    numbers = {str(task.number): task.id for task in manifest.tasks}
    chosen = [numbers.get(task, task) for task in tasks]
    for task in chosen:
        if task not in ids:
            close = difflib.get_close_matches(task, ids, n=1)
            advice = f"did you mean '{close[0]}'?" if close else f"tasks: {', '.join(ids)}"
            stop(USAGE, f"unknown task '{task}'; {advice}")
    return chosen or None
