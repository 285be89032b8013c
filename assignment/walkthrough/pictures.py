"""Images and tables in a notebook, with alternative text; `python -m notebooks gallery` collects the images by name."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment.datasets import Data
from assignment.datasets.split import Split
from assignment.plots import canvas, grids
from assignment.walkthrough.material import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 110
MAX_WIDTH = 900  # pixels


def show(figure: Figure, name: str, words: str) -> None:
    """Display a figure.

    Args:
        name: a short one without spaces, for the gallery. words: the alternative text.
    """
    from IPython.display import display

    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=DPI)
    width = min(MAX_WIDTH, round(figure.get_figwidth() * DPI))
    data: dict[str, Any] = {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": words}
    about = {"image/png": {"width": width, "alt": words}, "walkthrough": {"name": name, "words": words}}
    display(data, raw=True, metadata=about)


def picture(data: Data, split: Split, i: int) -> np.ndarray:
    """Image i of a split before the normalisation, (H, W, 3) uint8."""
    return pixels(data, split[i])


def pixels(data: Data, image: Any) -> np.ndarray:
    """Undo the normalisation of an image (3, H, W): (H, W, 3) uint8."""
    return canvas.as_pixels(image, data.mean, data.std)


def grid(
    data: Data, view: View, title: str = "", k: int = 8, most: int = 6, chosen: np.ndarray | None = None
) -> Figure:
    """Plot what a model retrieves for the first query of each class, or for the queries with the indices `chosen`."""
    query_gallery = view.query_gallery
    labels = query_gallery.queries.labels
    if chosen is None:
        chosen = grids.first_of_each_class(labels, most)
    rows = grids.retrieve(
        chosen,
        view.queries,
        labels,
        view.gallery,
        query_gallery.gallery.labels,
        query_gallery.self_index,
        lambda i: picture(data, query_gallery.queries, i),
        lambda i: picture(data, query_gallery.gallery, i),
        data.class_names,
        k,
    )
    return grids.draw(rows, title)


def rows_of_images(rows: Mapping[str, Sequence[np.ndarray]], titles: Sequence[str] = (), side: float = 1.0) -> Figure:
    """Plot rows of images (H, W, 3) or (H, W), each row with its name on the left; `titles` are above the columns."""
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
    """Plot several lines over the same x, each with its own colour and dash."""
    figure, axes = canvas.new_figure(5.2, 3.2)
    for (name, values), colour, dash in zip(lines.items(), cycle(canvas.COLOURS), cycle(canvas.DASHES), strict=False):
        axes[0, 0].plot(x[: len(values)], values, color=colour, linestyle=dash, linewidth=1.8, label=canvas.plain(name))
    axes[0, 0].set(xlabel=x_name, ylabel=y_name)
    if all(float(each).is_integer() for each in x):  # no half epochs
        axes[0, 0].locator_params(axis="x", integer=True)
    axes[0, 0].legend(fontsize=8)
    return figure


def table(rows: Mapping[str, Mapping[str, Any]], corner: str = "") -> None:
    """Display a table with a line for each name; the columns are those of the first line. Numbers get three digits."""
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
