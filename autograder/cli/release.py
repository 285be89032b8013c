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
        bool, typer.Option("--check", help="Change nothing; fail if something is stale or leaks.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the student bundle.")] = Path("dist"),
    nbgrader: Annotated[
        Optional[Path], typer.Option(metavar="DIR", help="Build a course for nbgrader there instead.")
    ] = None,
    gradescope: Annotated[
        Optional[Path], typer.Option(metavar="FILE.zip", help="Write Gradescope's autograder there instead.")
    ] = None,
) -> None:
    """Make template/dml.py and the students' bundle from the reference; prove that the bundle gives nothing away."""
    from autograder.nbgrader import CourseError
    from autograder.release import ReleaseError
    from autograder.release import release as make

    if check and (nbgrader is not None or gradescope is not None):
        stop(USAGE, "--check goes with the students' bundle: what the other two build is checked whenever it is built")
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
