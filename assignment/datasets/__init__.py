"""Image data sets as splits: images that are ready for a network, with integer labels, divided by class."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from typing import Any

from assignment.datasets.data import Data, QueryGallery, check
from assignment.datasets.errors import DataMissing

__all__ = ["MODULES", "Data", "DataMissing", "QueryGallery", "load"]

MODULES = {
    "sample": "fashion_mnist",
    "fashion-mnist": "fashion_mnist",
    "cub": "cub",
    "pets": "pets",
    "sop": "sop",
}
PROTOCOLS = ("held-out", "seen")


def load(
    name: str,
    root: str | Path | None = None,
    *,
    protocol: str = "held-out",
    images_per_class: int = 0,
    size: int = 224,
    cache: str | Path | None = None,
    on_corrupt: str = "stop",
    moved: int = 2,
) -> Data:
    """Read a data set and divide it.

    Args:
        name: "sample" (embedded), "fashion-mnist", "cub", "pets" or "sop".
        root: the folder of the set or the one that holds it; None looks below `data/` in the current folder, where
            `python -m data_scripts` puts it (and, for FashionMNIST, where the system's package does).
        protocol: "held-out" or, for FashionMNIST alone, "seen".
        images_per_class: the first so many images of each training class, at least 2; 0 takes all.
        size: height and width of the images, in pixels; FashionMNIST's stay 28 × 28.
        cache: a folder for decoded pixels, which makes every later run faster; None or "" decodes at each access.
        on_corrupt: what to do with images that cannot be read: "stop", or "skip" them and say so in `Data.note`.
        moved: pixels that `Data.augment` moves an image of FashionMNIST by, at most; those of photographs are cropped.

    Raises:
        DataMissing: the set or a part of it is not there. ValueError: an option that does not fit. One line each.
    """
    _require("data set", name, tuple(MODULES))
    _require("protocol", protocol, PROTOCOLS)
    _require("on_corrupt", on_corrupt, ("stop", "skip"))
    if images_per_class < 0 or images_per_class == 1:
        raise ValueError(f"images_per_class = {images_per_class}: take at least 2 of each class, or 0 for all")
    if not 0 <= moved < 28:
        raise ValueError(f"moved = {moved}: an image is 28 pixels wide; choose 0 to 27")
    if size < 1:
        raise ValueError(f"size = {size}: images need at least one pixel")
    if protocol == "seen" and name != "fashion-mnist":
        raise ValueError(f"the protocol 'seen' is that of fashion-mnist; {name} has 'held-out' alone")
    module: Any = import_module(f"assignment.datasets.{MODULES[name]}")  # torchvision costs seconds: only if needed
    root = Path(root) if root else None
    if MODULES[name] == "fashion_mnist":
        return check(module.data(name, root, protocol, images_per_class, moved))
    return check(module.data(root, images_per_class, size, Path(cache) if cache else None, on_corrupt))


def _require(what: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        close = difflib.get_close_matches(value, choices, 1)
        meant = f"did you mean '{close[0]}'? " if close else ""
        raise ValueError(f"unknown {what} '{value}'; {meant}choose one of {', '.join(choices)}")
