"""`python -m autograder export`: grades for learning platforms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console

from autograder.cli.options import load_manifest, wide
from autograder.cli.status import (
    UNUSABLE,
    USAGE,
    stop,
    unwritable,
)


def export(
    records: Annotated[
        list[Path], typer.Argument(metavar="OUT…", help="Output folder of `batch`, or record.json files.")
    ],
    moodle: Annotated[Optional[Path], typer.Option(metavar="SHEET", help="Fill in Moodle's grading worksheet.")] = None,
    canvas: Annotated[Optional[Path], typer.Option(metavar="SHEET", help="Fill in Canvas's gradebook.")] = None,
    column: Annotated[str, typer.Option(help="Canvas: name or number of the assignment.")] = "",
    scale: Annotated[bool, typer.Option("--scale", help="Scale the points to the maximum of the sheet.")] = False,
    out: Annotated[Optional[Path], typer.Option(help="The filled sheet; by default `…-filled.csv` beside it.")] = None,
    brute: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write `login;points` for BRUTE.")] = None,
    csv: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write a table of all results.")] = None,
    junit: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Write JUnit XML, one suite per student.")
    ] = None,
    gradescope: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Write results.json; for a class, a folder of them.")
    ] = None,
    leaderboard: Annotated[bool, typer.Option("--leaderboard", help="Gradescope: publish P@1.")] = False,
    bonus: Annotated[bool, typer.Option(help="Add bonus points.")] = True,
    nbgrader: Annotated[
        Optional[Path], typer.Option(metavar="GRADEBOOK", help="Write grades into nbgrader's gradebook.db.")
    ] = None,
    student: Annotated[str, typer.Option(metavar="ID", help="nbgrader: student of a single record.")] = "",
    assignment: Annotated[
        str, typer.Option(help="nbgrader: name of the assignment, if it differs from the course's.")
    ] = "",
    add_students: Annotated[bool, typer.Option("--add-students", help="nbgrader: create unknown students.")] = False,
) -> None:
    """Write grades for a learning platform, after the deduction for lateness. Manual grades in nbgrader are kept."""
    from autograder.exports import ExportError, OptionError
    from autograder.exports.write import Options, export_class
    from autograder.nbgrader import CourseError

    options = Options(moodle, canvas, brute, csv, junit, gradescope, out, column, bonus, scale, leaderboard)
    if nbgrader is None and not options.any:
        stop(USAGE, "no platform: add --moodle, --canvas, --brute, --csv, --junit, --gradescope or --nbgrader")
    try:
        if options.any:
            export_class(records, options, load_manifest(), Console())
        if nbgrader is not None:
            from autograder.nbgrader.exporting import export_records

            export_records(nbgrader, records, load_manifest(), wide(Console()), student, assignment, add_students)
    except OptionError as problem:
        stop(USAGE, str(problem))
    except (CourseError, ExportError) as problem:
        stop(UNUSABLE, str(problem))
    except OSError as problem:
        unwritable(problem)
