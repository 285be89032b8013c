"""Retrieval grids: a query on the left, its nearest images on the right in rank order, framed by right or wrong.

A frame is green and solid with ✓ where the image is of the query's class, red and dashed with ✗ where it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from assignment.evaluation.retrieval import rank
from assignment.figures.canvas import QUERY, RIGHT, WRONG, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEIGHBOURS = 10


@dataclass(frozen=True)
class Row:
    """One query and what was retrieved for it.

    Attributes:
        query: (H, W, 3) uint8. name: its class.
        retrieved: K images, nearest first. names: their classes. right: (K,) bool, whether of the query's class.
    """

    query: np.ndarray
    name: str
    retrieved: list[np.ndarray]
    names: list[str]
    right: np.ndarray

    @property
    def hits(self) -> int:
        """How many of the retrieved images are of the query's class."""
        return int(self.right.sum())


# ------------------------------------------------------------------------------------------- which queries to show


def first_of_each_class(labels: np.ndarray, most: int = 10) -> np.ndarray:
    """Places of the first query of each class, by class: the fixed ten queries of the FashionMNIST lab.

    Example: labels [7, 3, 7, 3] give [1, 0].
    """
    return np.unique(labels, return_index=True)[1][:most]


def one_of_each_class(labels: np.ndarray, seed: int = 0, most: int = 10) -> np.ndarray:
    """Places of a random query of each class, by class; of `most` random classes where there are more."""
    generator = np.random.default_rng(seed)
    classes = np.unique(labels)
    if len(classes) > most:
        classes = np.sort(generator.choice(classes, most, replace=False))
    return of_classes(labels, classes, seed)


def of_classes(labels: np.ndarray, classes: Sequence[int] | np.ndarray, seed: int = 0) -> np.ndarray:
    """Places of a random query of each of these classes, in their order; a class without a query is left out.

    The draw of a class depends on the seed and on its label only, not on the other classes asked for.
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
    own: np.ndarray | None,
    query_image: Callable[[int], np.ndarray],
    gallery_image: Callable[[int], np.ndarray],
    class_names: Mapping[int, str],
    k: int = NEIGHBOURS,
) -> list[Row]:
    """Rank the gallery for some of the queries and collect the images to show.

    Args:
        chosen: places of the queries to show. queries, gallery: (Q, D) and (G, D) descriptors, with labels (Q,), (G,).
        own: (Q,) the place of each query in the gallery, which leaves its list, or None.
        query_image, gallery_image: give image i as (H, W, 3) uint8; only those shown are asked for.
        class_names: of the labels; a label without a name shows its number.
        k: neighbours to show; fewer where the gallery is smaller.
    """
    k = min(k, len(gallery) - (own is not None))
    order = rank(queries[chosen], gallery, k, None if own is None else _tensor(own[chosen])).numpy()
    return [
        Row(
            query=query_image(int(query)),
            name=class_names.get(int(query_labels[query]), str(query_labels[query])),
            retrieved=[gallery_image(int(i)) for i in places],
            names=[class_names.get(int(label), str(label)) for label in gallery_labels[places]],
            right=gallery_labels[places] == query_labels[query],
        )
        for query, places in zip(chosen, order, strict=True)
    ]


def draw(rows: Sequence[Row], title: str = "") -> Figure:
    """Draw a grid: a column of queries in blue frames, then the retrieved images from rank 1 on.

    Raises:
        ValueError: there is no row.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    if not rows:
        raise ValueError("a retrieval grid needs at least one query")
    columns = max(len(row.retrieved) for row in rows)
    # One system of coordinates for all images, since a hundred axes would take seconds: x counts columns, y rows.
    figure = Figure(figsize=(0.8 * (columns + 1.8), 0.98 * len(rows) + 0.6), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    for column in range(columns):
        axes.text(column + 1.3, -0.68, str(column + 1), ha="center", va="center", fontsize=8, color="#555555")
    for number, row in enumerate(rows):
        y = 1.22 * number
        images = [(0.0, row.query, row.name, QUERY, "-", "")]
        for column, (image, name, right) in enumerate(zip(row.retrieved, row.names, row.right, strict=True)):
            frame = (RIGHT, "-", "✓ ") if right else (WRONG, (0, (2, 1)), "✗ ")
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


def _tensor(places: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(np.asarray(places, dtype=np.int64))
