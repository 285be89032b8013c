"""Exact ranking: the nearest images of each query, and the ranks of all images of the query's class.

Only a strip of the distance matrix is held in memory. A query that is in the gallery is removed from its list by index,
not by position: an exact duplicate may come before it. Equal distances keep the order of the gallery. Distances are
squared Euclidean and float32, whatever precision the network ran in.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

CHUNK = 512  # queries in a strip: 512 × 60,000 float32 are 123 MB
STRIP = 2**26  # most distances in a strip; with more than 131,072 gallery rows it has fewer queries
GROUP = 16  # columns that share a minimum: small enough that k groups hold few candidates


def require_finite(descriptors: Tensor, what: str) -> Tensor:
    """Return the descriptors; ValueError naming the rows that hold NaN or infinity and so cannot be ranked.

    Args:
        descriptors: (N, D). what: whose descriptors they are, for the message.
    """
    bad = (~torch.isfinite(descriptors).all(dim=1)).nonzero().flatten().tolist()
    if bad:
        raise ValueError(f"{what} descriptors of rows {bad[:10]} are not finite ({len(bad)} rows in all)")
    return descriptors


def require_list(k: int, others: int) -> None:
    """Raise ValueError unless 1 ≤ k ≤ others, where `others` is the number of images that a query is compared with."""
    if not 1 <= k <= others:
        raise ValueError(f"K = {k}: each query has {others} images to be compared with; use 1 ≤ K ≤ {others}")


def rank(queries: Tensor, gallery: Tensor, k: int, self_index: np.ndarray | Tensor | None = None) -> Tensor:
    """Return the indices of the k nearest gallery rows of each query, nearest first; ties by index.

    Args:
        queries: (Q, D). gallery: (G, D). Any floating type; distances are computed in float32.
        k: length of the lists. self_index: (Q,) index of each query in the gallery, where it is removed; or None.

    Returns:
        (Q, k) int64.

    Raises:
        ValueError: k is larger than the gallery (without the query), or a row holds NaN or infinity.

    Example:
        >>> rank(torch.tensor([[0.0]]), torch.tensor([[0.2], [0.1], [0.2]]), k=3).tolist()
        [[1, 0, 2]]
    """
    require_list(k, len(gallery) - (self_index is not None))
    lists = [
        _nearest(squared, k).cpu() for _, squared in _strips(queries, gallery, self_index, torch.arange(len(queries)))
    ]
    return torch.cat(lists) if lists else torch.empty(0, k, dtype=torch.int64)


def positive_ranks(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    self_index: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield, for a few queries at a time, the ranks in the gallery of the images of their class.

    `assignment.evaluation.counting` finds them without sorting the rows, which would cost as much as the distances.

    Args:
        queries: (Q, D) with query_labels (Q,), gallery: (G, D) with gallery_labels (G,); labels are integers.
        self_index: (Q,) index of each query in the gallery, where it is removed; or None.

    Yields:
        places: (B,) indices of the queries, ordered by label; each query comes once.
        ranks: (B, W) float64, each row ascending; the nearest image has rank 1. Padded with infinity.
        counts: (B,) int64, the number of positives of each query.
        nearest: (B,) int64, the index of the nearest image of any class.

    Raises:
        ValueError: an empty gallery, a row with NaN or infinity, or different numbers of rows and labels.

    Example:
        >>> query, gallery = torch.tensor([[0.0]]), torch.tensor([[0.1], [0.2], [0.3]])
        >>> [each.tolist() for each in next(positive_ranks(query, np.array([7]), gallery, np.array([7, 8, 7])))]
        [[0], [[1.0, 3.0]], [2], [0]]
    """
    query_labels, gallery_labels = _labels(query_labels, queries, "query"), _labels(gallery_labels, gallery, "gallery")
    require_list(1, len(gallery) - (self_index is not None))
    from assignment.evaluation.counting import rank_positives  # loads numba

    by_label = np.argsort(gallery_labels, kind="stable")
    ordered = gallery_labels[by_label]
    order = np.argsort(query_labels, kind="stable")
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as pool:
        for rows, strip in _strips(queries, gallery, self_index, torch.from_numpy(order)):
            nearest = _nearest(strip, 1)[:, 0].cpu().numpy()
            places = rows.numpy()
            labels = query_labels[places]
            first, last = np.searchsorted(ordered, labels, "left"), np.searchsorted(ordered, labels, "right")
            itself = np.full(len(places), -1) if self_index is None else np.asarray(self_index)[places]
            counts = last - first
            if self_index is not None:
                counts -= gallery_labels[itself] == labels
            ranks = np.full((len(places), max(1, counts.max())), np.inf)
            arrays = (strip.cpu().numpy(), first, last, itself, ranks)
            parts = zip(*(np.array_split(each, threads) for each in arrays), strict=True)
            jobs = [pool.submit(rank_positives, part[0], by_label, *part[1:]) for part in parts]
            for job in jobs:
                job.result()
            yield places, ranks, counts, nearest


