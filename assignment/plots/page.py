"""The HTML page of a run: one file without scripts or network access, all text escaped, usable on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assignment import safe_page
from assignment.plots.canvas import image_uri, is_small, svg_uri, thumbnail
from assignment.plots.grids import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Image:
    """An image of the page: its `src`, its alternative text, and whether to enlarge it without smoothing."""

    uri: str
    alt: str
    pixels: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot, its heading and its caption."""

    title: str
    image: Image
    caption: str


@dataclass(frozen=True)
class Tile:
    """A retrieved image, its class, and whether that is the class of the query."""

    image: Image
    name: str
    correct: bool


@dataclass(frozen=True)
class QueryRow:
    """A query, and the images that each model retrieved for it."""

    query: Image
    name: str
    lists: dict[str, list[Tile]]


@dataclass(frozen=True)
class Grid:
    """Query rows below one heading."""

    title: str
    caption: str
    rows: list[QueryRow]


@dataclass(frozen=True)
class Attention:
    """Similarity maps of two images: the query and the retrieved image, each followed by its map."""

    caption: str
    images: list[Image]


@dataclass
class Page:
    """Contents of the page, top to bottom.

    Attributes:
        title, subtitle: name of the run; data set, protocol and part.
        models: column heads of the table. metrics: name of the metric → one text for each model.
        notes: lines on what is missing or undefined. settings, versions: name → value. licence: of the images.
    """

    title: str
    subtitle: str
    models: Sequence[str] = ()
    metrics: dict[str, list[str]] = field(default_factory=dict)
    plots: list[Plot] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    attention: list[Attention] = field(default_factory=list)
    embeddings: list[Plot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, object] = field(default_factory=dict)
    licence: str = ""


def render(page: Page) -> str:
    """Return the HTML text of the page."""
    from markupsafe import Markup

    css = (TEMPLATES / "run.css").read_text(encoding="utf-8")
    template = safe_page.environment(TEMPLATES).get_template("run.html.j2")
    return template.render(page=page, css=Markup(css), policy=safe_page.policy(css))


def plot(title: str, figure: Figure, alt: str, caption: str) -> Plot:
    """Make a plot of the page from a figure."""
    return Plot(title, Image(svg_uri(figure), alt), caption)


def photo(pixels: np.ndarray, alt: str, most: int = 112) -> Image:
    """Make an image of the page from pixels (H, W, 3) uint8, shrunk to at most `most` pixels."""
    return Image(image_uri(thumbnail(pixels, most)), alt, pixels=is_small(pixels))


def grid(title: str, caption: str, models: Mapping[str, Sequence[Row]]) -> Grid:
    """Make a grid of the page from the grids of one or more models with the same queries in the same order."""
    queries = []
    for rows in zip(*models.values(), strict=True):
        lists = {model: _tiles(row) for model, row in zip(models, rows, strict=True)}
        query = rows[0]
        queries.append(QueryRow(photo(query.query, f"query: {query.name}"), query.name, lists))
    return Grid(title, caption, queries)


def _tiles(row: Row) -> list[Tile]:
    found = enumerate(zip(row.retrieved, row.names, row.correct, strict=True), start=1)
    return [
        Tile(photo(image, f"rank {rank}: {name}, {'correct' if correct else 'wrong'}"), name, bool(correct))
        for rank, (image, name, correct) in found
    ]
