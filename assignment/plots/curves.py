"""Curves: precision–recall, ROC, hits among the first 50, and the history of loss, learning rate and P@1.

Several models share one plot; each has its own colour and dash, and its metric is in the legend.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment.evaluation.retrieval import rank
from assignment.plots.canvas import COLOURS, DASHES, MARKERS, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

HATCHES = ("", "///", "...", "xxx")


@dataclass(frozen=True)
class PrecisionRecall:
    """Mean precision at each recall, both in 0–1 and of equal length, and the mean average precision."""

    recall: Sequence[float]
    precision: Sequence[float]
    mean_ap: float | None


@dataclass(frozen=True)
class Roc:
    """False and true positive rates, area under the curve and equal error rate, all in 0–1."""

    false_rate: Sequence[float]
    true_rate: Sequence[float]
    auc: float | None
    eer: float | None


def precision_recall(curves: Mapping[str, PrecisionRecall]) -> Figure:
    """Plot precision over recall for each model, with its mAP in the legend; ValueError if there is no curve."""
    figure, axes = _square(curves, "precision–recall")
    for (name, curve), style in zip(curves.items(), styles(), strict=False):
        label = f"{plain(name)}   mAP {_number(curve.mean_ap)}"
        axes.plot(curve.recall, curve.precision, label=label, **style)
    axes.set(xlabel="recall", ylabel="precision")
    axes.legend(fontsize=8, loc="best")
    return figure


def roc(curves: Mapping[str, Roc]) -> Figure:
    """Plot the ROC of each model with AUC and EER; a marker shows the equal error rate, on the diagonal.

    Raises:
        ValueError: there is no curve.
    """
    figure, axes = _square(curves, "ROC")
    axes.plot([0, 1], [1, 0], color="#999999", linewidth=0.8, linestyle=":")
    for (name, curve), style, marker in zip(curves.items(), styles(), cycle(MARKERS), strict=False):
        label = f"{plain(name)}   AUC {_number(curve.auc)}, EER {_number(curve.eer)}"
        axes.plot(curve.false_rate, curve.true_rate, label=label, **style)
        if curve.eer is not None:
            axes.plot([curve.eer], [1 - curve.eer], marker, color=style["color"], markeredgecolor="white", markersize=8)
    axes.set(
        xlabel="false positive rate (pairs of different classes)", ylabel="true positive rate (pairs of the same class)"
    )
    axes.legend(fontsize=8, loc="lower right")
    return figure


def hits_among_first(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    self_index: np.ndarray | None = None,
    k: int = 50,
) -> np.ndarray:
    """Count the images of its class among the k nearest of each query, (Q,) int64; k is at most the gallery's size.

    Example:
        >>> import torch
        >>> query, gallery = torch.tensor([[0.0]]), torch.tensor([[0.1], [0.2], [0.3]])
        >>> hits_among_first(query, np.array([5]), gallery, np.array([5, 6, 5]), k=2).tolist()
        [1]
    """
    k = min(k, len(gallery) - (self_index is not None))
    order = rank(queries, gallery, k, self_index).numpy()
    return (np.asarray(gallery_labels)[order] == np.asarray(query_labels)[:, None]).sum(axis=1)


def hit_bars(
    counts: Mapping[str, Sequence[float]], names: Sequence[str], k: int = 50, possible: Sequence[float] | None = None
) -> Figure:
    """Plot a bar for each class (or query) and model: the number of hits among the k nearest images.

    Args:
        counts: for each model, C numbers. names: of the C classes.
        possible: C numbers, the most hits that are possible with the images of each class; drawn as a line.

    Raises:
        ValueError: no model, or different numbers of values and names.
    """
    if not counts or any(len(values) != len(names) for values in counts.values()):
        raise ValueError(
            f"bars: each model needs one count for each of the {len(names)} names, and there must be a model"
        )
    figure, all_axes = new_figure(5.2, 1.2 + len(names) * (0.16 + 0.16 * len(counts)))
    axes = all_axes[0, 0]
    height = 0.8 / len(counts)
    places = np.arange(len(names))
    for number, (name, values) in enumerate(counts.items()):
        colour, hatch = COLOURS[number % len(COLOURS)], HATCHES[number % len(HATCHES)]
        y = places - 0.4 + height * (number + 0.5)
        label = f"{plain(name)}   mean {np.mean(values):.1f}"
        axes.barh(y, values, height, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5, label=label)
    if possible is not None:
        axes.vlines(possible, places - 0.45, places + 0.45, color="black", linewidth=1.4, label="maximum")
    longest = k if possible is None else min(k, max(possible))
    axes.set_yticks(places, [plain(name) for name in names], fontsize=8)
    axes.set(xlim=(0, 1.02 * longest), ylim=(len(names) - 0.4, -0.6), xlabel=f"hits among the first {k}")
    axes.grid(axis="y", visible=False)
    figure.legend(fontsize=8, loc="outside upper left", ncols=2, frameon=False, columnspacing=1)
    return figure


def history(epochs: Sequence[float], panels: Mapping[str, Mapping[str, Sequence[float]]], best: int | None) -> Figure:
    """Plot the history of a run in panels below each other, with the best epoch marked in all of them.

    Args:
        epochs: E numbers. panels: title of the panel → name of the line → E values; NaN where there is none.
        best: the epoch whose weights were kept, None for no mark.

    Raises:
        ValueError: no panel, or a line without exactly one value per epoch.
    """
    lines = [values for panel in panels.values() for values in panel.values()]
    if not lines or any(len(values) != len(epochs) for values in lines):
        raise ValueError(f"history: every line needs {len(epochs)} values, one per epoch")
    figure, axes = new_figure(5.2, 1.7 * len(panels) + 0.4, rows=len(panels))
    for (title, panel), each in zip(panels.items(), axes[:, 0], strict=True):
        for (name, values), style in zip(panel.items(), styles(), strict=False):
            # A line with one point is invisible without a marker.
            each.plot(epochs, values, label=plain(name), marker="o", markersize=3, **style)
        if best is not None:
            each.axvline(best, color="black", linewidth=1, linestyle=(0, (4, 3)))
        each.set(ylabel=title, xlim=(min(epochs) - 0.3, max(epochs) + 0.3))
        each.locator_params(axis="x", integer=True)
        if len(panel) > 1:
            each.legend(fontsize=8)
    if best is not None:
        axes[0, 0].set_title(f"- - -  epoch {best} is the best on the validation classes", fontsize=9, loc="left")
    axes[-1, 0].set_xlabel("epoch")
    return figure


def _square(curves: Mapping[str, object], what: str) -> tuple[Figure, Axes]:
    if not curves:
        raise ValueError(f"{what}: there is no curve to plot; evaluate a model first")
    figure, axes = new_figure(5.2, 4.6)
    axes[0, 0].set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    return figure, axes[0, 0]


def styles() -> Iterator[dict[str, Any]]:
    """Yield line styles that differ in colour and dash, so that lines can be distinguished without colour."""
    for number in cycle(range(len(COLOURS) * len(DASHES))):
        dashes = DASHES[(number + number // len(COLOURS)) % len(DASHES)]
        yield {"color": COLOURS[number % len(COLOURS)], "linestyle": dashes, "linewidth": 1.8}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
