"""The batches of an epoch, drawn from one generator.

An item of a batch is (index, seed). The random draws for an image (augmentation, positive) use this seed alone, so that
they do not depend on the number of loader processes or GPUs.
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
from assignment.training.config import BALANCED, Config

Item = tuple[int, int]
Batch = list[Item]


class Images(Dataset):
    """Images of a split, each passed through `augment` if it is given."""

    def __init__(self, split: Split, augment: Callable[[Tensor], Tensor] | None) -> None:
        self.split, self.augment = split, augment

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, items: Batch) -> list[Tensor]:
        """Images of the items of a batch."""
        indices = [i for i, _ in items]
        read_batch = getattr(self.split, "__getitems__", None)  # converts the whole batch at once
        images = read_batch(indices) if read_batch else [self.split[i] for i in indices]
        if self.augment is None:
            return images
        augmented = []
        with seeds.preserved():
            for image, (_, seed) in zip(images, items, strict=True):
                seeds.seed_all(seed)
                augmented.append(self.augment(image))
        return augmented


class Triplets(Dataset):
    """Triplets of the file's `CUBtriplet`, each drawn with the seed of its item."""

    def __init__(self, triplets: Any) -> None:
        self.triplets = triplets

    def __len__(self) -> int:
        return len(self.triplets)

    def __getitems__(self, items: Batch) -> list[Any]:
        """(anchor, positive, negative) of each item of a batch."""
        drawn = []
        with seeds.preserved():
            for i, seed in items:
                seeds.seed_all(seed)
                drawn.append(self.triplets[i])
        return drawn


def plan(config: Config, labels: np.ndarray, generator: torch.Generator) -> list[Batch]:
    """Draw the batches of an epoch as the loss needs them; their number is the same in each epoch."""
    if config.loss == "triplet":
        return plain(with_positive(labels), config.batch_size, generator)
    if config.loss == "contrastive":
        return pairs(labels, config.batch_size, generator)
    if config.loss in BALANCED:
        return balanced(labels, config.batch_size, config.per_class, generator)
    return plain(range(len(labels)), config.batch_size, generator)


def plain(indices: Sequence[int], batch_size: int, generator: torch.Generator) -> list[Batch]:
    """Each image once, shuffled. A single last image joins the batch before it: BatchNorm has no statistics of one."""
    order = torch.as_tensor(indices)[torch.randperm(len(indices), generator=generator)].tolist()
    return seeded(_join_single(_cut(order, batch_size)), generator)


def pairs(labels: np.ndarray, batch_size: int, generator: torch.Generator) -> list[Batch]:
    """Pairs for a Siamese loss: each image is the first of one pair; half of the partners in a batch are of its class.

    A batch of B pairs has 2 · B items: the B first images, then their B partners in the same order. The only image of a
    class always has a partner of another class.
    """
    batches = []
    alone = _counts(labels) < 2
    for firsts in _join_single(_cut(torch.randperm(len(labels), generator=generator).tolist(), batch_size)):
        same_class = (np.arange(len(firsts)) % 2 == 0) & ~alone[firsts]
        negatives = random_negatives(labels, generator)[firsts]
        positives = random_positives(labels, generator)[firsts]
        batches.append(firsts + np.where(same_class, positives, negatives).tolist())
    return seeded(batches, generator)


def balanced(labels: np.ndarray, batch_size: int, per_class: int, generator: torch.Generator) -> list[Batch]:
    """P × K batches (Hermans et al. 2017): P = batch_size // per_class classes with K = per_class images of each.

    Each class is shuffled and divided into groups of K, so that an epoch shows every image about once. The last group
    of a class is filled with images of its other groups. A class with fewer than K images forms a smaller group;
    one with a single image (no positive) is skipped. Classes with the most remaining groups come first. A last group of
    which no other class remains (no negative) joins the batch before it, or is dropped if its class is already there.

    Raises:
        ValueError: fewer classes with two images than P.
    """
    groups: dict[int, list[list[int]]] = {}
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[torch.randperm(len(rows), generator=generator).numpy()]
        if len(rows) >= 2:
            missing = -len(rows) % per_class if len(rows) > per_class else 0
            groups[int(label)] = _cut(np.concatenate([rows, rows[:missing]]).tolist(), per_class)
    classes_per_batch = batch_size // per_class
    if len(groups) < classes_per_batch:
        raise ValueError(
            f"batch_size = {batch_size} with per_class = {per_class}: needs {classes_per_batch} classes in a batch, "
            f"but {len(groups)} training classes have two images; use a batch_size of {len(groups) * per_class} or less"
        )
    batches = []
    names, left = list(groups), np.array([len(each) for each in groups.values()])
    while len(active := np.flatnonzero(left)) >= 2:
        chance = torch.rand(len(active), generator=generator).numpy()
        chosen = active[np.lexsort((chance, -left[active]))[:classes_per_batch]]
        batches.append([i for place in chosen for i in groups[names[place]].pop()])
        left[chosen] -= 1
    for place in active:
        if batches and names[place] not in labels[batches[-1]]:
            batches[-1] += groups[names[place]].pop()
    return seeded(batches, generator)


def seeded(batches: list[list[int]], generator: torch.Generator) -> list[Batch]:
    """Add a random seed to each index."""
    return [
        list(zip(batch, torch.randint(2**31, (len(batch),), generator=generator).tolist(), strict=True))
        for batch in batches
    ]


def with_positive(labels: np.ndarray) -> list[int]:
    """Indices of the images whose class has another image."""
    return np.flatnonzero(_counts(labels) >= 2).tolist()


def random_negatives(labels: np.ndarray, generator: torch.Generator | None = None) -> np.ndarray:
    """For each image, draw the index of an image of another class, all equally likely, (N,) int64.

    Raises:
        ValueError: all images are of one class.
    """
    order, start, size = _blocks(labels)
    if (size == len(labels)).any():
        raise ValueError("training: all images are of one class, so there is no negative; use at least two classes")
    place = _below(len(labels) - size, generator)
    return order[np.where(place < start, place, place + size)]  # skip the class's block of the sorted list


def random_positives(labels: np.ndarray, generator: torch.Generator | None = None) -> np.ndarray:
    """For each image, draw the index of another image of its class, (N,) int64; its own index if there is none."""
    order, start, size = _blocks(labels)
    place = np.empty(len(labels), dtype=np.int64)
    place[order] = np.arange(len(labels))
    step = np.where(size > 1, 1 + _below(np.maximum(size - 1, 1), generator), 0)
    return order[start + (place - start + step) % size]


def fill_negatives(triplets: Any, indices: np.ndarray) -> None:
    """Write indices into the `hardneg` of the file's `CUBtriplet`, which may be a list, an array or a tensor."""
    hardneg = getattr(triplets, "hardneg", None)
    if hardneg is None:
        raise ValueError("negatives = random: CUBtriplet has no `hardneg`; use negatives = hard")
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
    """Number of images of each image's class."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return counts[inverse]


def _blocks(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices sorted by class; for each image the start of its class in that list, and the size of its class."""
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order = np.argsort(labels, kind="stable")
    return order, (np.cumsum(counts) - counts)[inverse], counts[inverse]


def _below(limits: np.ndarray, generator: torch.Generator | None) -> np.ndarray:
    """Draw an integer 0 ≤ x < limit for each limit."""
    share = torch.rand(len(limits), dtype=torch.float64, generator=generator).numpy()
    return (share * limits).astype(np.int64)
