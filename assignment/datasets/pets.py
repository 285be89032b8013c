"""Oxford-IIIT Pet (Parkhi et al. 2012) in its official layout: 37 breeds of cats and dogs, divided by breed.

The folder holds `annotations/list.txt` (or `trainval.txt` and `test.txt`) and `images/`. The breed is the name of an
image up to the last underscore: "wheaten_terrier_12" is a wheaten terrier. Twenty breeds are for training, seven for
validation and ten for the test, see `BREEDS`. Labels are the official ones less 1, in alphabetical order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assignment.datasets.errors import DataMissing
from assignment.datasets.listing import Listing, find, note_missing, read_lines
from assignment.datasets.registry import PETS

# Chosen by hand before the first run, with cats and dogs in each part. Names of cats are capitalised, as in the files.
BREEDS = {
    "train": (
        "Abyssinian Bengal British_Shorthair Maine_Coon Persian Russian_Blue Sphynx "
        "american_pit_bull_terrier basset_hound chihuahua english_cocker_spaniel german_shorthaired great_pyrenees "
        "havanese leonberger miniature_pinscher pomeranian saint_bernard staffordshire_bull_terrier yorkshire_terrier"
    ).split(),
    "val": "Bombay Ragdoll boxer english_setter japanese_chin keeshond scottish_terrier".split(),
    "test": (
        "Birman Egyptian_Mau Siamese american_bulldog beagle newfoundland pug samoyed shiba_inu wheaten_terrier"
    ).split(),
}
LABELS = {
    breed: label for label, breed in enumerate(sorted((b for part in BREEDS.values() for b in part), key=str.lower))
}


def listing(root: Path | None = None) -> Listing:
    """Read the official lists; DataMissing if they are missing or name an unknown breed."""
    root = find(PETS, root)
    annotations = root / "annotations"
    lists = ["list.txt"] if (annotations / "list.txt").is_file() else ["trainval.txt", "test.txt"]
    files, labels, absent = [], [], 0
    for path in (annotations / name for name in lists):
        for number, line in read_lines(path, PETS):
            name = line.split()[0]
            if name.startswith("#"):
                continue
            breed = breed_of(name)
            if breed not in LABELS:
                raise DataMissing(f"{path}, line {number}: {name[:60]!r} is not one of the {len(LABELS)} breeds")
            if (root / "images" / f"{name}.jpg").is_file():
                files.append(f"images/{name}.jpg")
                labels.append(LABELS[breed])
            else:
                absent += 1
    parts = {part: [LABELS[breed] for breed in breeds] for part, breeds in BREEDS.items()}
    names = {label: breed.replace("_", " ") for breed, label in LABELS.items()}
    found = Listing(PETS.name, root, files, np.array(labels, np.int64), dict(parts), names)
    note_missing(PETS, found, absent)
    return found


def breed_of(name: str) -> str:
    """Return the breed in the name of an image.

    Example:
        >>> breed_of("american_bulldog_12")
        'american_bulldog'
    """
    return name.rpartition("_")[0]