def _labels(labels: np.ndarray, descriptors: Tensor, what: str) -> np.ndarray:
    labels = np.asarray(labels)
    if len(labels) != len(descriptors):
        raise ValueError(f"{len(descriptors)} {what} descriptors but {len(labels)} labels")
    return labels


def _strips(
    queries: Tensor, gallery: Tensor, self_index: np.ndarray | Tensor | None, order: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield indices of queries in the given order, and their squared distances to the gallery; infinity to themselves.

    The norms are two more columns of the product, (−2q, |q|², 1) · (g, 1, |g|²), which saves two passes over the strip.
    Rounding leaves about −1e-7 between equal rows: negative numbers count as 0. All strips share their memory.
    """
    queries, gallery = queries.float(), gallery.float()
    norms, lengths = _squared_lengths(queries, "query"), _squared_lengths(gallery, "gallery")
    right = torch.cat([gallery, torch.ones_like(lengths), lengths], dim=1).T
    strip = gallery.new_empty(0)
    for rows in order.split(max(1, min(CHUNK, STRIP // max(1, len(gallery))))):
        here = rows.to(queries.device)
        left = torch.cat([-2 * queries[here], norms[here], torch.ones_like(norms[here])], dim=1)
        if len(strip) != len(rows):
            strip = gallery.new_empty(len(rows), len(gallery))
        torch.mm(left, right, out=strip)
        if self_index is not None:
            strip[torch.arange(len(rows)), torch.as_tensor(self_index)[rows]] = torch.inf
        yield rows, strip


def _squared_lengths(descriptors: Tensor, what: str) -> Tensor:
    """Squared norms (N, D) → (N, 1); ValueError if a row is not finite, or so long that a distance may overflow."""
    lengths = torch.cat([part.square().sum(dim=1, keepdim=True) for part in descriptors.split(CHUNK)])
    if not torch.isfinite(4 * lengths).all():  # |q − g|² ≤ 2|q|² + 2|g|²
        require_finite(descriptors, what)
        raise ValueError(f"{what} descriptors: too long for float32 distances; divide each by its length")
    return lengths


def _nearest(squared: Tensor, k: int) -> Tensor:
    """Columns of the k smallest numbers of each row, (B, G) → (B, k); ties by column.

    The k groups of columns with the smallest minima hold the k smallest numbers, unless the minimum of the next group
    ties with them; such rows, which are rare, are searched in full.
    """
    width = squared.shape[1] // GROUP
    if width <= 4 * k:
        return _nearest_of_all(squared, k)
    minima = squared[:, : GROUP * width].unflatten(1, (GROUP, width)).amin(dim=1).clamp_min_(0)
    least, groups = minima.topk(k + 1, largest=False)
    inside = torch.arange(0, GROUP * width, width, device=squared.device)
    columns = (groups[:, :k, None] + inside).flatten(1)
    rest = torch.arange(GROUP * width, squared.shape[1], device=squared.device)
    columns = torch.cat([columns, rest.expand(len(squared), -1)], dim=1)
    packed = _packed(squared.gather(1, columns), columns).topk(k, dim=1, largest=False).values
    nearest = packed & 0xFFFFFFFF
    unsure = (packed[:, -1] >> 32) >= least[:, -1].contiguous().view(torch.int32)
    if unsure.any():
        nearest[unsure] = _nearest_of_all(squared[unsure], k)
    return nearest


def _nearest_of_all(squared: Tensor, k: int) -> Tensor:
    columns = torch.arange(squared.shape[1], device=squared.device)
    return _packed(squared, columns).topk(k, dim=1, largest=False).values & 0xFFFFFFFF


def _packed(squared: Tensor, columns: Tensor) -> Tensor:
    """int64 keys that order like (distance, column): the bits of float32 ≥ 0 order like the numbers.

    All keys differ, since `topk` does not define the order of ties.
    """
    positive = squared.clamp_min(0).add_(0.0)  # + 0 turns −0.0 into 0.0
    return positive.view(torch.int32).long() << 32 | columns
