"""`python -m notebooks …`: build the walkthrough notebooks, execute them, open them, collect their pictures."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn, Optional

import typer

from notebooks.source import OUT, NotebookError, build, chosen, names, write
from notebooks.source import SOURCE as SOURCES

app = typer.Typer(
    help="Build the walkthrough notebooks, execute them, open them in JupyterLab, collect their pictures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
REFERENCE = Path("solution") / "dml.py"
Names = Annotated[
    Optional[list[str]], typer.Argument(metavar="[NAME…]", help="Names or their beginnings, such as 3; by default all.")
]
Dml = Annotated[Path, typer.Option("--dml", help="The dml.py that the notebooks import.")]
Sample = Annotated[bool, typer.Option("--sample", help="Use the embedded sample instead of the data sets.")]
Root = Annotated[Optional[Path], typer.Option("--root", help="Folder of data sets and weights; by default data/.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the notebooks.")]


@app.command("build")
def build_command(asked: Names = None, out: Out = OUT) -> None:
    """Write the notebooks as .ipynb files without outputs."""
    for name in _chosen(asked):
        write(build(name), out / f"{name}.ipynb")
        print(out / f"{name}.ipynb")


@app.command()
def run(asked: Names = None, dml: Dml = REFERENCE, sample: Sample = False, root: Root = None, out: Out = OUT) -> None:
    """Execute the notebooks and print one line for each; the executed notebooks are in OUT/executed.

    Exit status: 0 all cells ran (a section that is skipped because a task is to do is not a failure), 1 a cell raised
    an exception, 2 wrong options.
    """
    if not dml.is_file():
        _stop(f"{dml}: there is no such file")
    wanted, failed = _chosen(asked), False
    from notebooks.running import run as execute  # PyTorch takes seconds

    for name in wanted:
        ran = execute(name, dml, out, sample, root)
        write(ran.notebook, out / "executed" / f"{name}.ipynb")
        print(ran.line(), flush=True)
        failed |= bool(ran.problem)
    raise typer.Exit(int(failed))


@app.command()
def gallery(out: Out = OUT) -> None:
    """Collect the pictures of executed notebooks into notebooks/gallery/."""
    from notebooks.gallery import make

    try:
        made = make(out / "executed")
    except NotebookError as problem:
        _stop(str(problem))
    print(f"{made[0]}: {len(made) - 1} pictures, {sum(path.stat().st_size for path in made) / 1e6:.2f} MB")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context, dml: Dml = REFERENCE, sample: Sample = False, out: Out = OUT) -> None:
    """Open the notebooks in JupyterLab; other options are passed on to it (--no-browser, --port=…).

    A notebook that already exists in OUT is kept, with your changes.
    """
    if not dml.is_file():
        _stop(f"{dml}: there is no such file")
    from assignment.walkthrough.material import DATA_VARIABLE, SAMPLE
    from assignment.walkthrough.student import FILE_VARIABLE

    for name in names():
        path = out / f"{name}.ipynb"
        if not path.is_file():
            write(build(name), path)
        elif path.stat().st_mtime < (SOURCES / f"{name}.py").stat().st_mtime:
            print(f"{path} is older than its source; `python -m notebooks build {name}` replaces it")
    os.environ[FILE_VARIABLE] = str(dml.resolve())
    if sample:
        os.environ[DATA_VARIABLE] = SAMPLE
    first = out.resolve() / f"{names()[0]}.ipynb"
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", str(first), *context.args])


def _chosen(asked: list[str] | None) -> list[str]:
    try:
        return chosen(asked or [])
    except NotebookError as problem:
        _stop(str(problem))


def _stop(line: str) -> NoReturn:
    print(line, file=sys.stderr)
    raise typer.Exit(2)


if __name__ == "__main__":
    app(prog_name="python -m notebooks")
