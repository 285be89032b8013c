"""Retrieval grids: each query on the left, its nearest images in rank order on the right.

An image of the query's class has a solid green frame and ✓, any other image a dashed red frame and ✗.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from assignment.evaluation.retrieval import rank
from assignment.plots.canvas import QUERY, RIGHT, WRONG, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEIGHBOURS = 10


@dataclass(frozen=True)
class Row:
    """One query and the images retrieved for it.

    Attributes:
        query: (H, W, 3) uint8. name: its class.
        retrieved: K images, nearest first. names: their classes. correct: (K,) bool, whether of the query's class.
    """

    query: np.ndarray
    name: str
    retrieved: list[np.ndarray]
    names: list[str]
    correct: np.ndarray


# ------------------------------------------------------------------------------------------- choice of queries


def first_of_each_class(labels: np.ndarray, most: int = 10) -> np.ndarray:
    """Indices of the first query of each class, by class: the fixed ten queries of the FashionMNIST lab.

    Example:
        >>> first_of_each_class(np.array([7, 3, 7, 3])).tolist()
        [1, 0]
    """
    return np.unique(labels, return_index=True)[1][:most]


def one_of_each_class(labels: np.ndarray, seed: int = 0, most: int = 10) -> np.ndarray:
    """Indices of a random query of each class, by class; of `most` random classes if there are more."""
    generator = np.random.default_rng(seed)
    classes = np.unique(labels)
    if len(classes) > most:
        classes = np.sort(generator.choice(classes, most, replace=False))
    return of_classes(labels, classes, seed)


def of_classes(labels: np.ndarray, classes: Sequence[int] | np.ndarray, seed: int = 0) -> np.ndarray:
    """Indices of a random query of each of these classes, in their order; classes without a query are skipped.

    The draw depends on the seed and the label only, not on the other classes.
    """
    found = [np.flatnonzero(labels == label) for label in classes]
    return np.array(
        [
            np.random.default_rng([seed, int(label)]).choice(places)
            for label, places in zip(classes, found, strict=True)
            if len(places)
        ],
        dtype=np.int64,
    )


# ------------------------------------------------------------------------------------------------------ the grid


def retrieve(
    chosen: np.ndarray,
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    self_index: np.ndarray | None,
    query_image: Callable[[int], np.ndarray],
    gallery_image: Callable[[int], np.ndarray],
    class_names: Mapping[int, str],
    k: int = NEIGHBOURS,
) -> list[Row]:
    """Rank the gallery for some of the queries and collect the images to show.

    Args:
        chosen: indices of the queries to show. queries, gallery: (Q, D) and (G, D) descriptors, with labels (Q,), (G,).
        self_index: (Q,) index of each query in the gallery, where it is removed; or None.
        query_image, gallery_image: return image i as (H, W, 3) uint8; called for the images shown only.
        class_names: label → name; a label without a name is shown as a number.
        k: number of neighbours; fewer if the gallery is smaller.
    """
    k = min(k, len(gallery) - (self_index is not None))
    order = rank(queries[chosen], gallery, k, None if self_index is None else self_index[chosen]).numpy()
    return [
        Row(
            query=query_image(int(query)),
            name=class_names.get(int(query_labels[query]), str(query_labels[query])),
            retrieved=[gallery_image(int(i)) for i in places],
            names=[class_names.get(int(label), str(label)) for label in gallery_labels[places]],
            correct=gallery_labels[places] == query_labels[query],
        )
        for query, places in zip(chosen, order, strict=True)
    ]


def draw(rows: Sequence[Row], title: str = "") -> Figure:
    """Plot a grid: a column of queries in blue frames, then the retrieved images from rank 1 on.

    Raises:
        ValueError: `rows` is empty.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    if not rows:
        raise ValueError("retrieval grid: there is no row; give at least one query")
    columns = max(len(row.retrieved) for row in rows)
    # One axes for all images (a hundred would take seconds): x counts columns, y counts rows.
    figure = Figure(figsize=(0.8 * (columns + 1.8), 0.98 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    for column in range(columns):
        axes.text(column + 1.3, -0.68, str(column + 1), ha="center", va="center", fontsize=8, color="#555555")
    for number, row in enumerate(rows):
        y = 1.22 * number
        images = [(0.0, row.query, row.name, QUERY, "-", "")]
        for column, (image, name, correct) in enumerate(zip(row.retrieved, row.names, row.correct, strict=True)):
            frame = (RIGHT, "-", "✓ ") if correct else (WRONG, (0, (2, 1)), "✗ ")
            images.append((column + 1.3, image, name, *frame))
        for x, image, name, colour, style, mark in images:
            axes.imshow(image, extent=(x - 0.44, x + 0.44, y + 0.44, y - 0.44), interpolation="nearest", aspect="auto")
            box = Rectangle((x - 0.45, y - 0.45), 0.9, 0.9, fill=False, edgecolor=colour, linestyle=style, linewidth=2)
            axes.add_patch(box)
            axes.text(x, y + 0.49, mark + plain(name, 12), ha="center", va="top", fontsize=6, color=colour)
    axes.set(xlim=(-0.6, columns + 0.85), ylim=(1.22 * len(rows) - 0.5, -0.85), aspect="equal")
    if title:
        axes.set_title(plain(title, 90), fontsize=10)
    return figure
