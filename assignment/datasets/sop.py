"""Stanford Online Products (Song et al. 2016) in its official layout: 22,634 articles of twelve kinds.

The folder holds `Ebay_train.txt` and `Ebay_test.txt`, each with the columns image_id, class_id, super_class_id, path,
and the images in a folder for each kind ("bicycle_final"). The two lists share no class. A set that was drawn in this
layout says so in `GENERATED.txt`, and so does every figure that is taken with it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assignment.datasets.data import Data
from assignment.datasets.errors import DataMissing
from assignment.datasets.listing import Listing, find, held_out, is_part_of, read_lines
from assignment.datasets.official import SOP

LISTS = {"train": "Ebay_train.txt", "test": "Ebay_test.txt"}
GENERATED = "GENERATED.txt"
COLUMNS = ["image_id", "class_id", "super_class_id", "path"]


def data(
    root: Path | None = None,
    images_per_class: int = 0,
    size: int = 224,
    cache: Path | None = None,
    on_corrupt: str = "stop",
) -> Data:
    """The official test classes to test; of the training classes every tenth (id divisible by ten) to validate.

    Labels are the class ids less 1, superclasses the super class ids less 1. See `datasets.load` for the options and
    what is raised.
    """
    found, kinds, kind_names = listing(root)
    whole = held_out(SOP, found, images_per_class, size, cache, on_corrupt)
    whole.superclasses, whole.superclass_names = kinds, kind_names
    return whole


def listing(root: Path | None = None) -> tuple[Listing, dict[int, int], dict[int, str]]:
    """Read the official lists.

    Returns:
        the listing, the superclass of each label, the name of each superclass.

    Raises:
        DataMissing: a list is missing, has a line of another form, or a class stands in both lists.
    """
    root = find(SOP, root)
    files, labels, absent = [], [], 0
    kinds: dict[int, int] = {}
    kind_names: dict[int, str] = {}
    classes: dict[str, set[int]] = {}
    for part, name in LISTS.items():
        own = classes.setdefault(part, set())
        for number, line in read_lines(root / name, SOP):
            fields = line.split(maxsplit=3)
            if fields == COLUMNS:
                continue
            if len(fields) != 4 or not all(text.isdigit() for text in fields[:3]):
                raise DataMissing(f"{root / name}, line {number}: expected three numbers and a path: {line[:40]!r}")
            label, kind, file = int(fields[1]) - 1, int(fields[2]) - 1, fields[3].strip()
            own.add(label)
            kinds[label] = kind
            kind_names[kind] = file.split("/")[0].removesuffix("_final").replace("_", " ")
            if (root / file).is_file():
                files.append(file)
                labels.append(label)
            else:
                absent += 1
    if both := classes["train"] & classes["test"]:
        raise DataMissing(f"{root}: class {min(both) + 1} stands in both lists ({len(both)} in all); fetch them again")
    parts = {
        "train": sorted(label for label in classes["train"] if (label + 1) % 10),
        "val": sorted(label for label in classes["train"] if not (label + 1) % 10),
        "test": sorted(classes["test"]),
    }
    names = {label: f"{kind_names[kind]} {label + 1}" for label, kind in kinds.items()}
    found = Listing("sop", root, files, np.array(labels, np.int64), dict(parts), names)
    is_part_of(SOP, found, absent)
    if (root / GENERATED).is_file():
        found.generated = " ".join((root / GENERATED).read_text(encoding="utf-8").split())
    return found, kinds, kind_names
