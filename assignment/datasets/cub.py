"""CUB-200-2011 (Wah et al. 2011) in its official layout: birds of 200 species, divided by class.

The folder holds `images.txt`, `image_class_labels.txt` and `images/`. A folder with a part of the images is welcome; a
note says what is missing. The set is for research and education and may not be passed on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assignment.datasets.data import Data
from assignment.datasets.errors import DataMissing
from assignment.datasets.listing import Listing, find, held_out, is_part_of, read_lines
from assignment.datasets.official import CUB

RANGES = {"train": range(100), "val": range(100, 150), "test": range(150, 200)}


def data(
    root: Path | None = None,
    images_per_class: int = 0,
    size: int = 224,
    cache: Path | None = None,
    on_corrupt: str = "stop",
) -> Data:
    """Classes 0–99 to learn from (the lab takes the first 20 images of each), 100–149 to validate, 150–199 to test.

    Labels count from 0, one less than in the files. See `datasets.load` for the options and what is raised.
    """
    return held_out(CUB, listing(root), images_per_class, size, cache, on_corrupt)


def listing(root: Path | None = None) -> Listing:
    """Read the official lists; DataMissing where a list is missing or contradicts the other."""
    root = find(CUB, root)
    images, classes = _pairs(root / "images.txt"), _pairs(root / "image_class_labels.txt")
    files, labels, absent = [], [], 0
    names: dict[int, str] = {}
    for number, name in images.items():
        if number not in classes:
            raise DataMissing(f"{root / 'image_class_labels.txt'} has no class for image {number}; fetch it again")
        label = _class(classes[number], root)
        names[label] = name.split("/")[0].split(".")[-1].replace("_", " ")  # the folder is 001.Black_footed_Albatross
        if (root / "images" / name).is_file():
            files.append(f"images/{name}")
            labels.append(label)
        else:
            absent += 1
    found = Listing("cub", root, files, np.array(labels, np.int64), dict(RANGES), names)
    is_part_of(CUB, found, absent)
    return found


def _class(text: str, root: Path) -> int:
    if not text.strip().isdigit() or not 1 <= int(text) <= CUB.classes:
        raise DataMissing(f"{root / 'image_class_labels.txt'}: {text[:40]!r} is no class from 1 to {CUB.classes}")
    return int(text) - 1


def _pairs(path: Path) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for number, line in read_lines(path, CUB):
        fields = line.split(maxsplit=1)
        if len(fields) != 2:
            raise DataMissing(f"{path}, line {number}: expected a number and a value, found {line[:40]!r}")
        pairs[fields[0]] = fields[1].strip()
    return pairs
