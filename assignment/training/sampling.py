"""Which images make a batch. A plan is the list of an epoch's batches, drawn from one generator.

An item of a batch is (index, seed): the random draws for an image (its augmentation, its positive) come from its own
seed alone. They are therefore the same however many loader processes or GPUs share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from assignment.datasets.split import Split
from assignment.training import seeds

Item = tuple[int, int]
Batch = list[Item]


class Images(Dataset):
    """Images of a split, each passed through `augment` if there is one."""

    def __init__(self, split: Split, augment: Callable[[Tensor], Tensor] | None) -> None:
        self.split, self.augment = split, augment

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, items: Batch) -> list[Tensor]:
        """The images of a batch of items; whoever planned the batch knows their labels."""
        indices = [i for i, _ in items]
        whole = getattr(self.split, "__getitems__", None)  # one vectorised conversion instead of many
        images = whole(indices) if whole else [self.split[i] for i in indices]
        if self.augment is None:
            return images
        varied = []
        with seeds.kept():
            for image, (_, seed) in zip(images, items, strict=True):
                seeds.seed_all(seed)
                varied.append(self.augment(image))
        return varied


class Triplets(Dataset):
    """The triplets of the file's `CUBtriplet`, each drawn from its item's seed."""

    def __init__(self, triplets: Any) -> None:
        self.triplets = triplets

    def __len__(self) -> int:
        return len(self.triplets)

    def __getitems__(self, items: Batch) -> list[Any]:
        """(anchor, positive, negative) of each item of a batch."""
        drawn = []
        with seeds.kept():
            for i, seed in items:
                seeds.seed_all(seed)
                drawn.append(self.triplets[i])
        return drawn


def plain(indices: Sequence[int], batch_size: int, generator: torch.Generator) -> list[Batch]:
    """Each image once, shuffled. One image that is left over joins the batch before it: alone it has no statistics."""
    order = torch.as_tensor(indices)[torch.randperm(len(indices), generator=generator)].tolist()
    return seeded(_join_single(_cut(order, batch_size)), generator)


def pairs(labels: np.ndarray, batch_size: int, generator: torch.Generator) -> list[Batch]:
    """Pairs for a Siamese loss: each image is once the first of a pair, half of each batch's partners are of its class.

    A batch of B pairs has 2 · B items: the B first images, then their B partners in the same order. An image without a
    classmate always gets a partner of another class.
    """
    batches = []
    alone = _counts(labels) < 2
    for firsts in _join_single(_cut(torch.randperm(len(labels), generator=generator).tolist(), batch_size)):
        wants_same = np.arange(len(firsts)) % 2 == 0
        others = random_negatives(labels, generator)[firsts]
        mates = random_positives(labels, generator)[firsts]
        batches.append(firsts + np.where(wants_same & ~alone[firsts], mates, others).tolist())
    return seeded(batches, generator)


def balanced(labels: np.ndarray, batch_size: int, per_class: int, generator: torch.Generator) -> list[Batch]:
    """P × K batches (Hermans et al. 2017): P = batch_size // per_class classes with K = per_class images of each.

    Each class is shuffled and cut into groups of K, so that an epoch shows every image about once. The last group of a
    class is filled up with images of that class that were shown already; a class with fewer than K images comes with
    those it has, one with a single image (no positive) does not come. The classes with the most groups left go first,
    so that few are left over; a last group without another class beside it (no negative) joins the batch before it, or
    is dropped if its class is there.

    Raises:
        ValueError: fewer classes with two images than P.
    """
    groups: dict[int, list[list[int]]] = {}
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        own = own[torch.randperm(len(own), generator=generator).numpy()]
        if len(own) >= 2:
            missing = -len(own) % per_class if len(own) > per_class else 0
            groups[int(label)] = _cut(np.concatenate([own, own[:missing]]).tolist(), per_class)
    at_once = batch_size // per_class
    if len(groups) < at_once:
        raise ValueError(
            f"batch_size = {batch_size} with per_class = {per_class} asks for {at_once} classes at once, but "
            f"{len(groups)} training classes have two images; use a batch_size of {len(groups) * per_class} or less"
        )
    batches = []
    while len(groups) >= 2:
        chance = torch.rand(len(groups), generator=generator).tolist()
        by_need = sorted(zip(groups, chance, strict=True), key=lambda pair: (-len(groups[pair[0]]), pair[1]))
        batches.append([i for label, _ in by_need[:at_once] for i in groups[label].pop()])
        groups = {label: left for label, left in groups.items() if left}
    for label, left in groups.items():
        if batches and label not in labels[batches[-1]]:
            batches[-1] += left.pop()
    return seeded(batches, generator)


def seeded(batches: list[list[int]], generator: torch.Generator) -> list[Batch]:
    """The same batches with a seed beside each index."""
    return [
        list(zip(batch, torch.randint(2**31, (len(batch),), generator=generator).tolist(), strict=True))
        for batch in batches
    ]


def with_positive(labels: np.ndarray) -> list[int]:
    """Indices of the images whose class has another image."""
    return np.flatnonzero(_counts(labels) >= 2).tolist()


def random_negatives(labels: np.ndarray, generator: torch.Generator | None = None) -> np.ndarray:
    """For each image the index of a random one of another class, all equally likely, (N,) int64.

    Raises:
        ValueError: all images are of one class.
    """
    order, start, size = _blocks(labels)
    if (size == len(labels)).any():
        raise ValueError("all training images are of one class: there is no negative; use at least two classes")
    place = _below(len(labels) - size, generator)
    return order[np.where(place < start, place, place + size)]  # the class's block of the sorted list is jumped over


def random_positives(labels: np.ndarray, generator: torch.Generator | None = None) -> np.ndarray:
    """For each image the index of a random other one of its class, its own index where there is none, (N,) int64."""
    order, start, size = _blocks(labels)
    own = np.empty(len(labels), dtype=np.int64)
    own[order] = np.arange(len(labels))
    step = np.where(size > 1, 1 + _below(np.maximum(size - 1, 1), generator), 0)
    return order[start + (own - start + step) % size]


def fill_negatives(triplets: Any, indices: np.ndarray) -> None:
    """Write indices into `hardneg` of the file's `CUBtriplet`, whether it is a list, an array or a tensor."""
    hardneg = getattr(triplets, "hardneg", None)
    if hardneg is None:
        raise ValueError("CUBtriplet has no `hardneg` to put random negatives into; use negatives = hard")
    if isinstance(hardneg, Tensor):
        hardneg.copy_(torch.from_numpy(indices))
    elif isinstance(hardneg, np.ndarray):
        hardneg[:] = indices
    else:
        hardneg[:] = indices.tolist()


def _cut(items: list[int], size: int) -> list[list[int]]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _join_single(batches: list[list[int]]) -> list[list[int]]:
    if len(batches) > 1 and len(batches[-1]) == 1:
        return [*batches[:-2], batches[-2] + batches[-1]]
    return batches


def _counts(labels: np.ndarray) -> np.ndarray:
    """How many images each image's class has, itself included."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return counts[inverse]


def _blocks(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image indices sorted by class; for each image where its class begins in that list, and how long it is."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(labels, kind="stable")
    return order, (np.cumsum(counts) - counts)[inverse], counts[inverse]


def _below(limits: np.ndarray, generator: torch.Generator | None) -> np.ndarray:
    """A random whole number 0 ≤ x < limit for each limit."""
    share = torch.rand(len(limits), dtype=torch.float64, generator=generator).numpy()
    return (share * limits).astype(np.int64)
