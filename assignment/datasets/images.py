"""Image files as network input: RGB, with a fixed size and normalisation; a damaged file raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from assignment.cores import available_cores
from assignment.datasets.errors import DataMissing
from assignment.text import one_line

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which the pretrained networks expect
_MEAN, _STD = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
IN_FLIGHT = 256  # images decoded in advance: 40 MB at 224 × 224


def read_image(path: Path) -> Tensor:
    """Read an image of any mode and format as (3, H, W) uint8; transparency is dropped.

    Raises:
        DataMissing: missing, not an image, or truncated.
    """
    try:
        with Image.open(path) as image:
            pixels = _rgb(image)
    except Exception as problem:  # damaged files raise many kinds of exceptions
        what = one_line(str(problem).replace(str(path), "it")) or type(problem).__name__
        raise DataMissing(f"{path}: cannot be read as an image ({what}); download it again") from None
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):  # Pillow would clip values above 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode == "P":
        image = image.convert("RGBA")  # a palette may hold transparency
    return np.array(image.convert("RGB"))


def prepare(pixels: Tensor, size: int = 224) -> Tensor:
    """Resize the shorter side to 256/224 · size and crop the centre: (3, H, W) uint8 → (3, size, size) uint8."""
    return F.center_crop(F.resize(pixels, [round(256 * size / 224)], antialias=True), [size, size])


def normalised(pixels: Tensor, out: Tensor | None = None) -> Tensor:
    """Normalise (3, H, W) uint8 as for ImageNet, (pixel / 255 − MEAN) / STD, as float32, written to `out` if given."""
    out = torch.empty(pixels.shape) if out is None else out
    return out.copy_(pixels).mul_(1 / 255).sub_(_MEAN).div_(_STD)


def augmentation(size: int = 224) -> Callable[[Tensor], Tensor]:
    """Return a random crop (half to all of the area) and flip of a normalised image (3, size, size)."""
    return v2.Compose([v2.RandomResizedCrop(size, scale=(0.5, 1.0), antialias=True), v2.RandomHorizontalFlip()])


class FileSplit:
    """A split whose images are read from files at each access.

    Args:
        paths: N image files. labels: (N,) integers. size: height and width of the images.

    `split[i]` is (3, size, size) float32: see `prepare` and `normalised`.
    """

    def __init__(self, paths: Sequence[Path], labels: np.ndarray, size: int = 224) -> None:
        self.paths = list(paths)
        self.labels = np.asarray(labels).astype(np.int64)
        self.size = size
        if len(self.paths) != len(self.labels):
            raise ValueError(f"{len(self.paths)} files but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, i: int) -> Tensor:
        return normalised(prepare(read_image(self.paths[i]), self.size))


def decode_all(paths: Sequence[Path], size: int) -> Iterator[Tensor | str]:
    """Read and prepare all files in order, on all available cores; yield the pixels or the error of each."""

    def decode(path: Path) -> Tensor | str:
        try:
            return prepare(read_image(path), size).contiguous()
        except DataMissing as problem:
            return str(problem)

    waiting = iter(paths)
    with ThreadPoolExecutor(available_cores()) as pool:
        while some := list(islice(waiting, IN_FLIGHT)):
            yield from pool.map(decode, some)
