"""What a run needs of a data set: training images, and queries and galleries for validation and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from assignment.datasets.split import Split


@dataclass
class QueryGallery:
    """Queries and the gallery whose images each of them ranks.

    Attributes:
        queries, gallery: splits of Q and of G images; may be the same object.
        self_index: (Q,) int64; query i is image self_index[i] of the gallery and is removed from its ranking. The
            descriptors of the gallery then suffice. None if no query is in the gallery.
    """

    queries: Split
    gallery: Split
    self_index: np.ndarray | None


@dataclass
class Data:
    """A data set, divided by one protocol.

    Attributes:
        name: as `assignment.datasets.load` calls it.
        protocol: "held-out" (training, validation and test share no class) or "seen" (they share all classes).
        train: the images to train on. val, test: queries and gallery after each epoch, and once at the end.
        class_names: label → name. superclasses: label → superclass. superclass_names: superclass → name. The latter two
            are None if the set has no superclasses.
        mean, std: of the normalisation (x − mean) / std of the images. fixed_queries: plots show the first query of
            each class, as in the lab, instead of a random one.
        augment: returns a random variant of a normalised image (C, H, W) → (C, H, W); for training only.
        note: what of the set is missing or was excluded, "" if nothing. whole: whether the set is complete.
        licence: the terms of use of the images, one line.
    """

    name: str
    protocol: str
    train: Split
    val: QueryGallery
    test: QueryGallery
    class_names: dict[int, str]
    superclasses: dict[int, int] | None = None
    superclass_names: dict[int, str] | None = None
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    fixed_queries: bool = False
    augment: Callable[[Tensor], Tensor] | None = None
    note: str = ""
    licence: str = ""
    whole: bool = True


def among_themselves(split: Split) -> QueryGallery:
    """Use every image of the split as a query among all others."""
    return QueryGallery(split, split, np.arange(len(split)))


def check(data: Data) -> Data:
    """Return the data; ValueError if one cannot train or evaluate with them."""
    classes, counts = np.unique(data.train.labels, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"{data.name}: {len(classes)} training class; use at least 2")
    if counts.max() < 2:
        raise ValueError(
            f"{data.name}: no training class has 2 images, so there is no positive; use more images of each"
        )
    for words, query_gallery in (("validation", data.val), ("test", data.test)):
        if not len(query_gallery.queries):
            raise ValueError(f"{data.name}: there is no {words} query; is the set complete?")
    return data
