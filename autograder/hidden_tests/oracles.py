"""Slow, obvious float64 versions of what students vectorise: one explicit loop per sum of the formula."""

from __future__ import annotations

import math

import numpy as np

Array = np.ndarray


def distances(a: Array, b: Array) -> Array:
    """Squared Euclidean distance of every row of `a` to every row of `b`."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    result = np.zeros((len(a), len(b)))
    for i, x in enumerate(a):
        result[i] = ((x - b) ** 2).sum(axis=1)
    return result


def average_precision(distances: Array, labels: Array, query_label: int) -> tuple[float, Array, Array]:
    """AP, precision and recall at each rank; the ranks are walked from the nearest on."""
    order = sorted(range(len(labels)), key=lambda i: distances[i])
    total = sum(int(label) == query_label for label in labels)
    hits, ap = 0, 0.0
    precision, recall = np.zeros(len(labels)), np.zeros(len(labels))
    for rank, i in enumerate(order, start=1):
        if int(labels[i]) == query_label:
            hits += 1
            ap += hits / rank
        precision[rank - 1] = hits / rank
        recall[rank - 1] = hits / total if total else math.nan
    return (ap / total if total else math.nan), precision, recall


def mean_average_precision(descriptors: Array, labels: Array, queries: list[int] | None = None) -> float:
    """Mean AP of the queries, each over all other rows; a query without a positive is left out."""
    squared = distances(descriptors, descriptors)
    aps = []
    for query in range(len(labels)) if queries is None else queries:
        others = [i for i in range(len(labels)) if i != query]
        ap, _, _ = average_precision(squared[query, others], labels[others], int(labels[query]))
        if not math.isnan(ap):
            aps.append(ap)
    return sum(aps) / len(aps) if aps else math.nan


def triplets(labels: Array) -> list[tuple[int, int, int]]:
    """All (anchor, positive, negative) of a batch."""
    n = range(len(labels))
    pairs = [(a, p) for a in n for p in n if a != p and labels[a] == labels[p]]
    return [(a, p, k) for a, p in pairs for k in n if labels[k] != labels[a]]


def hinges(features: Array, labels: Array, margin: float) -> list[float]:
    """`d⁺ − d⁻ + μ` of every valid triplet, before the hinge."""
    squared = distances(features, features)
    return [squared[a, p] - squared[a, n] + margin for a, p, n in triplets(labels)]


def batch_triplet(features: Array, labels: Array, margin: float) -> tuple[float, Array]:
    """Mean hinge loss over all valid triplets, and its gradient with respect to the features."""
    f = features.astype(np.float64)
    gradient = np.zeros_like(f)
    valid, losses = triplets(labels), hinges(features, labels, margin)
    for (a, p, n), loss in zip(valid, losses, strict=True):
        if loss > 0:
            gradient[a] += 2 * (f[n] - f[p])
            gradient[p] += 2 * (f[p] - f[a])
            gradient[n] += 2 * (f[a] - f[n])
    count = max(1, len(valid))
    return sum(max(0.0, loss) for loss in losses) / count, gradient / count


def sigmoid(x: float) -> float:
    """`1 / (1 + exp(−x))` without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def smooth_ap(features: Array, labels: Array, tau: float) -> tuple[float, Array]:
    """`1 − SmoothAP`, and its gradient with respect to the features."""
    f = features.astype(np.float64)
    scores = (f @ f.T).tolist()
    n = range(len(f))
    slope = np.zeros((len(f), len(f)))  # derivative of Σ AP with respect to scores[q][j]
    aps = []
    for q in n:
        positives = [j for j in n if j != q and labels[j] == labels[q]]
        if not positives:
            continue
        ap = 0.0
        for j in positives:
            others = [k for k in n if k not in (q, j)]
            above = {k: sigmoid((scores[q][k] - scores[q][j]) / tau) for k in others}
            top = 1 + sum(above[k] for k in others if k in positives)
            rank = 1 + sum(above.values())
            ap += top / rank / len(positives)
            for k in others:
                change = ((k in positives) - top / rank) / rank * above[k] * (1 - above[k]) / tau / len(positives)
                slope[q, k] += change
                slope[q, j] -= change
        aps.append(ap)
    if not aps:
        return 0.0, np.zeros_like(f)
    gradient = -(slope @ f + slope.T @ f) / len(aps)
    return 1 - sum(aps) / len(aps), gradient
