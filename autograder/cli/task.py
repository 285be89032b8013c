"""`python -m autograder task`: where everything about one task is."""

from __future__ import annotations

from typing import Annotated

import typer

from assignment.manifest import UnknownTaskError
from autograder.cli.options import load_manifest
from autograder.cli.status import USAGE, stop


def task(task_id: Annotated[str, typer.Argument(metavar="ID", help="Id or number of a task.")] = "") -> None:
    """Print where a task's stub, reference, tests, hints and known mistakes are; without an id, list the tasks."""
    from autograder.release import task_page

    manifest = load_manifest()
    try:
        typer.echo(task_page.page(manifest.task(task_id), manifest) if task_id else task_page.listing(manifest))
    except UnknownTaskError as problem:
        stop(USAGE, problem)
