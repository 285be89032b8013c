"""Options that several commands share."""

from __future__ import annotations

from rich.console import Console

from assignment.manifest import Manifest, ManifestError, UnknownTaskError, load
from autograder.cli.status import UNTRUSTED, USAGE, stop


def load_manifest() -> Manifest:
    """Return the manifest of the assignment; stop if it is faulty."""
    try:
        return load()
    except ManifestError as problem:
        stop(UNTRUSTED, f"the manifest is faulty, not a submission: {problem}")


def wide(console: Console) -> Console:
    """Return a console for wide tables, since the width is unknown if the output is not a terminal."""
    return console if console.is_terminal else Console(width=150)


def task_ids(tasks: list[str], manifest: Manifest) -> list[str] | None:
    """Return the ids of tasks given by id or number, None if none are given; stop at an unknown one."""
    try:
        return [manifest.task(task).id for task in tasks] or None
    except UnknownTaskError as problem:
        stop(USAGE, problem)
