"""Checks of bonus task `contrastive`."""

from __future__ import annotations

from torch import tensor

from assignment.checking import expect, task


@task(
    "contrastive",
    points=0,
    behaviour="a pair of one class, a near and a far pair of two",
    hint="0.2², (1 − 0.6)², and nothing for the pair that is farther apart than the margin.",
    shown=True,
)
def test_three_pairs(student):
    answer = student.contrastive_loss(tensor([0.2, 0.6, 1.5]), tensor([True, False, False]), 1.0)
    expect(answer).close_to([0.04, 0.16, 0])
