"""`python -m autograder export`: grades for learning platforms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from assignment.manifest import load
from autograder.cli.options import wide
from autograder.cli.status import (
    UNUSABLE,
    USAGE,
    stop,
    unwritable,
)


def export(
    records: Annotated[
        list[Path], typer.Argument(metavar="OUT…", help="What `batch --out` wrote, or record.json files.")
    ],
    moodle: Annotated[Optional[Path], typer.Option(metavar="SHEET", help="Moodle's grading worksheet to fill.")] = None,
    canvas: Annotated[Optional[Path], typer.Option(metavar="SHEET", help="Canvas's gradebook to fill.")] = None,
    column: Annotated[str, typer.Option(help="Canvas: the assignment's name or number.")] = "",
    scale: Annotated[bool, typer.Option("--scale", help="The sheet's maximum is another: scale the points.")] = False,
    out: Annotated[Optional[Path], typer.Option(help="The filled sheet; else beside it, `…-filled.csv`.")] = None,
    brute: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write BRUTE's `login;points`.")] = None,
    csv: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write a table of everything.")] = None,
    junit: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write JUnit XML, a suite each.")] = None,
    gradescope: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Write results.json; of a class, a folder of them.")
    ] = None,
    leaderboard: Annotated[bool, typer.Option("--leaderboard", help="Gradescope: publish P@1.")] = False,
    bonus: Annotated[bool, typer.Option(help="Bonus points count.")] = True,
    nbgrader: Annotated[Optional[Path], typer.Option(metavar="GRADEBOOK", help="nbgrader's gradebook.db.")] = None,
    student: Annotated[str, typer.Option(metavar="ID", help="nbgrader: whose the one record is.")] = "",
    assignment: Annotated[str, typer.Option(help="nbgrader: its name, if it is not the course's own.")] = "",
    add_students: Annotated[bool, typer.Option("--add-students", help="nbgrader: create unknown students.")] = False,
) -> None:
    """Write grades for a learning platform; points are those after lateness. In nbgrader, manual grades stay."""
    from autograder.exports import ExportError, OptionError
    from autograder.exports.write import Wanted, export_class
    from autograder.nbgrader import CourseError

    wanted = Wanted(moodle, canvas, brute, csv, junit, gradescope, out, column, bonus, scale, leaderboard)
    if nbgrader is None and not wanted.anything():
        stop(USAGE, "say for whom: --moodle, --canvas, --brute, --csv, --junit, --gradescope or --nbgrader")
    try:
        if wanted.anything():
            export_class(records, wanted, load(), Console())
        if nbgrader is not None:
            from autograder.nbgrader.exporting import export_records

            export_records(nbgrader, records, load(), wide(Console()), student, assignment, add_students)
    except OptionError as problem:
        stop(USAGE, str(problem))
    except (CourseError, ExportError) as problem:
        stop(UNUSABLE, str(problem))
    except OSError as problem:
        unwritable(problem)
