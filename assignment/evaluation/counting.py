"""The inner loop of `assignment.evaluation.ranking`: at which ranks the positives of each query stand, as machine code.

The rank of a positive is 1 + how many images come before it, so a row needs no sort. Its positives are put in order
with the help of a table of equally wide intervals of distance ("buckets"). Every other image looks up its bucket,
compares itself with a positive there, and is counted behind the positives that are nearer. One pass per row.

Importing this module loads numba, which takes a second; compiling takes some more, the first time on a machine.
Indices are unsigned where they can be: numba asks each signed one whether it counts from the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np

FEW = 8  # positives, up to which it is quicker to run over the row once for each
BUCKETS = 2**16  # at most: the table has to stay in a core's cache
ZERO = np.float32(0)
INFINITY = np.float32(np.inf)


def _compiled(function: Callable) -> Callable:
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # nowhere to keep the machine code: neither here nor in the user's cache
        return numba.njit(nogil=True)(function)


@_compiled
def _below(distances, limit):
    """How many distances are below the limit."""
    n = np.int32(0)
    for i in range(len(distances)):
        n += np.int32(distances[i] < limit)
    return n


@_compiled
def _up_to(distances, limit):
    """How many distances are at most the limit, a float32 ≥ 0: below the next number, for there are no others."""
    return _below(distances, np.uint32(np.float32(limit).view(np.uint32) + np.uint32(1)).view(np.float32))


@_compiled
def _behind(positives, columns, start, end, distance, column):
    """The first of the positives start … end − 1 that comes after the image; ties by column."""
    while start < end:
        middle = (start + end) // 2
        if positives[middle] < distance or (positives[middle] == distance and columns[middle] < column):
            start = middle + 1
        else:
            end = middle
    return start


@_compiled
def _rank_few(line, columns, n, ranks):
    for i in range(n):
        column = columns[i]
        distance = max(line[column], ZERO)
        before = _up_to(line[:column], distance)
        if distance > ZERO:  # negative ones are 0, too
            before += _below(line[column + 1 :], distance)
        ranks[i] = before + 1
    ranks[:n].sort()


@_compiled
def _rank_many(line, columns, n, ranks, buckets_of, table, keys, positives, passed):
    # Which bucket each image falls into. Order is kept: what is nearer is never in a later bucket.
    least, greatest = INFINITY, ZERO
    for i in range(n):
        least, greatest = min(least, line[columns[i]]), max(greatest, line[columns[i]])
    least, greatest = max(least, ZERO), max(greatest, ZERO)
    last = min(BUCKETS, 8 * n)
    spread = greatest - least
    scale = np.float32(last) / spread if spread > np.float32(1e-30) else np.float32(1)
    for c in range(len(line)):
        buckets_of[c] = np.int32(min(max((line[c] - least) * scale, ZERO), np.float32(last)))

    # The positives in order: by bucket, and within one, where there are few, by insertion.
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
    if fullest > 32:  # some far positives leave all others in few buckets
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
        buckets_of[columns[i]] = last + 1  # behind all: only the other images are counted
        line[columns[i]] = -INFINITY
    positives[n] = INFINITY

    # passed[i]: how many other images come right behind i positives.
    passed[: n + 1] = 0
    for c in range(len(line)):
        bucket, distance = np.uint64(buckets_of[c]), line[c]
        start = np.uint64(table[bucket])
        place = np.uint64(start + np.uint64(positives[start] < distance))
        if positives[place] <= distance:  # a tie, or one more in the bucket: rare
            end = np.int64(table[bucket + np.uint64(1)])
            place = np.uint64(_behind(positives, columns, np.int64(place), end, max(distance, ZERO), c))
        passed[place] += np.int32(1)
    before = 0
    for i in range(n):
        before += passed[i]
        ranks[i] = before + i + 1


@_compiled
def rank_positives(squared, by_label, first, last, own, ranks):
    """Write the ranks of each row's positives into `ranks`, ascending; `squared` is used up.

    Args:
        squared: (B, G) float32, no NaN; negative numbers count as 0. The own image's is infinity.
        by_label: (G,) int64, columns in such an order that the positives of row b are by_label[first[b]:last[b]],
            ascending. first, last: (B,) int64.
        own: (B,) int64, a column that is no positive though its label says so; −1 for none.
        ranks: (B, W) float64, W at least the greatest number of positives.
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
            if by_label[j] != own[row]:
                columns[n] = by_label[j]
                n += 1
        if n <= FEW:
            _rank_few(squared[row], columns, n, ranks[row])
        else:
            _rank_many(squared[row], columns, n, ranks[row], buckets_of, table, keys, positives, passed)
