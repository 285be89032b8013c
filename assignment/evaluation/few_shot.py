"""N-way K-shot episodes: how well K examples of each of N new classes classify other images of these classes.

An episode draws N classes, and K support images and several query images of each. A query is assigned to the class of
the nearest prototype, the mean of a class's unit-length support rows (Snell et al. 2017), or of the nearest support
image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assignment.evaluation.intervals import mean_interval
from assignment.evaluation.ranking import require_finite


@dataclass(frozen=True)
class FewShot:
    """Accuracy over episodes.

    Attributes:
        accuracy: mean over the episodes of the share of queries classified correctly; chance is 1 / way.
        interval: half-width of its 95 % confidence interval, None for one episode.
        way: classes in an episode. shot, queries: support and query images of each class. episodes: number drawn.
        per_episode: (episodes,) accuracies.
    """

    accuracy: float
    interval: float | None
    way: int
    shot: int
    queries: int
    episodes: int
    per_episode: np.ndarray


def few_shot(
    descriptors: Tensor,
    labels: np.ndarray,
    way: int = 5,
    shot: int = 5,
    queries: int = 15,
    episodes: int = 600,
    by: str = "prototype",
    seed: int = 0,
) -> FewShot:
    """Compute the accuracy over random episodes of descriptors (N, D) with labels (N,) of unseen classes.

    Args:
        way: classes in an episode, at least 2. shot: support images of each class.
        queries: most query images of each class; fewer, but equally many of each, if the smallest class has fewer.
        by: "prototype" or "nearest". seed: of the random draws.

    Raises:
        ValueError: a row is not finite, or the classes are too few or too small for such an episode.

    Example: two classes at opposite points with two images each.
        >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
        >>> few_shot(rows, np.array([0, 0, 1, 1]), way=2, shot=1, episodes=10).accuracy
        1.0
    """
    require_finite(descriptors, "few-shot")
    classes, members = check(np.asarray(labels), way, shot)
    if by not in ("prototype", "nearest"):
        raise ValueError(f"few-shot: unknown method '{by}'; choose prototype or nearest")
    if episodes < 1 or queries < 1:
        raise ValueError(
            f"few-shot: {episodes} episodes with {queries} queries of each class; use at least one of both"
        )
    queries = min(queries, min(len(images) for images in members) - shot)
    rows = torch.nn.functional.normalize(descriptors.float(), dim=1).cpu().numpy()
    rng = np.random.default_rng(seed)
    accuracies = np.empty(episodes)
    for episode in range(episodes):
        chosen = rng.choice(len(classes), way, replace=False)
        drawn = np.stack([rng.permutation(members[c])[: shot + queries] for c in chosen])
        accuracies[episode] = _accuracy(rows[drawn[:, :shot]], rows[drawn[:, shot:]], by)
    mean, half = mean_interval(accuracies)
    return FewShot(mean, half, way, shot, queries, episodes, accuracies)


def check(labels: np.ndarray, way: int, shot: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the classes and the indices of the images of each; ValueError if no such episode can be drawn."""
    classes, counts = np.unique(labels, return_counts=True)
    if way < 2:
        raise ValueError(f"{way}-way episodes: every prediction would be correct; use at least 2 ways")
    if way > len(classes):
        raise ValueError(f"{way}-way episodes need {way} classes, the set has {len(classes)}; use fewer ways")
    if shot < 1:
        raise ValueError(f"{shot}-shot episodes have no support image; use at least 1 shot")
    if counts.min() < shot + 1:
        small = classes[counts.argmin()]
        raise ValueError(
            f"{shot}-shot episodes need {shot + 1} images of each class, class {small} has {counts.min()};"
            " use fewer shots"
        )
    order = np.argsort(labels, kind="stable")
    return classes, np.split(order, np.cumsum(counts)[:-1])


def _accuracy(support: np.ndarray, queries: np.ndarray, by: str) -> float:
    """Share of queries (way, M, D) whose nearest support class (way, shot, D) is the correct one."""
    way = len(support)
    if by == "prototype":
        centres, owner = support.mean(axis=1), np.arange(way)
    else:
        centres, owner = support.reshape(-1, support.shape[2]), np.repeat(np.arange(way), support.shape[1])
    flat = queries.reshape(-1, queries.shape[2])
    squared = (centres**2).sum(axis=1) - 2 * flat @ centres.T  # a query's own norm is constant in its row
    predictions = owner[squared.argmin(axis=1)].reshape(way, -1)
    return float((predictions == np.arange(way)[:, None]).mean())
