"""Checks of task `batch-triplet`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, expect_no_growth, task


@task(
    "batch-triplet",
    points=0,
    behaviour="two classes of two: eight triplets",
    hint="Their losses are 4, 0, 4, 1, 9, 9, 0 and 6; the zeros count in the mean.",
    shown=True,
)
def test_eight_triplets(student):
    line = tensor([[0.0], [2.0], [1.0], [4.0]])
    expect(student.batch_triplet_loss(line, tensor([0, 0, 1, 1]), 1.0)).shape().close_to(33 / 8)


@task(
    "batch-triplet",
    points=0,
    behaviour="one class only: zero, and backward() works",
    hint="Multiply by a mask and divide by max(number of triplets, 1): the zero stays connected to the features.",
    shown=True,
)
def test_no_triplet(student):
    answer = student.batch_triplet_loss.gradient(tensor([[0.0], [2.0], [1.0]]), tensor([4, 4, 4]), 0.3)
    expect(answer).close_to(0).that(answer.has_graph, "has no graph: backward() would raise")


@task(
    "batch-triplet",
    points=0,
    behaviour="as many operations for 40 rows as for 4",
    hint="Which shapes must the distances have so that one subtraction broadcasts to [anchor, positive, negative]?",
    shown=True,
    loop_free=True,
)
def test_loop_free(student):
    small, large = ((np.eye(n, 3, dtype=np.float32), np.arange(n) % 2, 0.2) for n in (4, 40))
    expect_no_growth(student.batch_triplet_loss, small, large)
