"""`python -m autograder report`: the page of a class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from assignment.manifest import load
from autograder.cli.status import (
    UNUSABLE,
    stop,
    unwritable,
)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `batch --out` wrote.")],
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="A page for the class to see: no names, P@1 under drawn ones.")
    ] = False,
    out: Annotated[Optional[Path], typer.Option(help="The page; else class.html there, or class-shared.html.")] = None,
) -> None:
    """Make the page of a class again, or one that the class may see. With 1,000 students it opens within a second."""
    from autograder.classroom.class_file import ClassFileError
    from autograder.reports.class_page.making import make

    try:
        page = make(folder, load(), pseudonyms=pseudonyms, out=out)
    except ClassFileError as problem:
        stop(UNUSABLE, str(problem))
    except OSError as problem:
        unwritable(problem)
    typer.echo(f"the class: {page}")
