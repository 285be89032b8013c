"""FashionMNIST (Xiao et al. 2017): ten kinds of clothing, 28 × 28 grey images; complete or the embedded sample."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from assignment.datasets.data import Data, QueryGallery
from assignment.datasets.errors import DataMissing
from assignment.datasets.registry import FASHION, DataSet
from assignment.datasets.split import ArraySplit, place_in_class

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

HELD_BACK = 1_000  # images of each class of the training archive for validation by the held-out protocol
SEEN_VALIDATION, SEEN_IMAGES, SEEN_QUERIES = 600, 100, 10  # images of each class, by the protocol "seen"

SAMPLE = Path(__file__).with_name("fashion_sample.npz")
MEAN, STD = 0.2860, 0.3530  # of the pixels of the 60,000 training images, in units of white = 1
_PREFIX = {"train": "train", "test": "t10k"}
_KIND = {3: "images", 1: "labels"}
Parts = tuple[ArraySplit, QueryGallery, QueryGallery]  # training, validation, test


def read_idx(path: Path) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzip or plain; DataMissing if it is damaged."""
    raw = path.read_bytes()
    try:
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except (OSError, EOFError, zlib.error) as problem:
        raise DataMissing(f"{path}: damaged gzip file ({problem}); download it again") from None
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08" or len(raw) < 4 + 4 * raw[3]:
        raise DataMissing(f"{path}: not an IDX file of bytes; download it again")
    start = 4 + 4 * raw[3]
    shape = tuple(int(n) for n in np.frombuffer(raw[4:start], ">u4"))
    if len(raw) != start + math.prod(shape):
        raise DataMissing(f"{path}: holds {len(raw)} bytes instead of {start + math.prod(shape)}; download it again")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def read(folder: str | Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the "train" or "test" archive from a folder with the official files.

    Returns:
        images (N, 28, 28) uint8 and labels (N,) uint8.

    Raises:
        DataMissing: a file is missing or damaged.
    """
    arrays = {}
    for dimensions, kind in _KIND.items():
        name = f"{_PREFIX[part]}-{kind}-idx{dimensions}-ubyte"
        found = [path for path in (Path(folder) / f"{name}.gz", Path(folder) / name) if path.is_file()]
        if not found:
            raise DataMissing(f"FashionMNIST: neither {name}.gz nor {name} is in {folder}; download it again")
        arrays[kind] = read_idx(found[0])
    if len(arrays["images"]) != len(arrays["labels"]):
        raise DataMissing(
            f"FashionMNIST: {folder} has {len(arrays['images'])} {part} images, {len(arrays['labels'])} labels"
        )
    return arrays["images"], arrays["labels"]


def as_images(pixels: np.ndarray) -> Tensor:
    """Convert grey bytes (N, 28, 28) to network input (N, 3, 28, 28) float32: (pixel / 255 − MEAN) / STD, three times.

    The three channels share their memory: copy an image before writing to it.
    """
    grey = (torch.from_numpy(pixels.astype(np.float32)) / 255 - MEAN) / STD
    return grey[:, None].expand(-1, 3, -1, -1)


def data(
    dataset: DataSet, root: Path | None = None, protocol: str = "held-out", images_per_class: int = 0, moved: int = 2
) -> Data:
    """Load the complete set or the embedded sample; see `datasets.load` for the arguments.

    "held-out", complete set: train on the five training classes without the last 1,000 images of each; the validation
    queries are the last 1,000 images of Dress and Coat, among the last 1,000 images of all seven classes; the test
    queries are Shirt, Sneaker and Ankle boot of the test archive, among all of it. "held-out", sample: the queries of
    each group are among the images of this group and the earlier ones. "seen" is the protocol of the lab: 54,000
    training images; the first ten images of each class of the test archive are queries among the first 100 of each.
    Validation uses 100 images of each class of the last 600 of the training archive, all of them as queries, since 100
    queries are too few to choose an epoch by.
    """
    if dataset.part_of:
        with np.load(SAMPLE) as arrays:
            train, val, test = _sample(arrays["images"], arrays["labels"])
            total = len(arrays["labels"])
    else:
        folder = find(root)
        archives = *read(folder, "train"), *read(folder, "test")
        train, val, test = (_seen if protocol == "seen" else _held_out)(*archives)
        total = len(archives[1]) + len(archives[3])
    if images_per_class:
        most = int(np.bincount(train.labels).max(initial=0))
        if most < images_per_class:
            raise ValueError(
                f"images_per_class = {images_per_class}: the largest training class has {most} images; use at most that"
            )
        train = train.first_of_each(images_per_class)
    whole = total == FASHION.images
    return Data(
        name=dataset.name,
        protocol=protocol,
        train=train,
        val=val,
        test=test,
        class_names=dict(enumerate(CLASSES)),
        mean=MEAN,
        std=STD,
        fixed_queries=True,
        augment=MirrorAndMove(moved),
        note=""
        if total == FASHION.images
        else f"{dataset.name}: {total:,} of the {FASHION.images:,} images of FashionMNIST",
        licence=FASHION.licence,
        whole=whole,
    )


def find(root: Path | None) -> Path:
    """Return the folder with the four files: `root`, its subfolder, or, for None, below `data/` or a system folder."""
    if root is not None:
        return root / FASHION.folder if (root / FASHION.folder).is_dir() else root
    places = [Path("data") / FASHION.folder, *system_folders()]
    for place in places:
        if any((place / f"train-images-idx3-ubyte{ending}").is_file() for ending in (".gz", "")):
            return place
    raise DataMissing(
        f"{FASHION.name}: there is no {places[0]}; run `python -m data_scripts {FASHION.name}` or set root"
    )


def system_folders() -> list[Path]:
    """Return the folders of a system package of the set: `datasets/fashion-mnist` in the folders of shared data."""
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"  # defaults of the XDG standard
    return [Path(folder) / "datasets" / FASHION.folder for folder in shared.split(":") if folder]


@dataclass(frozen=True)
class MirrorAndMove:
    """Random variant of an image (C, H, W): shifted, with black borders, and mirrored with probability 1/2.

    Args:
        most: largest shift in pixels, up, down, left or right.
    """

    most: int

    def __call__(self, image: Tensor) -> Tensor:
        flip, down, right = (int(torch.randint(high, ())) for high in (2, 2 * self.most + 1, 2 * self.most + 1))
        height, width = image.shape[-2:]
        padded = torch.nn.functional.pad(image, (self.most,) * 4, value=-MEAN / STD)
        moved = padded[..., down : down + height, right : right + width]
        return moved.flip(-1) if flip else moved


def _held_out(pixels: np.ndarray, labels: np.ndarray, test_pixels: np.ndarray, test_labels: np.ndarray) -> Parts:
    last = _from_end(labels) < HELD_BACK
    first = ~last & np.isin(labels, TRAINING_CLASSES)
    back = last & np.isin(labels, TRAINING_CLASSES + VALIDATION_CLASSES)
    val = _query_gallery(pixels[back], labels[back], np.isin(labels[back], VALIDATION_CLASSES))
    return (
        _split(pixels[first], labels[first]),
        val,
        _query_gallery(test_pixels, test_labels, np.isin(test_labels, TEST_CLASSES)),
    )


def _seen(pixels: np.ndarray, labels: np.ndarray, test_pixels: np.ndarray, test_labels: np.ndarray) -> Parts:
    back = _from_end(labels) < SEEN_VALIDATION

    def first(images: np.ndarray, all_labels: np.ndarray, queries: int) -> QueryGallery:
        chosen = place_in_class(all_labels) < SEEN_IMAGES
        chosen_labels = all_labels[chosen]
        return _query_gallery(images[chosen], chosen_labels, place_in_class(chosen_labels) < queries)

    val = first(pixels[back], labels[back], SEEN_IMAGES)
    return _split(pixels[~back], labels[~back]), val, first(test_pixels, test_labels, SEEN_QUERIES)


def _sample(pixels: np.ndarray, labels: np.ndarray) -> Parts:
    """The queries of each group are among this group and the earlier ones: Shirt among T-shirt and Coat."""
    train, val, test = (np.isin(labels, each) for each in (TRAINING_CLASSES, VALIDATION_CLASSES, TEST_CLASSES))
    early = train | val
    validation = _query_gallery(pixels[early], labels[early], val[early])
    return _split(pixels[train], labels[train]), validation, _query_gallery(pixels, labels, test)


def _query_gallery(pixels: np.ndarray, labels: np.ndarray, is_query: np.ndarray) -> QueryGallery:
    """Use the images for which `is_query` is true as queries among all of them."""
    return QueryGallery(_split(pixels[is_query], labels[is_query]), _split(pixels, labels), np.flatnonzero(is_query))


def _split(pixels: np.ndarray, labels: np.ndarray) -> ArraySplit:
    return ArraySplit(as_images(pixels), labels)


def _from_end(labels: np.ndarray) -> np.ndarray:
    return place_in_class(labels[::-1])[::-1]
