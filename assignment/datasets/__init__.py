"""Image data sets as splits: images that are ready for a network, with integer labels, divided by class."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import Any

from assignment.datasets.data import Data, QueryGallery, check
from assignment.datasets.errors import DataMissing
from assignment.datasets.registry import SAMPLE, SETS, DataSet, same_images

__all__ = ["SAMPLE", "SETS", "Data", "DataMissing", "DataSet", "QueryGallery", "load", "same_images"]


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
        name: one of `SETS`.
        root: folder of the set or the folder that holds it; None searches below `data/` in the current folder, where
            `python -m data_scripts` puts it (and, for FashionMNIST, in the system's folders of shared data).
        protocol: "held-out", or "seen" for FashionMNIST.
        images_per_class: number of images of each training class, the first ones, at least 2; 0 uses all.
        size: height and width of photographs in pixels; FashionMNIST's images stay 28 × 28.
        cache: folder for decoded photographs, which makes later runs faster; None or "" decodes at each access.
        on_corrupt: "stop" at a photograph that cannot be read, or "skip" such photographs and list them in `Data.note`.
        moved: largest shift in pixels of FashionMNIST's `Data.augment`; photographs are cropped instead.

    Raises:
        DataMissing: the set or a part of it is missing. ValueError: an option is not allowed. One line each.
    """
    _require("data set", name, SETS)
    _require("on_corrupt", on_corrupt, ("stop", "skip"))
    dataset = SETS[name]
    _require(f"protocol of {name}", protocol, dataset.protocols)
    if images_per_class < 0 or images_per_class == 1:
        raise ValueError(f"images_per_class = {images_per_class}: use at least 2, or 0 for all images")
    if not 0 <= moved < 28:
        raise ValueError(f"moved = {moved}: images are 28 pixels wide; use 0 to 27")
    if size < 1:
        raise ValueError(f"size = {size}: use at least 1 pixel")
    module: Any = import_module(f"assignment.datasets.{dataset.module}")  # torchvision takes seconds to import
    root = Path(root) if root else None
    if not dataset.photographs:
        return check(module.data(dataset, root, protocol, images_per_class, moved))
    from assignment.datasets.listing import held_out

    return check(
        held_out(dataset, module.listing(root), images_per_class, size, Path(cache) if cache else None, on_corrupt)
    )


def _require(what: str, value: str, choices: Collection[str]) -> None:
    if value not in choices:
        close = difflib.get_close_matches(value, choices, 1)
        meant = f"did you mean '{close[0]}'? " if close else ""
        raise ValueError(f"{what} '{value}': unknown; {meant}choose one of {', '.join(choices)}")
