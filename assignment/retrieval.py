"""Ranking and P@K / R@K on descriptors. (Average precision is a task of its own, so it is not here.)

A query that is itself in the gallery leaves its list by its index, not by being first: an exact duplicate may come
before it. Equal distances keep the order of the gallery. A query without any other image of its class has no P@K: it is
left out of the mean and counted.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

CHUNK = 1024  # queries ranked at once


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


def rank(queries: Tensor, gallery: Tensor, k: int, own: Tensor | None = None) -> Tensor:
    """Return the indices of the k nearest gallery rows of each query, nearest first; ties by index.

    Args:
        queries: (Q, D). gallery: (G, D). Any floating type; distances are computed in float32.
        k: length of the lists. own: (Q,) the index of each query in the gallery, if it is in there; it is left out.

    Returns:
        (Q, k) int64.

    Raises:
        ValueError: k is larger than the gallery (without the query), or a row holds NaN or infinity.

    Example: rank([[0.0]], [[0.2], [0.1], [0.2]], k=3) is [[1, 0, 2]].
    """
    others = len(gallery) - (own is not None)
    if not 1 <= k <= others:
        raise ValueError(f"K = {k}, but each query has {others} images to be compared with; ask for 1 ≤ K ≤ {others}")
    queries, gallery = require_finite(queries.float(), "query"), require_finite(gallery.float(), "gallery")
    lists = []
    for rows in torch.arange(len(queries)).split(CHUNK):
        asked = queries[rows]
        squared = asked.square().sum(1)[:, None] + gallery.square().sum(1) - 2 * asked @ gallery.T
        squared.clamp_min_(0).add_(0.0)  # rounding leaves about -1e-7 between equal rows; adding 0 turns -0.0 into 0.0
        if own is not None:
            squared[torch.arange(len(rows)), own[rows]] = torch.inf
        # The bits of float32 ≥ 0 order like the numbers; with the index below them no two keys are equal, so that topk,
        # which orders ties as it likes, keeps the order of the gallery at a fraction of a sort's time.
        keys = squared.view(torch.int32).long() << 32 | torch.arange(len(gallery), device=squared.device)
        lists.append(keys.topk(k, dim=1, largest=False).indices.cpu())
    return torch.cat(lists) if lists else torch.empty(0, k, dtype=torch.int64)


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


def require_finite(descriptors: Tensor, what: str) -> Tensor:
    """Return the descriptors; ValueError naming the rows with NaN or infinity, whose ranking would mean nothing."""
    bad = (~torch.isfinite(descriptors).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        raise ValueError(f"{what} descriptors of rows {bad[:10]} are not finite ({len(bad)} rows in all)")
    return descriptors
