"""Checks of task `triplet-loss`."""

from __future__ import annotations

from torch import tensor, zeros

from assignment.checking import expect, task


@task(
    "triplet-loss",
    points=0,
    behaviour="one triplet with a loss and one without",
    hint="The first costs 0.7 − 0.4 + 0.1. The sum of the second is −0.5: can a loss be negative?",
    shown=True,
)
def test_with_and_without_a_loss(student):
    expect(student.triplet_loss(tensor([0.7, 0.3]), tensor([0.4, 0.9]), 0.1)).close_to([0.4, 0.0])


@task(
    "triplet-loss",
    points=0,
    behaviour="no triplets, no losses",
    hint="Work with whole tensors and take no mean: then a tensor of length 0 needs no special case.",
    shown=True,
)
def test_no_triplets(student):
    expect(student.triplet_loss(zeros(0), zeros(0), 0.2)).shape(0)
