"""FashionMNIST (Xiao et al. 2017): ten kinds of clothing, 28 × 28 grey images; the whole set or the embedded sample."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from assignment.datasets.errors import DataMissing
from assignment.datasets.split import ArraySplit

CLASSES = (
    "T-shirt",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
TRAINING_CLASSES = (0, 1, 2, 5, 8)  # T-shirt, Trouser, Pullover, Sandal, Bag
VALIDATION_CLASSES = (3, 4)  # Dress, Coat
TEST_CLASSES = (6, 7, 9)  # Shirt, Sneaker, Ankle boot

SAMPLE = Path(__file__).with_name("fashion_sample.npz")
MEAN, STD = 0.2860, 0.3530  # of the pixels of the 60,000 training images, in units of white = 1
_PREFIX = {"train": "train", "test": "t10k"}
_KIND = {3: "images", 1: "labels"}


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of unsigned bytes, gzip or plain; raise DataMissing where the bytes are not that."""
    raw = path.read_bytes()
    try:
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as problem:
        raise DataMissing(f"{path} is a damaged gzip file ({problem}); fetch it again") from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise DataMissing(f"{path} is not an IDX file of bytes; fetch it again")
    start = 4 + 4 * raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], ">u4"))
    if len(raw) != start + math.prod(shape):
        raise DataMissing(
            f"{path} holds {len(raw)} bytes instead of the {start + math.prod(shape)} it speaks of; fetch it again"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read(folder: str | Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the "train" or "test" archive from a folder with the official files.

    Returns:
        images (N, 28, 28) uint8 and labels (N,) uint8.

    Raises:
        DataMissing: a file is not there or damaged; one line says which.
    """
    arrays = {}
    for dimensions, kind in _KIND.items():
        name = f"{_PREFIX[part]}-{kind}-idx{dimensions}-ubyte"
        found = [path for path in (Path(folder) / f"{name}.gz", Path(folder) / name) if path.is_file()]
        if not found:
            raise DataMissing(f"FashionMNIST: neither {name}.gz nor {name} is in {folder}")
        arrays[kind] = read_idx(found[0])
    if len(arrays["images"]) != len(arrays["labels"]):
        raise DataMissing(
            f"FashionMNIST: {folder} has {len(arrays['images'])} {part} images, {len(arrays['labels'])} labels"
        )
    return arrays["images"], arrays["labels"]


def as_images(pixels: np.ndarray) -> Tensor:
    """Turn grey bytes (N, 28, 28) into network input (N, 3, 28, 28) float32: (pixel / 255 − MEAN) / STD, thrice."""
    grey = (torch.from_numpy(np.ascontiguousarray(pixels)).float() / 255 - MEAN) / STD
    return grey[:, None].expand(-1, 3, -1, -1).contiguous()


def by_class(pixels: np.ndarray, labels: np.ndarray) -> dict[str, ArraySplit]:
    """Divide images by class into "train", "val" and "test"; no class is in two of them."""
    parts = {"train": TRAINING_CLASSES, "val": VALIDATION_CLASSES, "test": TEST_CLASSES}
    return {part: _of_classes(pixels, labels, classes) for part, classes in parts.items()}


def _of_classes(pixels: np.ndarray, labels: np.ndarray, classes: Sequence[int]) -> ArraySplit:
    chosen = np.isin(labels, classes)
    return ArraySplit(as_images(pixels[chosen]), labels[chosen])


def sample() -> dict[str, ArraySplit]:
    """The embedded sample of the training archive (200 images a class), divided by class."""
    with np.load(SAMPLE) as arrays:
        return by_class(arrays["images"], arrays["labels"])


def load(folder: str | Path) -> dict[str, ArraySplit]:
    """All images of the official training archive in `folder`, divided by class."""
    return by_class(*read(folder, "train"))
