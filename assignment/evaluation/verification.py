"""Verification: are two images of the same class? ROC curve, area under it and equal error rate.

The score of a pair is the cosine similarity of its descriptors, without a sigmoid, which would round high scores to the
same number. Pairs are unordered, and no image is paired with itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assignment.evaluation.ranking import require_finite

MOST_PAIRS = 2_000_000  # if there are more, a sample is drawn; the area is then accurate to about ± 0.001
CHUNK = 65_536  # pairs whose similarities are computed together


@dataclass(frozen=True)
class Verification:
    """ROC curve of the scores of pairs, and what follows from it.

    Attributes:
        auc: area under the ROC curve: the probability that a pair of the same class scores above a pair of different
            classes (ties count half).
        eer: equal error rate, at the threshold where the shares of rejected pairs of the same class and of accepted
            pairs of different classes are equal.
        fpr, tpr: (P,) the ROC curve, from (0, 0) to (1, 1), both ascending.
        n_pairs: number of pairs scored. n_all: number of all pairs; larger than n_pairs if a sample was drawn.
    """

    auc: float
    eer: float
    fpr: np.ndarray
    tpr: np.ndarray
    n_pairs: int
    n_all: int


def verify(descriptors: Tensor, labels: np.ndarray, most_pairs: int = MOST_PAIRS, seed: int = 0) -> Verification:
    """Score the pairs of a set and compute ROC, AUC and EER.

    Args:
        descriptors: (N, D); they are normalised. labels: (N,) integers.
        most_pairs: if there are more, a random sample of that size is scored, see `pairs`. seed: of the sample.

    Raises:
        ValueError: there is no pair of the same class or none of different classes, or a row is not finite.

    Example: the only pair of the same class has the highest similarity.
        >>> found = verify(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), np.array([0, 0, 1]))
        >>> found.auc, found.eer, found.n_pairs
        (1.0, 0.0, 3)
    """
    require_finite(descriptors, "paired")
    labels = np.asarray(labels)
    first, second = pairs(labels, most_pairs, seed)
    rows = torch.nn.functional.normalize(descriptors.float(), dim=1)
    scores = np.empty(len(first), np.float32)
    for start in range(0, len(first), CHUNK):
        part = slice(start, start + CHUNK)
        left, right = torch.from_numpy(first[part]), torch.from_numpy(second[part])
        scores[part] = (rows[left] * rows[right]).sum(dim=1).cpu().numpy()
    return verify_scores(scores, labels[first] == labels[second], len(labels) * (len(labels) - 1) // 2)


def verify_scores(scores: np.ndarray, same: np.ndarray, n_all: int | None = None) -> Verification:
    """Compute ROC, AUC and EER from the similarities (P,) of pairs; `same` (P,) marks pairs of the same class.

    Raises:
        ValueError: all pairs are of the same kind, or a score is not finite.

    Example:
        >>> found = verify_scores(np.array([0.9, 0.4, 0.6]), np.array([True, True, False]))
        >>> found.auc, found.eer
        (0.5, 0.5)
    """
    from sklearn.metrics import auc, roc_curve

    scores, same = np.asarray(scores), np.asarray(same).astype(bool)
    if not np.isfinite(scores).all():
        raise ValueError(f"{(~np.isfinite(scores)).sum()} of {len(scores)} similarities are not finite")
    if same.all() or not same.any():
        missing = (
            "different classes; use at least two classes" if same.any() else "one class; use two images of a class"
        )
        raise ValueError(f"verification: none of the {len(same)} pairs is of {missing}")
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=True)
    return Verification(float(auc(fpr, tpr)), equal_error_rate(fpr, tpr), fpr, tpr, len(same), n_all or len(same))


def equal_error_rate(fpr: np.ndarray, tpr: np.ndarray) -> float:
    """Compute the false positive rate at which a ROC curve crosses 1 − tpr = fpr, by linear interpolation.

    Args:
        fpr, tpr: (P,) ascending from (0, 0) to (1, 1).

    Example:
        >>> equal_error_rate(np.array([0, 0, 1, 1]), np.array([0, 0.5, 0.5, 1]))
        0.5
    """
    gap = (1 - np.asarray(tpr)) - fpr  # falls from 1 to −1
    after = int(np.argmax(gap <= 0))
    before = after - 1
    share = gap[before] / (gap[before] - gap[after])
    return float(fpr[before] + share * (fpr[after] - fpr[before]))


def pairs(labels: np.ndarray, most: int = MOST_PAIRS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return all unordered pairs of different images with these labels (N,), as two lists of indices.

    If there are more than `most`, pairs of the same class and pairs of different classes are sampled without
    replacement, at most `most / 2` of each kind. This is unbiased: the ROC curve compares shares within each kind.

    Example:
        >>> [indices.tolist() for indices in pairs(np.array([0, 0, 1]))]
        [[0, 0, 1], [1, 2, 2]]
    """
    rng = np.random.default_rng(seed)
    n = len(labels)
    order = np.argsort(labels, kind="stable")
    ordered = np.asarray(labels)[order]
    place, end = np.arange(n), np.searchsorted(ordered, ordered, "right")
    limit = n * (n - 1) if n * (n - 1) // 2 <= most else most // 2
    first, second = [], []
    for partner, end_of_partners in ((place + 1, end), (end, np.full(n, n))):  # the same class, then different classes
        sums = np.cumsum(end_of_partners - partner)
        total = int(sums[-1]) if n else 0
        number = np.arange(total) if total <= limit else rng.choice(total, limit, replace=False, shuffle=False)
        row = np.searchsorted(sums, number, "right")  # pairs are numbered row by row
        first.append(order[row])
        second.append(order[partner[row] + number - (sums[row] - (end_of_partners - partner)[row])])
    return np.concatenate(first), np.concatenate(second)
