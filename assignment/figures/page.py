"""One run as one HTML page: no script, nothing from the network, every text escaped, readable on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assignment import safe_page
from assignment.figures.canvas import image_uri, is_small, svg_uri, thumbnail
from assignment.figures.grids import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATES = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Picture:
    """An image of the page: what to put into `src`, and the same in words; pixels: enlarge it without smoothing."""

    uri: str
    alt: str
    pixels: bool = False


@dataclass(frozen=True)
class Plot:
    """A plot, its heading, and a sentence on how to read it."""

    title: str
    picture: Picture
    words: str


@dataclass(frozen=True)
class Tile:
    """A retrieved image and whether it is right; `name` is its class."""

    picture: Picture
    name: str
    right: bool


@dataclass(frozen=True)
class Asked:
    """A query, and for each model the images that it retrieved."""

    query: Picture
    name: str
    lists: dict[str, list[Tile]]


@dataclass(frozen=True)
class Grid:
    """Queries below one heading."""

    title: str
    words: str
    asked: list[Asked]


@dataclass(frozen=True)
class Look:
    """Where two images are alike: the query and the retrieved image, each beside its map; `words` names them."""

    words: str
    pictures: list[Picture]


@dataclass
class Page:
    """What the page shows, top to bottom.

    Attributes:
        title, subtitle: name of the run, and data set, protocol and part in words.
        models: heads of the table's columns. figures: name of the figure → one text for each model.
        notes: lines on what is missing or undefined. settings, versions: name → value. licence: of the images.
    """

    title: str
    subtitle: str
    models: Sequence[str] = ()
    figures: dict[str, list[str]] = field(default_factory=dict)
    plots: list[Plot] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    maps: list[Plot] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    settings: Mapping[str, object] = field(default_factory=dict)
    versions: Mapping[str, object] = field(default_factory=dict)
    licence: str = ""


def render(page: Page) -> str:
    """Return the page's text, one file that needs no other."""
    from markupsafe import Markup

    css = (TEMPLATES / "run.css").read_text(encoding="utf-8")
    template = safe_page.environment(TEMPLATES).get_template("run.html.j2")
    return template.render(page=page, css=Markup(css), policy=safe_page.policy(css))


def plot(title: str, figure: Figure, alt: str, words: str) -> Plot:
    """Put a figure on the page."""
    return Plot(title, Picture(svg_uri(figure), alt), words)


def photo(pixels: np.ndarray, alt: str, most: int = 112) -> Picture:
    """Put an image (H, W, 3) uint8 on the page, shrunk to `most` pixels."""
    return Picture(image_uri(thumbnail(pixels, most)), alt, pixels=is_small(pixels))


def grid(title: str, words: str, models: Mapping[str, Sequence[Row]]) -> Grid:
    """Put the grids of one or more models on the page, query by query; all have the same queries in the same order."""
    asked = []
    for rows in zip(*models.values(), strict=True):
        lists = {model: _tiles(row) for model, row in zip(models, rows, strict=True)}
        query = rows[0]
        asked.append(Asked(photo(query.query, f"query: {query.name}"), query.name, lists))
    return Grid(title, words, asked)


def _tiles(row: Row) -> list[Tile]:
    found = enumerate(zip(row.retrieved, row.names, row.right, strict=True), start=1)
    return [
        Tile(photo(image, f"rank {rank}: {name}, {'right' if right else 'wrong'}"), name, bool(right))
        for rank, (image, name, right) in found
    ]
