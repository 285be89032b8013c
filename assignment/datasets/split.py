"""Splits: N images, ready for a network, and their classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


@runtime_checkable
class Split(Protocol):
    """The interface of a data set for mining, sampling and evaluation.

    `split[i]` is image i as (C, H, W) float32, the same at each call; `labels` is (N,) int64. A split may also have
    `__getitems__(indices)`, which returns a list of images; a DataLoader calls it once for a whole batch.
    """

    labels: np.ndarray

    def __len__(self) -> int: ...

    def __getitem__(self, i: int) -> Tensor: ...


def place_in_class(labels: np.ndarray) -> np.ndarray:
    """Return the number of earlier images of the same class for each image, (N,) → (N,) int64.

    Example:
        >>> place_in_class(np.array([4, 7, 4, 4])).tolist()
        [0, 0, 1, 2]
    """
    order = labels.argsort(kind="stable")
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    place = np.empty(len(labels), dtype=np.int64)
    place[order] = np.arange(len(labels)) - np.repeat(starts, counts)
    return place


def collate(images: Sequence[Tensor]) -> Tensor:
    """Make images (C, H, W) a batch (B, C, H, W): for a DataLoader, `torch.stack` without the copy where it can be.

    What `__getitems__` gives are views of one batch, in order; that batch is then the result itself.
    """
    batch = images[0]._base
    if batch is not None and batch.shape == (len(images), *images[0].shape):
        step = batch.stride(0) * batch.element_size()
        if all(image.data_ptr() == batch.data_ptr() + i * step for i, image in enumerate(images)):
            return batch
    return torch.stack(list(images))


class ArraySplit:
    """A split held in memory.

    Args:
        images: (N, C, H, W) float32.
        labels: (N,) integers.
    """

    def __init__(self, images: Tensor, labels: np.ndarray | Tensor) -> None:
        self.images = images
        self.labels = np.asarray(labels).astype(np.int64)
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> Tensor:
        if not 0 <= i < len(self):
            raise IndexError(f"image {i} of {len(self)}")
        return self.images[i]

    def __getitems__(self, indices: Sequence[int]) -> list[Tensor]:
        """Return images as views of one batch."""
        return list(self.images[torch.as_tensor(indices)])

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.images)

    def first_of_each(self, n: int) -> ArraySplit:
        """Return a split with the first n images of each class, in the same order.

        Example:
            >>> ArraySplit(torch.zeros(4, 3, 8, 8), np.array([4, 7, 4, 4])).first_of_each(1).labels.tolist()
            [4, 7]
        """
        chosen = place_in_class(self.labels) < n
        return ArraySplit(self.images[torch.from_numpy(chosen)], self.labels[chosen])
