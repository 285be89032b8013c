"""The retrieval grid: queries, their nearest images, and which of these have the query's class."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from autograder.grading.values import revive

MOST_QUERIES, MOST_RETRIEVED = 8, 10
STEP, GAP = 36, 10  # pixels for each image of 28, and between the query and the retrieved images


@dataclass(frozen=True)
class Grid:
    """Images as grey bytes: `queries` (Q, H, W), `retrieved` (Q, K, H, W), nearest first, and `right` (Q, K)."""

    queries: np.ndarray
    retrieved: np.ndarray
    right: np.ndarray

    def marks(self) -> list[list[bool]]:
        """For each query, whether the retrieved images have its class."""
        return [[bool(value) for value in row] for row in self.right]


@dataclass(frozen=True)
class Tile:
    """One image of the grid: its corner, a data URI, and "query", "right" or "wrong"."""

    x: int
    y: int
    uri: str
    role: str


def read_grid(tree: object) -> Grid | None:
    """Return the grid in the details of a record; None if there is none, or its shapes or types are wrong."""
    if not isinstance(tree, dict):
        return None
    try:
        queries, retrieved, right = (np.asarray(revive(tree.get(key))) for key in ("queries", "retrieved", "right"))
    except (TypeError, ValueError):
        return None
    if queries.dtype != np.uint8 or retrieved.dtype != np.uint8 or right.dtype != np.bool_:
        return None
    if queries.ndim != 3 or retrieved.ndim != 4 or not queries.size or not retrieved.size:
        return None
    fits = retrieved.shape[:2] == right.shape and retrieved.shape[2:] == queries.shape[1:] == (28, 28)
    if not fits or len(queries) != len(retrieved):
        return None
    rows, columns = slice(MOST_QUERIES), slice(MOST_RETRIEVED)
    return Grid(queries[rows], retrieved[rows, columns], right[rows, columns])


def size(grid: Grid) -> tuple[int, int]:
    """Width and height of the grid in pixels."""
    return STEP * (1 + grid.retrieved.shape[1]) + GAP, STEP * len(grid.queries)


def tiles(grid: Grid) -> Iterator[Tile]:
    """All images with their positions: the query on the left, the retrieved images to the right of it."""
    for row, (query, retrieved, right) in enumerate(zip(grid.queries, grid.retrieved, grid.right, strict=True)):
        y = row * STEP + (STEP - 28) // 2
        yield Tile((STEP - 28) // 2, y, data_uri(query), "query")
        for column, (image, good) in enumerate(zip(retrieved, right, strict=True)):
            x = (column + 1) * STEP + GAP + (STEP - 28) // 2
            yield Tile(x, y, data_uri(image), "right" if good else "wrong")


def data_uri(image: np.ndarray) -> str:
    """A grey image as a PNG in a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
