"""`python -m data_scripts …`: download the data sets from their owners, check them, put them in one folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Optional

import typer

from data_scripts import registry
from data_scripts.errors import Problem

app = typer.Typer(
    help="Download, check and unpack the data sets of the course.\n\n"
    "Exit status: 0 done, 2 wrong options, 3 not available (no network, no such file), 4 an archive or image is "
    "damaged or has the wrong checksum, 5 no space or no permission to write. After an error, existing files are "
    "unchanged, and the next run continues the download.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Root = Annotated[Path, typer.Option("--root", help="Folder that contains the folders of the data sets.")]
From = Annotated[
    Optional[Path],
    typer.Option("--from", help="Use a local archive, a folder with the archives, or the unpacked set; no download."),
]
Verify = Annotated[bool, typer.Option("--verify", help="Count classes and images, and decode every file.")]
DATA = Path("data")


@app.command()
def cub(root: Root = DATA, source: From = None, verify: Verify = False) -> None:
    """CUB-200-2011: birds of 200 species (1.2 GB)."""
    _run(lambda: _set("cub", root, source, verify))


@app.command()
def pets(root: Root = DATA, source: From = None, verify: Verify = False) -> None:
    """Oxford-IIIT Pet: 37 breeds of cats and dogs (0.8 GB)."""
    _run(lambda: _set("pets", root, source, verify))


@app.command()
def sop(root: Root = DATA, source: From = None, verify: Verify = False) -> None:
    """Stanford Online Products: 22,634 articles of twelve kinds (3 GB)."""
    _run(lambda: _set("sop", root, source, verify))


@app.command("fashion-mnist")
def fashion_mnist(root: Root = DATA, source: From = None, verify: Verify = False) -> None:
    """FashionMNIST: ten kinds of clothing (30 MB); copied from the system's package if it is installed."""
    _run(lambda: _set("fashion-mnist", root, source, verify))


@app.command()
def weights(
    names: Annotated[Optional[list[str]], typer.Argument(help="Names of networks; by default all.")] = None,
    root: Root = DATA,
    source: From = None,
    verify: Verify = False,
) -> None:
    """ImageNet weights of torchvision's networks: resnet18/34/50, mobilenet_v2, squeezenet1_1."""
    for name in names or ():
        if name not in registry.WEIGHTS:
            raise typer.BadParameter(f"no weights for '{name}'; choose from {', '.join(registry.WEIGHTS)}")
    _run(lambda: _weights(names or list(registry.WEIGHTS), root, source, verify))


def _set(name: str, root: Path, given: Path | None, check: bool) -> None:
    from data_scripts import sets, verify

    source = registry.SOURCES[name]
    print(source.official.licence)
    place = sets.place_fashion_mnist if name == "fashion-mnist" else sets.place
    folder, how = place(source, root, given)
    print(f"{folder}: {how}")
    if check:
        print(f"{folder}: {verify.verify(source, folder)}")


def _weights(names: list[str], root: Path, given: Path | None, check: bool) -> None:
    from data_scripts import weights as files

    print(registry.WEIGHTS_LICENCE)
    for name in names:
        path = files.place(name, root, given)
        print(f"{name}: {path}" + (f", {files.verify(name, path)}" if check else ""))


def _run(work: Callable[[], None]) -> None:
    """Do the work; report a problem in one line and exit with its status."""
    try:
        work()
    except Problem as problem:
        typer.echo(str(problem), err=True)
        raise typer.Exit(problem.status) from None
    except KeyboardInterrupt:
        typer.echo("stopped; run the same command again to continue", err=True)
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app(prog_name="python -m data_scripts")
