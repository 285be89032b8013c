"""`python -m autograder release`: make the template and the students' bundle, an nbgrader course, Gradescope's zip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from autograder.cli.status import (
    FAULT,
    USAGE,
    stop,
)


def release(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a file is out of date or something leaks.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Output folder for the students' bundle.")] = Path("dist"),
    nbgrader: Annotated[
        Optional[Path], typer.Option(metavar="DIR", help="Instead build a course for nbgrader in this folder.")
    ] = None,
    gradescope: Annotated[
        Optional[Path], typer.Option(metavar="FILE.zip", help="Instead write Gradescope's autograder to this file.")
    ] = None,
) -> None:
    """Make template/dml.py and the students' bundle from the reference; check that the bundle has no solutions."""
    from autograder.nbgrader import CourseError
    from autograder.release import ReleaseError
    from autograder.release import release as make

    if check and (nbgrader is not None or gradescope is not None):
        stop(
            USAGE,
            "--check: it checks the students' bundle; leave out --nbgrader and --gradescope",
        )
    try:
        if nbgrader is None and gradescope is None:
            make(check=check, out=out)
        if nbgrader is not None:
            from autograder.nbgrader.course import build

            for line in build(nbgrader).lines:
                typer.echo(line)
        if gradescope is not None:
            from autograder.exports.gradescope.build import build as build_zip

            typer.echo(build_zip(gradescope))
    except (ReleaseError, CourseError) as problem:
        stop(FAULT, str(problem))
