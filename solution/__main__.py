"""`python -m solution …`: train the recipes of the course with the reference, and write tables of the results.

Exit status: 0 done, 2 a recipe, an option or the data cannot be used.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Train the recipes with the reference and write tables of the results.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
REFERENCE = Path(__file__).with_name("dml.py")


@app.command("list")
def list_recipes() -> None:
    """List the recipes."""
    from solution import catalogue

    for recipe in catalogue.load():
        print(f"{recipe.name:28} {recipe.about}")


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(metavar="RECIPE …", help="Names of recipes.")],
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each recipe, each with another seed.")] = 1,
    first_seed: Annotated[
        int, typer.Option(min=0, help="Seed of the first run; the next runs have the following seeds.")
    ] = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="name=value: change a setting of the recipe.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the folders of the runs.")] = Path("out/recipes"),
    trial: Annotated[
        bool, typer.Option("--trial", help="For choosing settings: do not evaluate the test classes.")
    ] = False,
) -> None:
    """Train each recipe with each seed; resume interrupted runs, skip finished ones."""
    try:
        for name in names:
            for seed in range(first_seed, first_seed + seeds):
                run_one(name, {**parsed(set_ or []), "seed": str(seed)}, out / "trials" if trial else out, trial)
    except (ValueError, OSError) as problem:
        print(f"python -m solution: {problem}", file=sys.stderr)
        raise typer.Exit(2) from None


@app.command()
def tables() -> None:
    """Write results/README.md, results/trials.md and the plots from the files of all runs."""
    from solution import tables as pages

    print(pages.write_tables())


def parsed(pairs: list[str]) -> dict[str, str]:
    """Parse `--set name=value` into settings."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ValueError(f"--set {wrong[0]}: has no `=`; write name=value, for example --set backbone=squeezenet1_1")
    return dict(pair.split("=", 1) for pair in pairs)


def run_one(name: str, overrides: dict[str, str], out: Path, trial: bool) -> None:
    """Train one recipe with one seed, unless it is finished, and keep its metrics; trials only those on validation."""
    from rich.console import Console

    from assignment.checking.load import load_module
    from assignment.training import config, loop, runs
    from solution import catalogue, tables

    recipe = catalogue.find(name)
    defaults, settings = asdict(config.resolve(recipe.path, {})), config.resolve(recipe.path, overrides)
    changed = [key for key, value in asdict(settings).items() if value != defaults[key]]
    marks = [f"{key}={overrides[key]}" for key in changed if key not in (*tables.OMITTED, "backbone")]
    folder = out / ".".join([name, settings.backbone, *marks]).replace("/", "_") / f"seed{settings.seed}"
    console = Console(highlight=False)
    if (folder / "evaluation.json").exists():
        runs.check(folder, settings, resume=True)  # raises if the recipe has changed since
        console.print(f"{folder}: finished already; remove it to run it again", soft_wrap=True)
        return
    console.rule(f"{name}, {settings.backbone}, seed {settings.seed}")
    resume, start, cpu_start = (folder / "last.pt").exists(), time.perf_counter(), cpu_seconds()
    parts = ("val",) if trial else ("val", "test")
    loop.train_run(load_module(REFERENCE), settings, folder, console, resume=resume, parts=parts)
    took = None if resume else (time.perf_counter() - start, cpu_seconds() - cpu_start)
    print(tables.write(tables.row_of(recipe, folder, asdict(settings), changed, took)))


def cpu_seconds() -> float:
    """CPU seconds of this process and of its finished loader processes."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    app(prog_name="python -m solution")
