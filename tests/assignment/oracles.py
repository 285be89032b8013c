"""Slow, obvious float64 references: one loop per definition, nothing shared with the code under test."""

from __future__ import annotations

import math

import numpy as np


def ranking(query: np.ndarray, gallery: np.ndarray, own: int | None) -> list[int]:
    """Indices of the gallery by (distance, index), without `own`."""
    squared = [float(((query.astype(np.float64) - row.astype(np.float64)) ** 2).sum()) for row in gallery]
    return sorted((i for i in range(len(gallery)) if i != own), key=lambda i: (squared[i], i))


def relevance(queries, query_labels, gallery, gallery_labels, own) -> list[list[bool]]:
    """For each query, which places of its list hold an image of its class."""
    lists = []
    for i, query in enumerate(queries):
        order = ranking(query, gallery, None if own is None else int(own[i]))
        lists.append([bool(gallery_labels[j] == query_labels[i]) for j in order])
    return lists


def precision_at(hits: list[bool], k: int) -> float:
    return sum(hits[:k]) / k


def recall_at(hits: list[bool], k: int) -> float:
    return float(any(hits[:k]))


def average_precision(hits: list[bool], first: int | None = None, divisor: int | None = None) -> float:
    """Σ P(k)·rel(k) over the `first` ranks (all of them if None), over `divisor` (the number of hits if None)."""
    total = sum(precision_at(hits, k) for k in range(1, (first or len(hits)) + 1) if k <= len(hits) and hits[k - 1])
    return total / (divisor or sum(hits))


def map_at_r(hits: list[bool]) -> float:
    return average_precision(hits, first=sum(hits), divisor=sum(hits))


def map_at_k(hits: list[bool], k: int) -> float:
    return average_precision(hits, first=k, divisor=min(sum(hits), k))


def interpolated_curve(hits: list[bool], levels: int = 101) -> list[float]:
    """Greatest precision at any rank whose recall is at least 0, 0.01 … 1."""
    r = sum(hits)
    points = [(sum(hits[:k]), precision_at(hits, k)) for k in range(1, len(hits) + 1)]
    return [max(p for found, p in points if found * (levels - 1) >= level * r) for level in range(levels)]


def auc(scores: list[float], same: list[bool]) -> float:
    """Share of (same, different) pairs of pairs in the right order; ties count half."""
    yes = [s for s, y in zip(scores, same, strict=True) if y]
    no = [s for s, y in zip(scores, same, strict=True) if not y]
    return sum((a > b) + 0.5 * (a == b) for a in yes for b in no) / (len(yes) * len(no))


def equal_error_rate(scores: list[float], same: list[bool]) -> float:
    """Walk along the ROC's straight pieces, one threshold at a time, to where fpr + tpr = 1."""
    yes, no = sum(same), len(same) - sum(same)
    before = (0.0, 0.0)
    for threshold in sorted(set(scores), reverse=True):
        accepted = [y for s, y in zip(scores, same, strict=True) if s >= threshold]
        point = ((len(accepted) - sum(accepted)) / no, sum(accepted) / yes)
        if sum(point) >= 1:
            part = (1 - sum(before)) / (sum(point) - sum(before))
            return before[0] + part * (point[0] - before[0])
        before = point
    return math.nan


def nearest_prototype(support: list[list[np.ndarray]], query: np.ndarray) -> int:
    """Which class's mean of unit rows is nearest to the unit query."""
    centres = [np.mean([row / np.linalg.norm(row) for row in rows], axis=0) for rows in support]
    unit = query / np.linalg.norm(query)
    return int(np.argmin([((unit - centre) ** 2).sum() for centre in centres]))
