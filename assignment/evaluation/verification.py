"""Verification: do two images show the same class? ROC curve, its area and the equal error rate.

A pair's score is the cosine similarity of its descriptors, as it is: a sigmoid would round high scores to one number.
Pairs are unordered and never hold the same image twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assignment.evaluation.ranking import require_finite

MOST_PAIRS = 2_000_000  # more pairs than these are sampled: the area is then known to about ± 0.001
CHUNK = 65_536  # pairs whose similarities are computed at once


@dataclass(frozen=True)
class Verification:
    """What the scores of pairs say.

    Attributes:
        auc: area under the ROC curve: how often a pair of one class scores above a pair of two (ties count half).
        eer: equal error rate, where as many pairs of one class are rejected as pairs of two are accepted.
        fpr, tpr: (P,) the ROC curve, from (0, 0) to (1, 1), both ascending.
        n_pairs: how many pairs were scored. n_all: how many there are; more than n_pairs where a sample was drawn.
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
        descriptors: (N, D), of any length: they are divided by it. labels: (N,) integers.
        most_pairs: where there are more, that many are drawn at random, see `pairs`. seed: of that draw.

    Raises:
        ValueError: there are no pairs of one class or none of two, or a row is not finite.

    Example: descriptors at 0°, 10°, 90° with labels 0, 0, 1: the only pair of one class scores highest, AUC 1, EER 0.
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
    """ROC, AUC and EER of pairs' similarities (P,), higher is more alike; `same` (P,) says which are of one class.

    Raises:
        ValueError: all pairs are of one kind, or a score is not finite.

    Example: scores 0.9, 0.4, 0.6 of pairs that are same, same, different: AUC 0.5, EER 0.5.
    """
    from sklearn.metrics import auc, roc_curve

    scores, same = np.asarray(scores), np.asarray(same).astype(bool)
    if not np.isfinite(scores).all():
        raise ValueError(f"{(~np.isfinite(scores)).sum()} of {len(scores)} similarities are not finite")
    if same.all() or not same.any():
        missing = "two classes: use images of at least two" if same.any() else "one class: use two images of a class"
        raise ValueError(f"among {len(same)} pairs there is none of {missing}")
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=True)
    return Verification(float(auc(fpr, tpr)), equal_error_rate(fpr, tpr), fpr, tpr, len(same), n_all or len(same))


def equal_error_rate(fpr: np.ndarray, tpr: np.ndarray) -> float:
    """Where a ROC curve meets the line 1 − tpr = fpr, between its points by linear interpolation.

    Args:
        fpr, tpr: (P,) ascending from (0, 0) to (1, 1).

    Example: the points (0, 0), (0, 0.5), (1, 0.5), (1, 1) cross the line at fpr 0.5.
    """
    gap = (1 - np.asarray(tpr)) - fpr  # falls from 1 to −1
    after = int(np.argmax(gap <= 0))
    before = after - 1
    share = gap[before] / (gap[before] - gap[after])
    return float(fpr[before] + share * (fpr[after] - fpr[before]))


def pairs(labels: np.ndarray, most: int = MOST_PAIRS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """All unordered pairs of images with these labels (N,) as two lists of indices, without an image and itself.

    If there are more than `most`, each kind of pair, of one class and of two, is drawn at random without repetition, at
    most `most / 2` of it. The ROC curve compares shares of each kind, so that drawing more of the rare kind is fair.

    Example: the labels 0, 0, 1 give the pairs (0, 1), (0, 2), (1, 2).
    """
    rng = np.random.default_rng(seed)
    n = len(labels)
    order = np.argsort(labels, kind="stable")
    ordered = np.asarray(labels)[order]
    place, end = np.arange(n), np.searchsorted(ordered, ordered, "right")
    limit = n * (n - 1) if n * (n - 1) // 2 <= most else most // 2
    first, second = [], []
    for partner, end_of_partners in ((place + 1, end), (end, np.full(n, n))):  # of one class, then of two
        sums = np.cumsum(end_of_partners - partner)
        total = int(sums[-1]) if n else 0
        number = np.arange(total) if total <= limit else rng.choice(total, limit, replace=False, shuffle=False)
        row = np.searchsorted(sums, number, "right")  # pairs are numbered row by row
        first.append(order[row])
        second.append(order[partner[row] + number - (sums[row] - (end_of_partners - partner)[row])])
    return np.concatenate(first), np.concatenate(second)
