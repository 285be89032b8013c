"""`python -m assignment …`: the commands for students. Heavy modules are imported by the command that needs them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Check your dml.py, train with it, and plot the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Dml = Annotated[Path, typer.Argument(metavar="DML", help="Your dml.py.")]
Recipe = Annotated[Path | None, typer.Argument(metavar="[RECIPE.toml]", help="Settings that differ from the defaults.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting; may be given several times.")
]


@app.callback()
def commands() -> None:
    """Check your dml.py, train with it, and plot the results."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The file to check.")] = Path("dml.py"),
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Id or number of a task; may be given several times.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever the file is saved.")] = False,
    hint: Annotated[int, typer.Option("--hint", count=True, help="Show a hint; twice shows two.")] = 0,
    hints: Annotated[int, typer.Option("--hints", min=0, help="Number of hints to show.")] = 0,
) -> None:
    """Run the public checks on your file: show the first failing task, then the status of all tasks.

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


@app.command()
def train(
    dml: Dml,
    recipe: Recipe = None,
    settings: Set = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; by default a new one below out/.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
) -> None:
    """Train with your functions; show P@1 on validation classes after each epoch, on test classes once at the end.

    The recipe overrides the default settings, --set overrides both (`python -m assignment config` lists all settings).
    On several GPUs: torchrun --nproc_per_node=N -m assignment train …

    Exit status: 0 done, 1 the loss or a gradient was not finite, 2 an error in the input, 130 stopped (continue with
    --resume).
    """
    with one_line_errors():
        from rich.console import Console

        from assignment.checking.load import load_module
        from assignment.training import config

        if resume and out is None:
            raise ValueError("--resume: needs --out, the folder of the run")
        given = recipe or (out / "config.toml" if resume and out else None)  # the settings of the run
        chosen = config.resolve(given, split(settings))

        from assignment.training import loop, runs  # takes seconds to import: after the settings are checked

        folder = out or runs.fresh(Path("out") / (recipe.stem if recipe else "train"))
        try:
            loop.train_run(load_module(dml), chosen, folder, Console(highlight=False), resume)
        except loop.Diverged as problem:
            print(problem, file=sys.stderr)
            raise typer.Exit(1) from None


@app.command()
def evaluate(
    dml: Dml,
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="best.pt of a run.")],
    part: Annotated[str, typer.Option("--part", help="val or test.")] = "test",
    settings: Set = None,
    write: Annotated[Path | None, typer.Option("--json", help="Write all metrics to this file.")] = None,
) -> None:
    """Evaluate a checkpoint: retrieval, verification, few-shot. --set root=… gives the present folder of the data.

    Exit status: 0 done, 2 an error in the input.
    """
    with one_line_errors():
        from rich.console import Console
        from rich.table import Table

        from assignment.checking.load import load_module
        from assignment.files import write_whole
        from assignment.plots import table
        from assignment.training import loop

        tree = loop.evaluate_checkpoint(load_module(dml), checkpoint, part, split(settings))
        shown = Table(f"{tree['data']}, {tree['protocol']}, {part}", "")
        for name, values in table.rows({part: tree}).items():
            shown.add_row(name, *values)
        console = Console(highlight=False)
        console.print(shown)
        for line in filter(None, [tree["note"], *table.undefined(tree)]):
            console.print(line, soft_wrap=True, markup=False)
        if write:
            write_whole(write, json.dumps(tree, indent=1, ensure_ascii=False) + "\n")


@app.command()
def plots(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="The folder of a run.")],
    dml: Annotated[Path, typer.Option("--dml", help="The file that the run was trained with.")] = Path("dml.py"),
    compare: Annotated[
        list[Path] | None, typer.Option("--compare", help="Another run with the same data; may be given several times.")
    ] = None,
    part: Annotated[str, typer.Option("--part", help="val or test.")] = "test",
) -> None:
    """Plot a run: retrieval grids, curves, embeddings and Grad-CAM, in one page, RUN_DIR/index.html.

    Exit status: 0 done, 2 an error in the input.
    """
    with one_line_errors():
        from assignment.checking.load import load_module
        from assignment.plots import make

        if part not in ("val", "test"):
            raise ValueError(f"--part {part}: unknown; choose val or test")
        page = make(
            run_dir, load_module(dml), compare=compare or [], part=part, log=lambda line: print(line, file=sys.stderr)
        )
        print(page)


@app.command(name="config")
def show_config(recipe: Recipe = None, settings: Set = None) -> None:
    """Print all settings with their meaning as a TOML file: the defaults, overridden by a recipe and --set.

    Exit status: 0 done, 2 an error in the input.
    """
    with one_line_errors():
        from assignment.training import config

        print(config.explain(config.resolve(recipe, split(settings))), end="")


def split(settings: list[str] | None) -> dict[str, str]:
    """Split each `name=value`; ValueError if there is no `=`."""
    found = {}
    for each in settings or []:
        name, equals, value = each.partition("=")
        if not equals:
            raise ValueError(f"--set {each}: has no `=`; write --set name=value")
        found[name.strip()] = value.strip()
    return found


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the command with one line and exit status 2 at an error that the user can correct."""
    from assignment.checking.load import LoadError

    try:
        yield
    except (LoadError, ValueError, OSError) as problem:
        rank = os.environ.get("RANK", "0")
        print(f"{'' if rank == '0' else f'process {rank}: '}{problem}", file=sys.stderr)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        print("stopped; continue a run with --resume", file=sys.stderr)
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app(prog_name="python -m assignment")
