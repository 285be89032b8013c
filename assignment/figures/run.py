"""The page of a run: read the run folder, describe the images before and after training, draw, write `index.html`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from assignment.figures import page, table
from assignment.figures.folder import Run, read_best, read_run
from assignment.figures.scene import AFTER, BEFORE, Described, Scene
from assignment.training import checkpoints, runs
from assignment.training.model import build, untrained

if TYPE_CHECKING:
    from assignment.datasets import Asking, Data

SAME = ("data", "protocol", "size")  # settings that two runs must share to be compared


def make(
    run_dir: str | Path,
    dml: ModuleType,
    *,
    compare: Sequence[str | Path] = (),
    part: str = "test",
    device: torch.device | str | None = None,
    data: Data | None = None,
    maps: Sequence[str] = ("t-SNE", "UMAP"),
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Draw all figures of a run and write them as one page.

    Args:
        run_dir: the folder that the training wrote. dml: the file it trained with, imported.
        compare: folders of other runs with the same data, trained with the same file; they join the curves and bars.
        part: "val" or "test", whose queries and gallery are shown.
        device: where the networks run; None takes the GPU if there is one. data: the data set, if it is loaded already.
        maps: which maps of the descriptors to draw; UMAP takes the longest by far. say: is told what is being done.

    Returns:
        The path of `index.html`. Beside it, in `figures/`, each plot lies as an SVG and each grid as a PNG file.

    Raises:
        ValueError: no run folder, no checkpoint, a checkpoint of another network, runs that cannot be compared.
        DataMissing: the data set is not there. One line each.
    """
    from assignment.training import loop

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    run = read_run(run_dir)
    others = [_comparable(read_run(folder), run) for folder in compare]
    data = data or loop.load(run.config)
    asking: Asking = getattr(data, part)

    say("descriptors before and after training")
    best = read_best(run)
    model = untrained(dml, run.config, data)
    described = {BEFORE: describe(model, asking, device, run.config.mirror, run.figures(BEFORE, part, best))}
    checkpoints.load_model(model, best, run.folder / "best.pt")
    described[AFTER] = describe(model, asking, device, run.config.mirror, run.figures(AFTER, part, best))
    for other in others:
        say(f"descriptors of {other.name}")
        network = build(dml, replace(other.config, weights=""))  # its own weights are those of the checkpoint
        state = read_best(other)
        checkpoints.load_model(network, state, other.folder / "best.pt")
        known = other.figures(AFTER, part, state)
        described[_unused(other.name, described)] = describe(network, asking, device, other.config.mirror, known)

    scene = Scene(run, data, asking, part, best["epoch"], described, run.folder / "figures")
    made = page.Page(
        title=f"{run.name}: {run.config.loss}, {run.config.backbone}",
        subtitle=scene.subtitle(),
        models=list(described),
        figures=table.rows({name: each.figures for name, each in described.items()}),
        settings=asdict(run.config),
        versions=table.flat(run.versions),
        licence=data.licence,
    )
    made.notes += notes(run, dml, data, best["epoch"]) + table.undefined(described[AFTER].figures)
    say("retrieval grids")
    made.grids += scene.retrieval_grids()
    say("curves")
    made.plots += scene.curves()
    say("Grad-CAM")
    try:
        made.looks += scene.looks(model.to(device))
    except (ImportError, ValueError, RuntimeError) as problem:  # an extra: the page is worth having without it
        made.notes.append(f"no Grad-CAM: {str(problem).splitlines()[0]}")
    for kind in maps:
        say(kind)
        try:
            made.maps += scene.maps(kind)
        except ValueError as problem:
            made.notes.append(str(problem))
    return _write(run.folder / "index.html", page.render(made))


def notes(run: Run, dml: ModuleType, data: Data, best: int) -> list[str]:
    """What a reader of the page should know before the figures, a line each."""
    lines = [data.note] if data.note else []
    if best == 0 and run.config.loss != "none":
        lines.append("No epoch was better on the validation classes than the untrained network: its weights were kept.")
    if runs.changed_since(run.versions, str(dml.__file__)):
        lines.append(f"{Path(str(dml.__file__)).name} was changed after this run was trained with it.")
    return lines


def describe(
    model: nn.Module, asking: Asking, device: torch.device | str, mirror: bool, known: dict[str, Any] | None
) -> Described:
    """Compute the descriptors of queries and gallery; measure the retrieval unless its figures are known."""
    from assignment.evaluation import measures

    model.to(device)
    queries, gallery = measures.describe_both(model, asking, device, mirror=mirror)
    figures = known or measures.measure(queries, asking.queries.labels, gallery, asking.gallery.labels, asking.own)
    return Described(queries, gallery, figures)


def _comparable(other: Run, run: Run) -> Run:
    for name in SAME:
        theirs, ours = getattr(other.config, name), getattr(run.config, name)
        if theirs != ours:
            raise ValueError(
                f"{other.folder} cannot be compared with {run.folder}: its {name} is {theirs!r}, not {ours!r}"
            )
    return other


def _unused(name: str, taken: Mapping[str, Described]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _write(path: Path, text: str) -> Path:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)  # whoever has the page open never sees half of it
    return path
