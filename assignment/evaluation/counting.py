"""The inner loop of `assignment.evaluation.ranking`, compiled by numba: the ranks of the positives of each query.

The rank of a positive is 1 + the number of images before it, so a row is not sorted. The positives are ordered with a
table of equally wide intervals of distance ("buckets"). Each other image is compared with a positive of its bucket and
counted behind the positives that are nearer: one pass over the row.

Importing this module loads numba, which takes a second; the first call on a machine compiles, which takes several more.
Indices are unsigned where possible: numba checks each signed index for counting from the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np

FEW = 8  # up to this number of positives, one pass over the row for each is faster
BUCKETS = 2**16  # at most, so that the table fits a core's cache
ZERO = np.float32(0)
INFINITY = np.float32(np.inf)


def _compiled(function: Callable) -> Callable:
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither this folder nor the user's cache can be written
        return numba.njit(nogil=True)(function)


@_compiled
def _below(distances: np.ndarray, limit: np.float32) -> np.int32:
    """Number of distances < limit."""
    n = np.int32(0)
    for i in range(len(distances)):
        n += np.int32(distances[i] < limit)
    return n


@_compiled
def _up_to(distances: np.ndarray, limit: np.float32) -> np.int32:
    """Number of distances ≤ limit, a float32 ≥ 0: those below the next float32."""
    return _below(distances, np.uint32(np.float32(limit).view(np.uint32) + np.uint32(1)).view(np.float32))


@_compiled
def _behind(positives: np.ndarray, columns: np.ndarray, start: int, end: int, distance: np.float32, column: int) -> int:
    """Index of the first of the positives start … end − 1 that comes after the image; ties by column."""
    while start < end:
        middle = (start + end) // 2
        if positives[middle] < distance or (positives[middle] == distance and columns[middle] < column):
            start = middle + 1
        else:
            end = middle
    return start


@_compiled
def _rank_few(line: np.ndarray, columns: np.ndarray, n: int, ranks: np.ndarray) -> None:
    for i in range(n):
        column = columns[i]
        distance = max(line[column], ZERO)
        before = _up_to(line[:column], distance)
        if distance > ZERO:  # negative distances count as 0
            before += _below(line[column + 1 :], distance)
        ranks[i] = before + 1
    ranks[:n].sort()


@_compiled
def _rank_many(
    line: np.ndarray,
    columns: np.ndarray,
    n: int,
    ranks: np.ndarray,
    buckets_of: np.ndarray,
    table: np.ndarray,
    keys: np.ndarray,
    positives: np.ndarray,
    passed: np.ndarray,
) -> None:
    # The bucket of each image. It is monotonic: a nearer image is never in a later bucket.
    least, greatest = INFINITY, ZERO
    for i in range(n):
        least, greatest = min(least, line[columns[i]]), max(greatest, line[columns[i]])
    least, greatest = max(least, ZERO), max(greatest, ZERO)
    last = min(BUCKETS, 8 * n)
    spread = greatest - least
    scale = np.float32(last) / spread if spread > np.float32(1e-30) else np.float32(1)
    for c in range(len(line)):
        buckets_of[c] = np.int32(min(max((line[c] - least) * scale, ZERO), np.float32(last)))

    # Sort the positives by bucket, and within a bucket by insertion (there are few).
    table[: last + 4] = 0
    fullest = 0
    for i in range(n):
        b = buckets_of[columns[i]] + 2
        table[b] += 1
        fullest = max(fullest, table[b])
    for b in range(last + 3):
        table[b + 1] += table[b]
    for i in range(n):
        b = buckets_of[columns[i]] + 1
        distance = max(line[columns[i]], ZERO) + ZERO  # + 0 turns −0.0 into 0.0
        # The bits of float32 ≥ 0 order like the numbers; the column below them decides ties.
        keys[table[b]] = np.uint64(np.float32(distance).view(np.uint32)) << np.uint64(32) | np.uint64(columns[i])
        table[b] += 1
    # Now table[b] … table[b + 1] − 1 are the positives of bucket b.
    if fullest > 32:  # a few far positives leave the others in few buckets
        keys[:n].sort()
    else:
        for i in range(1, n):
            key, j = keys[i], i - 1
            while j >= 0 and keys[j] > key:
                keys[j + 1] = keys[j]
                j -= 1
            keys[j + 1] = key
    for i in range(n):
        columns[i] = np.int64(keys[i] & np.uint64(0xFFFFFFFF))
        positives[i] = max(line[columns[i]], ZERO)
        buckets_of[columns[i]] = last + 1  # last bucket: only the other images are counted
        line[columns[i]] = -INFINITY
    positives[n] = INFINITY

    # passed[i]: number of other images with exactly i positives before them.
    passed[: n + 1] = 0
    for c in range(len(line)):
        bucket, distance = np.uint64(buckets_of[c]), line[c]
        start = np.uint64(table[bucket])
        place = np.uint64(start + np.uint64(positives[start] < distance))
        if positives[place] <= distance:  # a tie or a second positive in the bucket: rare
            end = np.int64(table[bucket + np.uint64(1)])
            place = np.uint64(_behind(positives, columns, np.int64(place), end, max(distance, ZERO), c))
        passed[place] += np.int32(1)
    before = 0
    for i in range(n):
        before += passed[i]
        ranks[i] = before + i + 1


@_compiled
def rank_positives(
    squared: np.ndarray,
    by_label: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    self_index: np.ndarray,
    ranks: np.ndarray,
) -> None:
    """Write the ranks of each row's positives into `ranks`, ascending; `squared` is overwritten.

    Args:
        squared: (B, G) float32, no NaN; negative numbers count as 0. The distance to the query itself is infinity.
        by_label: (G,) int64, columns sorted by label, ascending within each: the positives of row b are
            by_label[first[b]:last[b]]. first, last: (B,) int64.
        self_index: (B,) int64, the column of the query itself, which is not a positive; −1 for none.
        ranks: (B, W) float64, W at least the largest number of positives.
    """
    most = 0
    for row in range(len(squared)):
        most = max(most, last[row] - first[row])
    columns, keys = np.empty(most, np.int64), np.empty(most, np.uint64)
    positives, passed = np.empty(most + 1, np.float32), np.empty(most + 1, np.int32)
    buckets_of, table = np.empty(squared.shape[1], np.int32), np.empty(BUCKETS + 4, np.int32)
    for row in range(len(squared)):
        n = 0
        for j in range(first[row], last[row]):
            if by_label[j] != self_index[row]:
                columns[n] = by_label[j]
                n += 1
        if n <= FEW:
            _rank_few(squared[row], columns, n, ranks[row])
        else:
            _rank_many(squared[row], columns, n, ranks[row], buckets_of, table, keys, positives, passed)
