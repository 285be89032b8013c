"""`python -m autograder`: the instructor's commands."""

from __future__ import annotations

import typer

from autograder.cli import batch, export, grade, release, report, selftest, task
from autograder.cli.status import EPILOG

app = typer.Typer(
    help="Grade submissions, one or a whole class; prepare the assignment; export grades.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (grade.grade, batch.batch, release.release, export.export, report.report, selftest.selftest, task.task):
    app.command(epilog=EPILOG)(command)

if __name__ == "__main__":
    app(prog_name="python -m autograder")
