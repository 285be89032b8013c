"""What a run needs of a data set: images to train on, and who asks whom in validation and test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from assignment.datasets.split import Split


@dataclass
class Asking:
    """Who asks whom: each query ranks the images of the gallery.

    Attributes:
        queries, gallery: splits of Q and of G images. They may be one and the same object.
        own: (Q,) int64; query i is the gallery's image own[i], which its ranking leaves out. A caller may therefore
            describe the gallery alone. None where no query is in the gallery.
    """

    queries: Split
    gallery: Split
    own: np.ndarray | None


@dataclass
class Data:
    """A data set, divided by one protocol.

    Attributes:
        name: as `assignment.datasets.load` calls it.
        protocol: "held-out" (training, validation and test share no class) or "seen" (they share all classes).
        train, val, test: the images to learn from; who asks whom while training, and once at the end.
        class_names: the name of every label. superclasses, superclass_names: the group of every label and the groups'
            names, where the set has such groups.
        augment: makes a random variant of one normalised image (C, H, W) → (C, H, W); for training only.
        note: what is missing of the set or was left out, "" if it is whole. whole: nothing of the set is missing.
        licence: under which terms the images may be used, one line.
    """

    name: str
    protocol: str
    train: Split
    val: Asking
    test: Asking
    class_names: dict[int, str]
    superclasses: dict[int, int] | None = None
    superclass_names: dict[int, str] | None = None
    augment: Callable[[Tensor], Tensor] | None = None
    note: str = ""
    licence: str = ""
    whole: bool = True


def among_themselves(split: Split) -> Asking:
    """Every image of the split asks all others."""
    return Asking(split, split, np.arange(len(split)))


def check(data: Data) -> Data:
    """Return the data; ValueError where nothing can be learnt from them, in one line that says what to change."""
    classes, counts = np.unique(data.train.labels, return_counts=True)
    if len(classes) < 2:
        raise ValueError(f"{data.name}: the training images are of {len(classes)} class; at least 2 are needed")
    if counts.max() < 2:
        raise ValueError(f"{data.name}: no training class has 2 images, so there is no positive; take more of each")
    for words, asking in (("validation", data.val), ("test", data.test)):
        if not len(asking.queries):
            raise ValueError(f"{data.name}: there is no {words} image to ask with; is the set the whole one?")
    return data
