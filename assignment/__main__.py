"""`python -m assignment …`: the student's commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Work on your dml.py: check it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def commands() -> None:
    """Check your dml.py at home."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file to check.")] = Path("dml.py"),
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Id or number of a task; may be given several times.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever the file is saved.")] = False,
    hint: Annotated[int, typer.Option("--hint", count=True, help="Show a hint; twice shows two.")] = 0,
    hints: Annotated[int, typer.Option("--hints", min=0, help="Show so many hints.")] = 0,
) -> None:
    """Run the public checks on your file: the first failing task, then what is done.

    Exit status: 0 all checks passed (bonus tasks that you have not begun do not count), 1 some failed or are to do,
    2 the file cannot be used or an option is wrong.
    """
    from rich.console import Console

    from assignment import check as checking

    console = Console(highlight=False)
    run = checking.watch if watch else checking.check
    try:
        status = run(file, task or [], max(hint, hints), console)
    except KeyboardInterrupt:
        console.print("stopped")
        raise typer.Exit(130) from None
    raise typer.Exit(status)


if __name__ == "__main__":
    app(prog_name="python -m assignment")
