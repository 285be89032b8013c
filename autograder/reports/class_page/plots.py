"""The plots of the class page: points, P@1, time and memory, each with a text alternative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assignment.plots.canvas import COLOURS, new_figure, svg_uri
from assignment.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (5.2, 2.7)  # inches
DOTS = 2000  # of a scatter plot


@dataclass(frozen=True)
class Plot:
    """An image as a data URI, its heading, and its text alternative."""

    title: str
    uri: str
    alt: str


def points(values: Sequence[float], possible: float) -> Plot:
    """A histogram of the points; the last bar is the maximum alone."""
    edges = np.arange(0, np.floor(possible) + 2) if possible <= 40 else np.linspace(0, possible, 41)
    figure, axes = new_figure(*SIZE)
    ax = axes[0, 0]
    counts, _ = np.histogram(np.clip(values, 0, edges[-1]), edges)
    ax.bar(edges[:-1], counts, np.diff(edges) * 0.9, align="edge", color=COLOURS[0])
    _labels(ax, f"points of {possible:g}")
    _median(ax, values)
    thirds = [sum(low <= v / possible < high for v in values) for low, high in ((0, 0.5), (0.5, 0.8), (0.8, 1))]
    full = sum(v >= possible for v in values)
    ranges = "below half", "from half to 80 %", "from 80 % to all but the last point", "with all points"
    alt = ", ".join(f"{count} {what}" for count, what in zip([*thirds, full], ranges, strict=True))
    return Plot("Points", svg_uri(figure), f"Histogram of the points of {counted(len(values), 'student')}: {alt}.")


def p_at_1(values: Sequence[float]) -> Plot:
    """A histogram of P@1 on the unseen classes."""
    figure, axes = new_figure(*SIZE)
    ax = axes[0, 0]
    ax.hist(values, bins=24, color=COLOURS[2], rwidth=0.9)
    _labels(ax, "P@1 on unseen classes after training")
    _median(ax, values)
    alt = f"from {min(values):.3f} to {max(values):.3f}, median {np.median(values):.3f}"
    return Plot("P@1", svg_uri(figure), f"Histogram of P@1 of {counted(len(values), 'student')}: {alt}.")


def effort(seconds: Sequence[float], peak_mb: Sequence[float]) -> Plot:
    """A scatter plot of the time and memory that grading each file took."""
    figure, axes = new_figure(*SIZE)
    ax = axes[0, 0]
    ax.plot(
        np.maximum(seconds[:DOTS], 0.01),
        peak_mb[:DOTS],
        "o",
        color=COLOURS[1],
        alpha=0.75,
        markersize=8,
        markeredgecolor="#000000",
        markeredgewidth=0.5,
    )
    ax.set_xscale("log")  # most take a second, some reach the time limit
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("{x:g}" if max(seconds) < 10 * min(seconds) else "")  # otherwise only powers of ten
    ax.set_ylim(-0.06 * max(peak_mb), None)  # keeps the dots of files with little memory off the axis
    ax.set_xlabel("seconds")
    ax.set_ylabel("MB on top of the libraries")
    slow, large = np.percentile(seconds, 90), np.percentile(peak_mb, 90)
    alt = (
        f"median {np.median(seconds):.3g} s and {np.median(peak_mb):.0f} MB; "
        f"nine of ten below {slow:.3g} s and {large:.0f} MB"
    )
    text = f"Seconds, and memory on top of the libraries, of {counted(len(seconds), 'file')}: {alt}."
    return Plot("Time and memory", svg_uri(figure), text)


def _labels(ax: Axes, across: str) -> None:
    ax.set_xlabel(across)
    ax.set_ylabel("students")
    ax.locator_params(axis="y", integer=True)


def _median(ax: Axes, values: Sequence[float]) -> None:
    median = float(np.median(values))
    ax.axvline(median, color="#000000", linestyle="--", linewidth=1)
    ax.annotate(f" median {median:.4g}", (median, 1), xycoords=("data", "axes fraction"), va="bottom", ha="center")
