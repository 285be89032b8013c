"""Count classes and images, and decode every file."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from assignment.datasets import DataMissing
from data_scripts.errors import Damaged
from data_scripts.registry import Source

SHOWN = 5  # damaged files listed by name


def verify(source: Source, folder: Path) -> str:
    """Read the lists, count classes and images, decode every image; return the counts as text.

    Raises:
        Damaged: a list is inconsistent or images cannot be read; the message counts and names them.
    """
    try:
        return (_images if source.official.photographs else _fashion_mnist)(source, folder)
    except DataMissing as problem:
        raise Damaged(str(problem)) from None


def _images(source: Source, folder: Path) -> str:
    from tqdm import tqdm

    from assignment.datasets.images import decode_all

    official = source.official
    module: Any = import_module(f"assignment.datasets.{official.module}")
    listing = module.listing(folder)
    paths = [listing.root / file for file in listing.files]
    bar = tqdm(decode_all(paths, 8), "decoding", len(paths), unit=" images", disable=None)
    damaged = [problem for problem in bar if isinstance(problem, str)]
    if damaged:
        raise Damaged(f"{len(damaged)} of {len(paths):,} images are damaged: {'; '.join(damaged[:SHOWN])}")
    part = f"; a part of the set: {', '.join(listing.notes)}" if listing.notes else "; the set is complete"
    return f"{len(np.unique(listing.labels))} classes, {len(paths):,} images, all decoded{part}"


def _fashion_mnist(source: Source, folder: Path) -> str:
    from assignment.datasets import fashion_mnist

    counts = {}
    for part in ("train", "test"):
        images, labels = fashion_mnist.read(folder, part)
        if set(labels) - set(range(source.official.classes)):
            raise Damaged(f"{folder}: the {part} labels go up to {labels.max()} instead of 9; download the files again")
        counts[part] = len(images)
    whole = sum(counts.values()) == source.official.images
    part = "; the set is complete" if whole else "; a part of the set"
    return f"{source.official.classes} classes, {counts['train']:,} + {counts['test']:,} images, all read{part}"
