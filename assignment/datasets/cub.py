"""CUB-200-2011 (Wah et al. 2011) in its official layout: birds of 200 species, divided by class.

The folder holds `images.txt`, `image_class_labels.txt` and `images/`; it may hold a part of the images, and a note says
what is missing. Classes 0–99 are for training (the lab uses the first 20 images of each), 100–149 for validation and
150–199 for the test. Labels are those of the files less 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assignment.datasets.errors import DataMissing
from assignment.datasets.listing import Listing, find, note_missing, read_lines
from assignment.datasets.registry import CUB

RANGES = {"train": range(100), "val": range(100, 150), "test": range(150, 200)}


def listing(root: Path | None = None) -> Listing:
    """Read the official lists; DataMissing if one is missing or they contradict each other."""
    root = find(CUB, root)
    images, classes = _pairs(root / "images.txt"), _pairs(root / "image_class_labels.txt")
    files, labels, absent = [], [], 0
    names: dict[int, str] = {}
    for number, name in images.items():
        if number not in classes:
            raise DataMissing(f"{root / 'image_class_labels.txt'}: has no class for image {number}; download it again")
        label = _class(classes[number], root)
        names[label] = name.split("/")[0].split(".")[-1].replace("_", " ")  # the folder is 001.Black_footed_Albatross
        if (root / "images" / name).is_file():
            files.append(f"images/{name}")
            labels.append(label)
        else:
            absent += 1
    found = Listing(CUB.name, root, files, np.array(labels, np.int64), dict(RANGES), names)
    note_missing(CUB, found, absent)
    return found


def _class(text: str, root: Path) -> int:
    if not text.strip().isdigit() or not 1 <= int(text) <= CUB.classes:
        raise DataMissing(f"{root / 'image_class_labels.txt'}: {text[:40]!r} is not a class from 1 to {CUB.classes}")
    return int(text) - 1


def _pairs(path: Path) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for number, line in read_lines(path, CUB):
        fields = line.split(maxsplit=1)
        if len(fields) != 2:
            raise DataMissing(f"{path}, line {number}: expected a number and a value, found {line[:40]!r}")
        pairs[fields[0]] = fields[1].strip()
    return pairs
