"""Stanford Online Products (Song et al. 2016) in its official layout: 22,634 products of twelve kinds.

The folder holds `Ebay_train.txt` and `Ebay_test.txt`, each with the columns image_id, class_id, super_class_id, path,
and the images in a folder for each kind ("bicycle_final"). The two lists share no class. The classes of the test list
are for the test; of the training list every tenth class (id divisible by ten) is for validation. Labels are the class
ids less 1, superclasses the super class ids less 1. A generated set in this layout is described in `GENERATED.txt`,
which becomes its note.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assignment.datasets.errors import DataMissing
from assignment.datasets.listing import Listing, find, note_missing, read_lines
from assignment.datasets.registry import SOP

LISTS = {"train": "Ebay_train.txt", "test": "Ebay_test.txt"}
GENERATED = "GENERATED.txt"
COLUMNS = ["image_id", "class_id", "super_class_id", "path"]


def listing(root: Path | None = None) -> Listing:
    """Read the official lists, with the kinds as superclasses.

    Raises:
        DataMissing: a list is missing, has an invalid line, or both lists have a class.
    """
    root = find(SOP, root)
    files, labels, absent = [], [], 0
    kinds: dict[int, int] = {}
    kind_names: dict[int, str] = {}
    classes: dict[str, set[int]] = {}
    for part, name in LISTS.items():
        members = classes.setdefault(part, set())
        for number, line in read_lines(root / name, SOP):
            fields = line.split(maxsplit=3)
            if fields == COLUMNS:
                continue
            if len(fields) != 4 or not all(text.isdigit() for text in fields[:3]):
                raise DataMissing(f"{root / name}, line {number}: expected three numbers and a path: {line[:40]!r}")
            label, kind, file = int(fields[1]) - 1, int(fields[2]) - 1, fields[3].strip()
            members.add(label)
            kinds[label] = kind
            kind_names[kind] = file.split("/")[0].removesuffix("_final").replace("_", " ")
            if (root / file).is_file():
                files.append(file)
                labels.append(label)
            else:
                absent += 1
    if both := classes["train"] & classes["test"]:
        raise DataMissing(f"{root}: class {min(both) + 1} is in both lists ({len(both)} in all); download them again")
    parts = {
        "train": sorted(label for label in classes["train"] if (label + 1) % 10),
        "val": sorted(label for label in classes["train"] if not (label + 1) % 10),
        "test": sorted(classes["test"]),
    }
    names = {label: f"{kind_names[kind]} {label + 1}" for label, kind in kinds.items()}
    found = Listing(SOP.name, root, files, np.array(labels, np.int64), dict(parts), names, kinds, kind_names)
    note_missing(SOP, found, absent)
    if (root / GENERATED).is_file():
        found.generated = " ".join((root / GENERATED).read_text(encoding="utf-8").split())
    return found
