"""Make the page of a run: read its folder, compute descriptors before and after training, plot, write `index.html`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from assignment.files import write_whole
from assignment.plots import page, table
from assignment.plots.folder import Run, read_best, read_run
from assignment.plots.run_plots import AFTER, BEFORE, Described, RunPlots
from assignment.training import checkpoints, runs
from assignment.training.model import build, untrained

if TYPE_CHECKING:
    from assignment.datasets import Data, QueryGallery

SAME = ("data", "protocol", "size")  # settings in which compared runs must agree


def make(
    run_dir: str | Path,
    dml: ModuleType,
    *,
    compare: Sequence[str | Path] = (),
    part: str = "test",
    device: torch.device | str | None = None,
    data: Data | None = None,
    embeddings: Sequence[str] = ("t-SNE", "UMAP"),
    log: Callable[[str], None] = lambda line: None,
) -> Path:
    """Plot a run and write all plots as one page.

    Args:
        run_dir: the folder that the training wrote. dml: the imported file that it was trained with.
        compare: folders of other runs with the same data, trained with the same file; added to the curves and bars.
        part: "val" or "test", whose queries and gallery are shown.
        device: of the networks; None uses the GPU if there is one. data: the data set, if it is already loaded.
        embeddings: which embeddings to plot; UMAP takes by far the longest. log: called with a line for each step.

    Returns:
        The path of `index.html`. The folder `plots/` beside it holds each plot as SVG and each grid as PNG.

    Raises:
        ValueError: not a run folder, no checkpoint, a checkpoint of another network, or runs that cannot be compared.
        DataMissing: the data set is missing.
    """
    from assignment.training import loop

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    run = read_run(run_dir)
    others = [_comparable(read_run(folder), run) for folder in compare]
    data = data or loop.load(run.config)
    query_gallery: QueryGallery = getattr(data, part)

    log("descriptors before and after training")
    best = read_best(run)
    model = untrained(dml, run.config, data)
    described = {BEFORE: describe(model, query_gallery, device, run.config.mirror, run.metrics(BEFORE, part, best))}
    checkpoints.load_model(model, best, run.folder / "best.pt")
    described[AFTER] = describe(model, query_gallery, device, run.config.mirror, run.metrics(AFTER, part, best))
    for other in others:
        log(f"descriptors of {other.name}")
        network = build(dml, replace(other.config, weights=""))  # the weights of the checkpoint are loaded instead
        state = read_best(other)
        checkpoints.load_model(network, state, other.folder / "best.pt")
        measured = other.metrics(AFTER, part, state)
        described[_unused(other.name, described)] = describe(
            network, query_gallery, device, other.config.mirror, measured
        )

    plots = RunPlots(run, data, query_gallery, part, best["epoch"], described, run.folder / "plots")
    made = page.Page(
        title=f"{run.name}: {run.config.loss}, {run.config.backbone}",
        subtitle=plots.subtitle(),
        models=list(described),
        metrics=table.rows({name: each.metrics for name, each in described.items()}),
        settings=asdict(run.config),
        versions=table.flat(run.versions),
        licence=data.licence,
    )
    made.notes += notes(run, dml, data, best["epoch"]) + table.undefined(described[AFTER].metrics)
    log("retrieval grids")
    made.grids += plots.retrieval_grids()
    log("curves")
    made.plots += plots.curves()
    log("Grad-CAM")
    try:
        made.attention += plots.attention(model.to(device))
    except (ImportError, ValueError, RuntimeError) as problem:  # optional: the page is useful without it
        made.notes.append(f"no Grad-CAM: {str(problem).splitlines()[0]}")
    for kind in embeddings:
        log(kind)
        try:
            made.embeddings += plots.embeddings(kind)
        except ValueError as problem:
            made.notes.append(str(problem))
    path = run.folder / "index.html"
    write_whole(path, page.render(made))
    return path


def notes(run: Run, dml: ModuleType, data: Data, best: int) -> list[str]:
    """Remarks for the top of the page, one line each."""
    lines = [data.note] if data.note else []
    if best == 0 and run.config.loss != "none":
        lines.append(
            "No epoch was better on the validation classes than the untrained network, whose weights were kept."
        )
    if runs.changed_since(run.versions, str(dml.__file__)):
        lines.append(f"{Path(str(dml.__file__)).name} has changed since this run was trained with it.")
    return lines


def describe(
    model: nn.Module,
    query_gallery: QueryGallery,
    device: torch.device | str,
    mirror: bool,
    measured: dict[str, Any] | None,
) -> Described:
    """Compute the descriptors of queries and gallery, and the metrics unless they are given."""
    from assignment.evaluation import metrics

    model.to(device)
    queries, gallery = metrics.describe_both(model, query_gallery, device, mirror=mirror)
    labels, gallery_labels = query_gallery.queries.labels, query_gallery.gallery.labels
    tree = measured or metrics.compute(queries, labels, gallery, gallery_labels, query_gallery.self_index)
    return Described(queries, gallery, tree)


def _comparable(other: Run, run: Run) -> Run:
    for name in SAME:
        theirs, ours = getattr(other.config, name), getattr(run.config, name)
        if theirs != ours:
            raise ValueError(
                f"{other.folder}: cannot be compared with {run.folder}; its {name} is {theirs!r}, not {ours!r}"
            )
    return other


def _unused(name: str, taken: Mapping[str, Described]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free
