"""Pictures in a notebook, each with words for those who cannot see it; the command `gallery` collects them by name."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment.datasets import Data
from assignment.datasets.split import Split
from assignment.figures import canvas, grids
from assignment.walkthrough.material import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS = 110  # an inch
WIDEST = 900  # pixels on the page


def show(figure: Figure, name: str, words: str) -> None:
    """Display a figure.

    Args:
        name: a short one without spaces, for the gallery. words: what is to be seen, the picture's alternative text.
    """
    from IPython.display import display

    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DOTS)
    width = min(WIDEST, round(figure.get_figwidth() * DOTS))
    data: dict[str, Any] = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": words}
    about = {"image/png": {"width": width, "alt": words}, "walkthrough": {"name": name, "words": words}}
    display(data, raw=True, metadata=about)


def picture(data: Data, split: Split, i: int) -> np.ndarray:
    """Image i as it was before the normalisation, (H, W, 3) uint8."""
    return pixels(data, split[i])


def pixels(data: Data, image: Any) -> np.ndarray:
    """A normalised image (3, H, W) as it was before, (H, W, 3) uint8."""
    from assignment.datasets import fashion_mnist, images

    source: Any = fashion_mnist if data.name in ("sample", "fashion-mnist") else images
    return canvas.as_pixels(image, source.MEAN, source.STD)


def grid(
    data: Data, view: View, title: str = "", k: int = 8, most: int = 6, chosen: np.ndarray | None = None
) -> Figure:
    """Draw what a model retrieves for the first query of each class, or for the queries at the places `chosen`."""
    asking = view.asking
    labels = asking.queries.labels
    if chosen is None:
        chosen = grids.first_of_each_class(labels, most)
    rows = grids.retrieve(
        chosen,
        view.queries,
        labels,
        view.gallery,
        asking.gallery.labels,
        asking.own,
        lambda i: picture(data, asking.queries, i),
        lambda i: picture(data, asking.gallery, i),
        data.class_names,
        k,
    )
    return grids.draw(rows, title)


def rows_of_images(rows: Mapping[str, Sequence[np.ndarray]], titles: Sequence[str] = (), side: float = 1.0) -> Figure:
    """Draw rows of images (H, W, 3) or (H, W), each with its name on the left; `titles` stand above the columns."""
    from matplotlib.figure import Figure

    columns = max(len(images) for images in rows.values())
    figure = Figure(figsize=(side * columns + 1.1, side * len(rows) + 0.35), layout="constrained")
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for each in axes.flat:
        each.set(xticks=[], yticks=[])
        each.spines[:].set_visible(False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(canvas.plain(name), rotation=0, ha="right", va="center", fontsize=8)
        for each, image in zip(line, images, strict=False):
            each.imshow(image, cmap="magma", interpolation="nearest")
    for each, title in zip(axes[0], titles, strict=False):
        each.set_title(canvas.plain(title), fontsize=8)
    return figure


def compare(lines: Mapping[str, Sequence[float]], x: Sequence[float], x_name: str, y_name: str) -> Figure:
    """Plot several lines over the same x, each with a colour and a dash of its own."""
    figure, axes = canvas.new_figure(5.2, 3.2)
    for (name, values), colour, dash in zip(lines.items(), cycle(canvas.COLOURS), cycle(canvas.DASHES), strict=False):
        axes[0, 0].plot(x[: len(values)], values, color=colour, linestyle=dash, linewidth=1.8, label=canvas.plain(name))
    axes[0, 0].set(xlabel=x_name, ylabel=y_name)
    if all(float(each).is_integer() for each in x):  # no half epochs
        axes[0, 0].locator_params(axis="x", integer=True)
    axes[0, 0].legend(fontsize=8)
    return figure


def table(rows: Mapping[str, Mapping[str, Any]], corner: str = "") -> None:
    """Display a table: one line for each name, with the columns of the first; numbers get three digits."""
    import html

    from IPython.display import display

    names = list(next(iter(rows.values())))

    def text(value: Any) -> str:
        return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

    cells = [[name, *(text(row.get(column)) for column in names)] for name, row in rows.items()]
    head = "".join(f"<th>{html.escape(each)}</th>" for each in [corner, *names])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(each)}</td>" for each in line) + "</tr>" for line in cells)
    plain = "\n".join("  ".join(line) for line in [[corner, *names], *cells])
    display({"text/html": f"<table><tr>{head}</tr>{body}</table>", "text/plain": plain}, raw=True)
