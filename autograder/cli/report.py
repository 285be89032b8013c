"""`python -m autograder report`: the class page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from autograder.cli.options import load_manifest
from autograder.cli.status import (
    UNUSABLE,
    stop,
    unwritable,
)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Output folder of `batch`.")],
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="A page for the students: no names, P@1 under pseudonyms.")
    ] = False,
    out: Annotated[
        Optional[Path], typer.Option(help="File of the page; by default class.html in DIR, or class-shared.html.")
    ] = None,
) -> None:
    """Make the class page again, or one without names for the students."""
    from autograder.classroom.class_file import ClassFileError
    from autograder.reports.class_page.making import make

    try:
        page = make(folder, load_manifest(), pseudonyms=pseudonyms, out=out)
    except ClassFileError as problem:
        stop(UNUSABLE, str(problem))
    except OSError as problem:
        unwritable(problem)
    typer.echo(f"class page: {page}")
