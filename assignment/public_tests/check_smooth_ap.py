"""Checks of task `smooth-ap`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, expect_no_growth, task


@task(
    "smooth-ap",
    points=0,
    behaviour="a positive and a negative at the same similarity",
    hint="Query 0 sees both at 0.6: sigmoid(0) = 1/2, rank 1.5, AP 2/3. Query 1 has AP 1, query 2 has no positive.",
    shown=True,
)
def test_head_to_head(student):
    features = tensor([[1.0, 0.0], [0.6, 0.8], [0.6, -0.8]])
    expect(student.smooth_ap_loss(features, tensor([0, 0, 1]))).shape().close_to(1 / 6)


@task(
    "smooth-ap",
    points=0,
    behaviour="a perfect ranking of classes of two and three costs nothing",
    hint="Nothing may depend on equal class sizes or on the order of the labels.",
    shown=True,
)
def test_perfect(student):
    features = tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    expect(student.smooth_ap_loss(features, tensor([3, 6, 3, 6, 3]))).close_to(0)


@task(
    "smooth-ap",
    points=0,
    behaviour="as many operations for 40 rows as for 4",
    hint="Which shapes must the similarities have so that one subtraction broadcasts to [query, positive, other]?",
    shown=True,
    loop_free=True,
)
def test_loop_free(student):
    small, large = ((np.eye(n, 3, dtype=np.float32), np.arange(n) % 2) for n in (4, 40))
    expect_no_growth(student.smooth_ap_loss, small, large)
