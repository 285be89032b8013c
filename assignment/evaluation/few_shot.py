"""N-way K-shot episodes: how well a few examples of each of N new classes tell their other images apart.

An episode draws N classes, K support images and some other query images of each. A query gets the class of the nearest
prototype, the mean of a class's unit-length support rows (Snell et al. 2017), or of the nearest single support image.
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
        accuracy: mean over the episodes of the share of queries with the right class; chance is 1 / way.
        interval: half the width of its 95 % interval, None for one episode.
        way, shot, queries: classes in an episode; support and query images of each. episodes: how many were drawn.
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
    """Draw episodes from descriptors (N, D) with labels (N,) of classes that training has not seen.

    Args:
        way: classes in an episode, at least 2. shot: support images of each.
        queries: query images of each class at most; small classes give what is left, but the same number each.
        by: "prototype" or "nearest". seed: of the draws.

    Raises:
        ValueError: a row is not finite, or the classes cannot give such an episode; one line says what to change.

    Example: two classes at opposite points, two images each: 2-way 1-shot has accuracy 1.
    """
    require_finite(descriptors, "few-shot")
    classes, members = check(np.asarray(labels), way, shot)
    if by not in ("prototype", "nearest"):
        raise ValueError(f"few-shot by '{by}' is unknown; choose prototype or nearest")
    if episodes < 1 or queries < 1:
        raise ValueError("few-shot needs at least one episode and one query of each class")
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
    """Return the classes and the indices of each one's images; ValueError where no episode can be drawn from them."""
    classes, counts = np.unique(labels, return_counts=True)
    if way < 2:
        raise ValueError(f"{way}-way episodes have nothing to confuse: every answer is right; ask for 2-way or more")
    if way > len(classes):
        raise ValueError(f"{way}-way episodes need {way} classes, the set has {len(classes)}; lower the ways")
    if shot < 1:
        raise ValueError(f"{shot}-shot episodes have no example of a class; ask for 1-shot or more")
    if counts.min() < shot + 1:
        small = classes[counts.argmin()]
        raise ValueError(
            f"{shot}-shot episodes need {shot + 1} images of each class, class {small} has {counts.min()};"
            " lower the shots"
        )
    order = np.argsort(labels, kind="stable")
    return classes, np.split(order, np.cumsum(counts)[:-1])


def _accuracy(support: np.ndarray, queries: np.ndarray, by: str) -> float:
    """Share of queries (way, M, D) that lie nearest to their own class of the support (way, shot, D)."""
    way = len(support)
    if by == "prototype":
        centres, owner = support.mean(axis=1), np.arange(way)
    else:
        centres, owner = support.reshape(-1, support.shape[2]), np.repeat(np.arange(way), support.shape[1])
    asked = queries.reshape(-1, queries.shape[2])
    squared = (centres**2).sum(axis=1) - 2 * asked @ centres.T  # the query's own length changes nothing in its row
    answers = owner[squared.argmin(axis=1)].reshape(way, -1)
    return float((answers == np.arange(way)[:, None]).mean())
