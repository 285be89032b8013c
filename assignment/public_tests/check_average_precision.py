"""Checks of task `average-precision`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, expect_no_growth, task


@task(
    "average-precision",
    points=0,
    behaviour="hits at ranks 1 and 4",
    hint="By distance the labels are 5, 2, 2, 5. The precision at the two hits is 1/1 and 2/4.",
    shown=True,
)
def test_first_and_last(student):
    answer = student.average_precision(tensor([0.4, 0.1, 0.3, 0.2]), tensor([5, 5, 2, 2]), 5)
    expect(answer[1]).close_to([1, 1 / 2, 1 / 3, 2 / 4])
    expect(answer[2]).close_to([1 / 2, 1 / 2, 1 / 2, 1])
    expect(answer[0]).shape().close_to((1 + 2 / 4) / 2)


@task(
    "average-precision",
    points=0,
    behaviour="as many operations for 40 rows as for 4",
    hint="Which function adds up the hits rank by rank, for the whole list at once?",
    shown=True,
    loop_free=True,
)
def test_loop_free(student):
    small, large = ((np.arange(n, dtype=np.float32), np.arange(n) % 2, 1) for n in (4, 40))
    expect_no_growth(student.average_precision, small, large)
