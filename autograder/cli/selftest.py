"""`python -m autograder selftest`: grade all files with a known grade."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Optional

import typer
from rich.console import Console

from autograder.cli.options import wide
from autograder.cli.status import (
    FAULT,
    OK,
    UNTRUSTED,
    stop,
)
from autograder.sandbox.backends import Isolation


class Kind(str, Enum):
    """Kinds of files with a known grade."""

    reference = "reference"
    template = "template"
    style = "style"
    misconception = "misconception"
    attack = "attack"


def selftest(
    isolation: Annotated[Isolation, typer.Option(help="Sandbox for the code.")] = Isolation.auto,
    workers: Annotated[int, typer.Option(help="Number of processes.", min=1, max=64)] = 2,
    kind: Annotated[Optional[list[Kind]], typer.Option(help="Only files of this kind; may be repeated.")] = None,
    only: Annotated[str, typer.Option(help="Only files whose name contains this.")] = "",
    seeds: Annotated[int, typer.Option(help="Grade correct files with this many seeds each.", min=0)] = 0,
) -> None:
    """Grade all files with a known grade: reference, template, misconceptions, styles, attacks; print one table."""
    from autograder.sandbox.backends import IsolationError
    from autograder.selftest import run

    try:
        faults = run.selftest(isolation.value, workers, kind or list(Kind), only, seeds, wide(Console()))
    except IsolationError as problem:
        stop(UNTRUSTED, str(problem))
    raise typer.Exit(FAULT if faults else OK)
