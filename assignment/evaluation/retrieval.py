"""Retrieval metrics of descriptors: P@K, R@K, mAP, MAP@R, MAP@5 and precision–recall curves.

All of them follow from the ranks of the images of the query's class, which `assignment.evaluation.ranking` computes:
the query is removed by index, and equal distances keep the order of the gallery. A query without another image of its
class has no metrics: it is excluded from the means and counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from assignment.evaluation.ranking import positive_ranks, rank, require_finite, require_list

__all__ = ["QueryMetrics", "query_metrics", "rank", "require_finite"]

LEVELS = 101  # recall levels of a precision–recall curve: 0.00, 0.01 … 1.00
BLOCK = 2**17  # ranks processed together: small enough for a core's cache
TOP = 50  # the lab plots the number of hits among the first 50


@dataclass(frozen=True)
class QueryMetrics:
    """Retrieval metrics of each of the A queries that have a positive (R of them), in the order of the queries.

    Attributes:
        scored: (A,) indices of these queries. n_lone: number of the other queries.
        positives: (A,) R.
        precision: P@K for each K, (A,), `hits among the first K / K`.
        recall: R@K for each K, (A,), 1 if any of the first K is a hit, else 0.
        average_precision: (A,) `Σ_k P(k) · rel(k) / R` over the whole gallery (step AP).
        map_at_r: (A,) the same sum over the first R ranks, divided by R.
        map_at_5: (A,) the same sum over the first 5 ranks, divided by min(R, 5).
        first: (A,) P@1 = R@1, whether the nearest image is a hit.
        hits: (A,) hits among the first 50.
        curve: (101,) mean over the queries of the interpolated precision at recall 0, 0.01 … 1: the interpolated
            precision of a query at recall r is its greatest precision at any recall ≥ r.
        nearest: (Q,) index of the nearest image of *each* query, including the others.
    """

    scored: np.ndarray
    n_lone: int
    positives: np.ndarray
    precision: dict[int, np.ndarray] = field(repr=False)
    recall: dict[int, np.ndarray] = field(repr=False)
    average_precision: np.ndarray = field(repr=False)
    map_at_r: np.ndarray = field(repr=False)
    map_at_5: np.ndarray = field(repr=False)
    first: np.ndarray = field(repr=False)
    hits: np.ndarray = field(repr=False)
    curve: np.ndarray = field(repr=False)
    nearest: np.ndarray = field(repr=False)


def query_metrics(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    self_index: np.ndarray | None = None,
    ks: Sequence[int] = (1, 5, 10),
) -> QueryMetrics:
    """Compute all retrieval metrics of queries (Q, D) with labels (Q,) in a gallery (G, D) with labels (G,).

    Args:
        self_index: (Q,) index of each query in the gallery, where it is removed; None if no query is in the gallery.
        ks: the K of P@K and R@K.

    Raises:
        ValueError: a K is larger than the gallery without the query, or a row is not finite.

    If no query has a positive, there is a warning, all arrays are empty and the curve is NaN.

    Example: AP = (1/1 + 2/3) / 2, MAP@R = (1/1) / 2, P@3 = 2/3 and R@3 = 1.
        >>> import torch
        >>> import torch
        >>> query, gallery = torch.tensor([[0.0]]), torch.tensor([[0.1], [0.2], [0.3]])
        >>> found = query_metrics(query, np.array([7]), gallery, np.array([7, 8, 7]), ks=(1, 3))
        >>> found.average_precision.round(3).tolist(), found.map_at_r.tolist()
        ([0.833], [0.5])
        >>> found.precision[3].round(3).tolist(), found.recall[3].tolist()
        ([0.667], [1.0])
    """
    others = len(gallery) - (self_index is not None)
    for k in ks:
        require_list(k, others)
    n = len(queries)
    positives = np.zeros(n, np.int64)
    precision, recall = {k: np.full(n, np.nan) for k in ks}, {k: np.full(n, np.nan) for k in ks}
    average, at_r, at_5, at_1 = (np.full(n, np.nan) for _ in range(4))
    hits, nearest = np.zeros(n, np.int64), np.zeros(n, np.int64)
    curve = np.zeros(LEVELS)
    for places, ranks, counts, first in positive_ranks(queries, query_labels, gallery, gallery_labels, self_index):
        nearest[places] = first
        has = np.flatnonzero(counts)
        few = max(1, BLOCK // ranks.shape[1])
        for block in (has[start : start + few] for start in range(0, len(has), few)):
            here, up_to, r = places[block], ranks[block], counts[block]
            at_hits = np.arange(1, up_to.shape[1] + 1) / up_to  # P(k) at each hit; 0 where the row is padded
            positives[here], hits[here] = r, _within(up_to, TOP)
            average[here] = at_hits.sum(axis=1) / r
            at_r[here] = np.where(up_to <= r[:, None], at_hits, 0).sum(axis=1) / r
            at_5[here] = np.where(up_to[:, :5] <= 5, at_hits[:, :5], 0).sum(axis=1) / np.minimum(r, 5)
            at_1[here] = up_to[:, 0] == 1
            for k in ks:
                precision[k][here] = _within(up_to, k) / k
                recall[k][here] = up_to[:, 0] <= k
            best = np.maximum.accumulate(at_hits[:, ::-1], axis=1)[:, ::-1]
            steps = LEVELS - 1
            hit = (
                np.arange(LEVELS) * r[:, None] + steps - 1
            ) // steps  # the hit at which the recall reaches each level
            curve += np.take_along_axis(best, np.maximum(hit - 1, 0), axis=1).sum(axis=0)
    scored = np.flatnonzero(positives)
    if len(scored) == 0:
        warnings.warn("no query has another image of its class: retrieval metrics are undefined", stacklevel=2)
    return QueryMetrics(
        scored=scored,
        n_lone=n - len(scored),
        positives=positives[scored],
        precision={k: values[scored] for k, values in precision.items()},
        recall={k: values[scored] for k, values in recall.items()},
        average_precision=average[scored],
        map_at_r=at_r[scored],
        map_at_5=at_5[scored],
        first=at_1[scored],
        hits=hits[scored],
        curve=curve / len(scored) if len(scored) else np.full(LEVELS, np.nan),
        nearest=nearest,
    )


def _within(ranks: np.ndarray, k: int) -> np.ndarray:
    """Number of ranks ≤ k in each ascending row."""
    return (ranks[:, :k] <= k).sum(axis=1)
