"""What the data sets of image files share: finding the folder, reading lists, and making splits of what is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from assignment.datasets.cache import PixelCache, open_cache
from assignment.datasets.data import Data, among_themselves
from assignment.datasets.errors import DataMissing
from assignment.datasets.images import FileSplit, augmentation, decode_all
from assignment.datasets.official import Official
from assignment.datasets.split import Split, place_in_class

DEFAULT_ROOT = Path("data")


@dataclass
class Listing:
    """The images of a set that are on the disk, and how they are divided.

    Attributes:
        name: as `datasets.load` calls the set. root: its folder.
        files: N paths below `root`, in the order of the official list. labels: (N,) int64.
        parts: the classes of "train", "val" and "test".
        class_names: of every label there is. notes: what is missing of the set. generated: what it is, where it is a
            drawn set in the layout of the real one.
    """

    name: str
    root: Path
    files: list[str]
    labels: np.ndarray
    parts: dict[str, Sequence[int]]
    class_names: dict[int, str]
    notes: list[str] = field(default_factory=list)
    generated: str = ""


def find(official: Official, root: Path | None) -> Path:
    """The folder of a set: `root` itself, its subfolder of the official name, or that below `data/`."""
    name, folder = official.name, official.folder
    if root is None:
        root = DEFAULT_ROOT / folder
        if not root.is_dir():
            raise DataMissing(
                f"{name}: there is no folder {root}; `python -m data_scripts {name}` fetches it, or say where it is"
                " (root)"
            )
    return root / folder if (root / folder).is_dir() else root


def read_lines(path: Path, official: Official) -> list[tuple[int, str]]:
    """Number and text of the lines of a list that are not empty; DataMissing if there is no such list or no line."""
    if not path.is_file():
        raise DataMissing(
            f"{official.name}: {path.name} is not in {path.parent}; is that the folder {official.folder}?"
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataMissing(f"{path} is not a text file; fetch it again") from None
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not filled:
        raise DataMissing(f"{path} is empty; fetch it again")
    return filled


def is_part_of(official: Official, listing: Listing, absent: int) -> None:
    """Note what a folder lacks of the official set; `absent` files are listed but not there."""
    present = len(np.unique(listing.labels))
    if present < official.classes:
        listing.notes.append(f"{present:,} of the {official.classes:,} classes")
    if len(listing.labels) < official.images:
        listing.notes.append(f"{len(listing.labels):,} of the {official.images:,} images")
    if absent:
        listing.notes.append(f"{absent} listed images are missing")


def held_out(
    official: Official, listing: Listing, images_per_class: int, size: int, cache: Path | None, on_corrupt: str
) -> Data:
    """Make the data of a listing: within each part every image asks all others.

    Raises:
        DataMissing: a part has no image; a file cannot be read, and `on_corrupt` says "stop". ValueError: options.
    """
    rows = {part: np.flatnonzero(np.isin(listing.labels, list(own))) for part, own in listing.parts.items()}
    paths = [listing.root / file for file in listing.files]
    pixels = open_cache(cache, listing.name, listing.root, listing.files, size) if cache else None
    bad = pixels.unreadable if pixels else _unreadable(paths, size) if on_corrupt == "skip" else {}
    if bad and on_corrupt == "stop":
        rest = f" ({len(bad)} images in all; on_corrupt = skip leaves them out)"
        raise DataMissing(next(iter(bad.values())) + rest)
    notes = [f"a part of the set: {', '.join(listing.notes)}"] if listing.notes else []
    if listing.generated:
        notes = [listing.generated]
    if bad:
        names = ", ".join(listing.files[row] for row in list(bad)[:3]) + (" …" if len(bad) > 3 else "")
        count = "1 image cannot be read and is" if len(bad) == 1 else f"{len(bad)} images cannot be read and are"
        notes.append(f"{count} left out: {names}")
        rows = {part: own[~np.isin(own, list(bad))] for part, own in rows.items()}
    if images_per_class:
        rows["train"], short = _first_of_each(rows["train"], listing.labels, images_per_class)
        notes += [short] if short else []
    for part, own in rows.items():
        if not len(own):
            raise DataMissing(f"{listing.root} has no image of the classes {_span(listing.parts[part])} ({part})")
    splits = {part: _split(listing, paths, own, size, pixels) for part, own in rows.items()}
    return Data(
        name=listing.name,
        protocol="held-out",
        train=splits["train"],
        val=among_themselves(splits["val"]),
        test=among_themselves(splits["test"]),
        class_names=listing.class_names,
        augment=augmentation(size),
        note=f"{listing.name}: {'; '.join(notes)}" if notes else "",
        licence=official.licence,
        whole=not listing.notes and not bad,
    )


def _split(listing: Listing, paths: list[Path], rows: np.ndarray, size: int, pixels: PixelCache | None) -> Split:
    labels = listing.labels[rows]
    return pixels.split(rows, labels) if pixels else FileSplit([paths[row] for row in rows], labels, size)


def _unreadable(paths: list[Path], size: int) -> dict[int, str]:
    from tqdm import tqdm

    looked_at = tqdm(decode_all(paths, size), "looking for damaged images", len(paths), unit=" images", disable=None)
    return {row: image for row, image in enumerate(looked_at) if isinstance(image, str)}


def _first_of_each(rows: np.ndarray, labels: np.ndarray, n: int) -> tuple[np.ndarray, str]:
    """The first n rows of each class, and a note if some classes have fewer; ValueError if all have."""
    sizes = np.unique(labels[rows], return_counts=True)[1]
    if len(sizes) and max(sizes) < n:
        raise ValueError(f"images_per_class = {n}: no training class has so many; the largest has {max(sizes)}")
    short = sum(sizes < n)
    note = f"{short} of the {len(sizes)} training classes have fewer than {n} images" if short else ""
    return rows[place_in_class(labels[rows]) < n], note


def _span(classes: Sequence[int]) -> str:
    return f"{classes.start}–{classes.stop - 1}" if isinstance(classes, range) else f"of {len(classes)} names"
