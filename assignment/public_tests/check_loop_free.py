"""Checks of the loop-free tasks: ten times the data must not take ten times the operations."""

from __future__ import annotations

import numpy as np

from assignment.checking import expect, task

SMALL, LARGE = 4, 40
MARK = {
    "points": 0,
    "behaviour": "as many operations for 40 rows as for 4",
    "hint": "A loop over rows, a comprehension or a function called per row takes a step for each.",
    "shown": True,
    "loop_free": True,
}


def compare(count) -> None:
    """`count(n)` runs the function on n rows and counts operations; twice as many are tolerated."""
    few, many = count(SMALL), count(LARGE)
    problem = f"takes {many.operations} operations for {LARGE} rows and {few.operations} for {SMALL}: there is a loop"
    expect(many).that((many.operations or 0) <= 2 * (few.operations or 0), problem)


def rows(n: int) -> np.ndarray:
    points = np.cos(np.arange(3 * n, dtype=np.float32) ** 1.3).reshape(n, 3)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@task("distances", **MARK)
def test_distances(student):
    compare(lambda n: student.distances.operations(rows(n), rows(n)))


@task("average-precision", **MARK)
def test_average_precision(student):
    compare(lambda n: student.average_precision.operations(rows(n)[:, 0], np.arange(n) % 2, 1))


@task("batch-triplet", **MARK)
def test_batch_triplet(student):
    compare(lambda n: student.batch_triplet_loss.operations(rows(n), np.arange(n) % 2, 0.2))


@task("smooth-ap", **MARK)
def test_smooth_ap(student):
    compare(lambda n: student.smooth_ap_loss.operations(rows(n), np.arange(n) % 2))
