"""CUB-200-2011 (Wah et al. 2011) in its official layout: birds of 200 species, divided by class.

The folder holds `images.txt`, `image_class_labels.txt` and `images/`. A folder with a part of the images is welcome; a
note says what is missing. The set is for research and education and may not be passed on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torchvision.transforms import v2

from assignment.datasets.errors import DataMissing

RANGES = {"train": range(100), "val": range(100, 150), "test": range(150, 200)}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which the pretrained networks expect


class FileSplit:
    """A split whose images are read from files when they are asked for.

    Args:
        paths: N image files. labels: (N,) integers.

    `split[i]` is (3, 224, 224) float32: shorter side 256, central 224 × 224, normalised as for ImageNet.
    """

    def __init__(self, paths: list[Path], labels: np.ndarray) -> None:
        self.paths = paths
        self.labels = np.asarray(labels).astype(np.int64)
        self._prepare = v2.Compose(
            [
                v2.Resize(256, antialias=True),
                v2.CenterCrop(224),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        return self._prepare(read_image(self.paths[i]))


def read_image(path: Path) -> Tensor:
    """Read an image of any mode (grey, palette, CMYK …) as (3, H, W) uint8; DataMissing names a damaged file."""
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB"))
    except (OSError, UnidentifiedImageError) as problem:
        raise DataMissing(f"{path} cannot be read as an image ({problem}); fetch it again") from None
    return torch.from_numpy(pixels).permute(2, 0, 1)


def augmentation() -> v2.Transform:
    """Random crop and flip of a normalised image (3, 224, 224), for training only."""
    return v2.Compose([v2.RandomResizedCrop(224, scale=(0.5, 1.0), antialias=True), v2.RandomHorizontalFlip()])


def load(root: str | Path, images_per_class: int | None = None) -> tuple[dict[str, FileSplit], str]:
    """Read the official lists and divide the images by class.

    Args:
        root: the folder. images_per_class: the first so many images of each *training* class (the lab takes 20).

    Returns:
        "train", "val" and "test" (classes 0–99, 100–149, 150–199), and a note, "" if the set is complete.

    Raises:
        DataMissing: a list or all images of a split are missing; one line says which.
    """
    root = Path(root)
    names = _read_pairs(root / "images.txt")
    classes = _read_pairs(root / "image_class_labels.txt")
    found: list[tuple[Path, int]] = []
    absent = 0
    for number, name in names.items():
        if number not in classes:
            raise DataMissing(f"{root / 'image_class_labels.txt'} has no class for image {number}; fetch it again")
        path = root / "images" / name
        if path.is_file():
            found.append((path, int(classes[number]) - 1))  # the file counts classes from 1
        else:
            absent += 1
    present = {label for _, label in found}
    splits = {}
    for part, labels in RANGES.items():
        chosen = [(path, label) for path, label in found if label in labels]
        if part == "train" and images_per_class:
            chosen = _first_of_each(chosen, images_per_class)
        if not chosen:
            raise DataMissing(f"{root} has no image of the classes {labels.start}–{labels.stop - 1} ({part})")
        splits[part] = FileSplit([path for path, _ in chosen], np.array([label for _, label in chosen]))
    notes = [f"{len(present)} of the 200 classes"] if len(present) < 200 else []
    notes += [f"{absent} listed images are missing"] if absent else []
    return splits, f"CUB: a part of the set, {', '.join(notes)}" if notes else ""


def _first_of_each(images: list[tuple[Path, int]], n: int) -> list[tuple[Path, int]]:
    seen: dict[int, int] = {}
    kept = []
    for path, label in images:
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= n:
            kept.append((path, label))
    return kept


def _read_pairs(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise DataMissing(f"CUB: {path.name} is not in {path.parent}; is that the folder CUB_200_2011?")
    pairs: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        fields = line.split(maxsplit=1)
        if len(fields) != 2:
            raise DataMissing(f"{path}, line {number}: expected a number and a value, found {line[:40]!r}")
        pairs[fields[0]] = fields[1]
    return pairs
