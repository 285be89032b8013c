"""What the data sets of image files share: finding the folder, reading lists, and making splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from assignment.datasets.cache import PixelCache, open_cache
from assignment.datasets.data import Data, among_themselves
from assignment.datasets.errors import DataMissing
from assignment.datasets.images import MEAN, STD, FileSplit, augmentation, decode_all
from assignment.datasets.registry import DataSet
from assignment.datasets.split import Split, place_in_class

DEFAULT_ROOT = Path("data")


@dataclass
class Listing:
    """The images of a set that are on the disk, and how they are divided.

    Attributes:
        name: of the set. root: its folder.
        files: N paths below `root`, in the order of the official list. labels: (N,) int64.
        parts: the classes of "train", "val" and "test".
        class_names: label → name. superclasses: label → superclass, superclass_names: superclass → name, or None.
        notes: what of the set is missing. generated: description of a generated set in the same layout, or "".
    """

    name: str
    root: Path
    files: list[str]
    labels: np.ndarray
    parts: dict[str, Sequence[int]]
    class_names: dict[int, str]
    superclasses: dict[int, int] | None = None
    superclass_names: dict[int, str] | None = None
    notes: list[str] = field(default_factory=list)
    generated: str = ""


def find(dataset: DataSet, root: Path | None) -> Path:
    """Return the folder of a set: `root`, its subfolder with the official name, or, for None, the one below `data/`."""
    name, folder = dataset.name, dataset.folder
    if root is None:
        root = DEFAULT_ROOT / folder
        if not root.is_dir():
            raise DataMissing(f"{name}: there is no folder {root}; run `python -m data_scripts {name}` or set root")
    return root / folder if (root / folder).is_dir() else root


def read_lines(path: Path, dataset: DataSet) -> list[tuple[int, str]]:
    """Return number and text of the non-empty lines of a list; DataMissing if it is missing or empty."""
    if not path.is_file():
        raise DataMissing(f"{dataset.name}: {path.name} is not in {path.parent}; is that the folder {dataset.folder}?")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataMissing(f"{path}: not a text file; download it again") from None
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not filled:
        raise DataMissing(f"{path}: empty; download it again")
    return filled


def note_missing(dataset: DataSet, listing: Listing, absent: int) -> None:
    """Note what of the complete set is missing; `absent` is the number of listed files that do not exist."""
    present = len(np.unique(listing.labels))
    if present < dataset.classes:
        listing.notes.append(f"{present:,} of the {dataset.classes:,} classes")
    if len(listing.labels) < dataset.images:
        listing.notes.append(f"{len(listing.labels):,} of the {dataset.images:,} images")
    if absent:
        listing.notes.append(f"{absent} listed images are missing")


def held_out(
    dataset: DataSet, listing: Listing, images_per_class: int, size: int, cache: Path | None, on_corrupt: str
) -> Data:
    """Make the data of a listing: within each part every image is a query among all others.

    Raises:
        DataMissing: a part has no image, or a file cannot be read and `on_corrupt` is "stop".
        ValueError: `images_per_class` is larger than all classes.
    """
    rows = {part: np.flatnonzero(np.isin(listing.labels, list(each))) for part, each in listing.parts.items()}
    paths = [listing.root / file for file in listing.files]
    pixels = open_cache(cache, listing.name, listing.root, listing.files, size) if cache else None
    bad = pixels.unreadable if pixels else _unreadable(paths, size) if on_corrupt == "skip" else {}
    if bad and on_corrupt == "stop":
        rest = f" ({len(bad)} images in all; on_corrupt = skip excludes them)"
        raise DataMissing(next(iter(bad.values())) + rest)
    notes = [f"a part of the set: {', '.join(listing.notes)}"] if listing.notes else []
    if listing.generated:
        notes = [listing.generated]
    if bad:
        names = ", ".join(listing.files[row] for row in list(bad)[:3]) + (" …" if len(bad) > 3 else "")
        count = "1 image cannot be read and is" if len(bad) == 1 else f"{len(bad)} images cannot be read and are"
        notes.append(f"{count} excluded: {names}")
        rows = {part: each[~np.isin(each, list(bad))] for part, each in rows.items()}
    if images_per_class:
        rows["train"], short = _first_of_each(rows["train"], listing.labels, images_per_class)
        notes += [short] if short else []
    for part, each in rows.items():
        if not len(each):
            raise DataMissing(f"{listing.root}: no image of the classes {_span(listing.parts[part])} ({part})")
    splits = {part: _split(listing, paths, each, size, pixels) for part, each in rows.items()}
    return Data(
        name=listing.name,
        protocol="held-out",
        train=splits["train"],
        val=among_themselves(splits["val"]),
        test=among_themselves(splits["test"]),
        class_names=listing.class_names,
        superclasses=listing.superclasses,
        superclass_names=listing.superclass_names,
        mean=MEAN,
        std=STD,
        augment=augmentation(size),
        note=f"{listing.name}: {'; '.join(notes)}" if notes else "",
        licence=dataset.licence,
        whole=not listing.notes and not bad,
    )


def _split(listing: Listing, paths: list[Path], rows: np.ndarray, size: int, pixels: PixelCache | None) -> Split:
    labels = listing.labels[rows]
    return pixels.split(rows, labels) if pixels else FileSplit([paths[row] for row in rows], labels, size)


def _unreadable(paths: list[Path], size: int) -> dict[int, str]:
    from tqdm import tqdm

    images = tqdm(decode_all(paths, size), "checking images", len(paths), unit=" images", disable=None)
    return {row: image for row, image in enumerate(images) if isinstance(image, str)}


def _first_of_each(rows: np.ndarray, labels: np.ndarray, n: int) -> tuple[np.ndarray, str]:
    """Return the first n rows of each class, and a note if some classes have fewer; ValueError if all have."""
    sizes = np.unique(labels[rows], return_counts=True)[1]
    if len(sizes) and max(sizes) < n:
        raise ValueError(f"images_per_class = {n}: the largest training class has {max(sizes)}; use at most that")
    short = sum(sizes < n)
    note = f"{short} of the {len(sizes)} training classes have fewer than {n} images" if short else ""
    return rows[place_in_class(labels[rows]) < n], note


def _span(classes: Sequence[int]) -> str:
    return f"{classes.start}–{classes.stop - 1}" if isinstance(classes, range) else f"of {len(classes)} names"
