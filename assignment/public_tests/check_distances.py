"""Checks of task `distances`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, expect_no_growth, task


@task(
    "distances",
    points=0,
    behaviour="two rows against three",
    hint="From (1, 0) to (4, 4) it is 3² + 4² = 25: squared, no root.",
    shown=True,
)
def test_two_against_three(student):
    a, b = tensor([[1.0, 0.0], [0.0, 2.0]]), tensor([[1.0, 1.0], [0.0, 0.0], [4.0, 4.0]])
    expect(student.distances(a, b)).close_to([[1, 1, 25], [2, 4, 20]])


@task(
    "distances",
    points=0,
    behaviour="no distance is below zero",
    hint="Rounding makes some a little negative: how do you raise those to 0?",
    shown=True,
)
def test_not_below_zero(student):
    rows = np.sin(np.arange(96, dtype=np.float32)).reshape(32, 3) * 10
    expect(student.distances(rows, rows)).shape(32, 32).between(0, 1e4)


@task(
    "distances",
    points=0,
    behaviour="as many operations for 40 rows as for 4",
    hint="Which single product of two matrices holds all a · b at once? Which shapes broadcast to (N, M)?",
    shown=True,
    loop_free=True,
)
def test_loop_free(student):
    small, large = np.eye(4, 3, dtype=np.float32), np.eye(40, 3, dtype=np.float32)
    expect_no_growth(student.distances, (small, small), (large, large))
