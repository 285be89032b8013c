"""Retrieval figures of descriptors: P@K, R@K, mAP, MAP@R, MAP@5 and precision–recall curves.

All of them follow from the ranks of the images of the query's class; `assignment.evaluation.ranking` finds these
ranks, leaves the query out by its index and orders equal distances as the gallery does. A query without any other image
of its class has no figure: it is left out of the means and counted. Labels stay integers.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from assignment.evaluation.ranking import positive_ranks, rank, require_finite, require_list

__all__ = ["Figures", "Retrieval", "evaluate", "evaluate_all", "figures", "rank", "require_finite"]

LEVELS = 101  # recall levels of a precision–recall curve: 0.00, 0.01 … 1.00
BLOCK = 2**17  # ranks looked at together: they stay in a core's cache
TOP = 50  # the labs draw how many of the first fifty are right


@dataclass(frozen=True)
class Retrieval:
    """Means over the queries that have a positive.

    Attributes:
        precision: P@K for each K asked for, `hits among the first K / K`.
        recall: R@K for each K, the share of queries with any hit among the first K (so R@1 = P@1).
        n_queries: how many queries the means are over. n_lone: how many had no positive and were left out.
    """

    precision: dict[int, float]
    recall: dict[int, float]
    n_queries: int
    n_lone: int


@dataclass(frozen=True)
class Figures:
    """Retrieval figures of each query that has a positive, R of them; A queries, in the order they were given.

    Attributes:
        asked: (A,) which queries these are. n_lone: how many others had no positive.
        positives: (A,) R.
        precision: P@K for each K, (A,), `hits among the first K / K`.
        recall: R@K for each K, (A,), 1 where any of the first K is a hit, else 0.
        average_precision: (A,) `Σ_k P(k) · rel(k) / R` over the whole gallery (step AP).
        map_at_r: (A,) the same sum over the first R ranks only, divided by R.
        map_at_5: (A,) the same sum over the first 5 ranks only, divided by min(R, 5).
        first: (A,) P@1 = R@1, whether the nearest image is a hit.
        hits: (A,) hits among the first 50.
        curve: (101,) mean over the queries of the precision at recall 0, 0.01 … 1. Interpolated: the precision of a
            query at recall r is the greatest that it has at any recall ≥ r.
        nearest: (Q,) index of the nearest image of *each* query, lone ones included.
    """

    asked: np.ndarray
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


def figures(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    own: np.ndarray | None = None,
    ks: Sequence[int] = (1, 5, 10),
) -> Figures:
    """Compute every figure of each query (Q, D) with labels (Q,) in a gallery (G, D) with labels (G,).

    Args:
        own: (Q,) the index of each query in the gallery, if it is in there; it is left out of its list.
        ks: the K of P@K and R@K.

    Raises:
        ValueError: a K is larger than the gallery without the query, or a row is not finite.

    Where no query has a positive, there is a warning, every array is empty and the curve is NaN.

    Example: a query at 0 of class 7 and a gallery at 0.1, 0.2, 0.3 of classes 7, 8, 7: AP = (1/1 + 2/3) / 2 = 0.833,
    MAP@R = (1/1) / 2 = 0.5, P@1 = R@1 = 1.
    """
    others = len(gallery) - (own is not None)
    for k in ks:
        require_list(k, others)
    n = len(queries)
    positives = np.zeros(n, np.int64)
    precision, recall = {k: np.full(n, np.nan) for k in ks}, {k: np.full(n, np.nan) for k in ks}
    average, at_r, at_5, at_1 = (np.full(n, np.nan) for _ in range(4))
    hits, nearest = np.zeros(n, np.int64), np.zeros(n, np.int64)
    curve = np.zeros(LEVELS)
    for places, ranks, counts, first in positive_ranks(queries, query_labels, gallery, gallery_labels, own):
        nearest[places] = first
        has = np.flatnonzero(counts)
        few = max(1, BLOCK // ranks.shape[1])
        for block in (has[start : start + few] for start in range(0, len(has), few)):
            here, up_to, r = places[block], ranks[block], counts[block]
            at_hits = np.arange(1, up_to.shape[1] + 1) / up_to  # P(k) at each hit; 0 where the row is filled up
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
            hit = (np.arange(LEVELS) * r[:, None] + steps - 1) // steps  # at which hit the recall reaches the level
            curve += np.take_along_axis(best, np.maximum(hit - 1, 0), axis=1).sum(axis=0)
    asked = np.flatnonzero(positives)
    if len(asked) == 0:
        warnings.warn("no query has another image of its class: retrieval figures are undefined", stacklevel=2)
    return Figures(
        asked=asked,
        n_lone=n - len(asked),
        positives=positives[asked],
        precision={k: values[asked] for k, values in precision.items()},
        recall={k: values[asked] for k, values in recall.items()},
        average_precision=average[asked],
        map_at_r=at_r[asked],
        map_at_5=at_5[asked],
        first=at_1[asked],
        hits=hits[asked],
        curve=curve / len(asked) if len(asked) else np.full(LEVELS, np.nan),
        nearest=nearest,
    )


def _within(ranks: np.ndarray, k: int) -> np.ndarray:
    """How many ranks of each ascending row are at most k."""
    return (ranks[:, :k] <= k).sum(axis=1)


def evaluate(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    ks: Sequence[int] = (1,),
    own: np.ndarray | None = None,
) -> Retrieval:
    """Compute P@K and R@K of queries (Q, D) with labels (Q,) in a gallery (G, D) with labels (G,); see `rank`.

    Where no query has a positive, the means are NaN, with a warning.
    """
    query_labels, gallery_labels = np.asarray(query_labels), np.asarray(gallery_labels)
    order = rank(queries, gallery, max(ks), None if own is None else torch.as_tensor(own)).numpy()
    classes, counts = np.unique(gallery_labels, return_counts=True)
    place = np.searchsorted(classes, query_labels).clip(max=len(classes) - 1)
    positives = np.where(classes[place] == query_labels, counts[place], 0)
    if own is not None:
        positives = positives - (gallery_labels[own] == query_labels)
    asked = positives > 0
    if not asked.any():
        warnings.warn("no query has another image of its class: P@K is undefined", stacklevel=2)
        nothing = {k: float("nan") for k in ks}
        return Retrieval(nothing, dict(nothing), 0, len(query_labels))
    hits = gallery_labels[order[asked]] == query_labels[asked, None]
    return Retrieval(
        precision={k: float(hits[:, :k].mean()) for k in ks},
        recall={k: float(hits[:, :k].any(axis=1).mean()) for k in ks},
        n_queries=int(asked.sum()),
        n_lone=int((~asked).sum()),
    )


def evaluate_all(descriptors: Tensor, labels: np.ndarray, ks: Sequence[int] = (1,)) -> Retrieval:
    """`evaluate` with every image of a set asking all others.

    Example: descriptors [[0.0], [0.1], [0.3]] with labels [0, 0, 1]: P@1 = 1 over two queries, one is lone.
    """
    return evaluate(descriptors, labels, descriptors, labels, ks, own=np.arange(len(descriptors)))
