"""Hidden tests of task `contrastive`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import Answer, expect, task


def pairs(rng, count=12):
    """Distances, whether the classes are the same, a margin; no distance near the margin, all four cases there."""
    margin = float(rng.uniform(0.7, 1.3))
    below, above = rng.uniform(0.1, margin - 0.1, count // 2), rng.uniform(margin + 0.1, 2, count - count // 2)
    same = np.arange(count) % 2 == 0
    order = rng.permutation(count)
    return np.concatenate([below, above])[order].astype(np.float32), same[order], margin


def expected(d, same, margin):
    d = d.astype(np.float64)
    return np.array([x**2 if s else max(0.0, margin - x) ** 2 for x, s in zip(d, same, strict=True)])


@task(
    "contrastive",
    points=0.25,
    behaviour="a worked example",
    hint="Same class: d². Different classes: max(0, μ − d)².",
    shown=True,
)
def test_worked_example(student):
    loss = student.contrastive_loss(tensor([0.5, 0.5, 1.0]), tensor([True, False, False]), 0.8)
    expect(loss).close_to([0.25, 0.09, 0.0])


@task(
    "contrastive",
    points=0.3,
    behaviour="values",
    hint="The distances are plain ones: d is squared once, inside the loss.",
)
def test_values(student, rng):
    d, same, margin = pairs(rng)
    answer = student.contrastive_loss(d, same, margin)
    expect(answer).close_to(expected(d, same, margin)).floating()
    expect(answer).that(not answer.mutated, "changes the tensors it was given")


@task(
    "contrastive",
    points=0.15,
    behaviour="0 and 1 for the classes",
    hint="`same` may hold 0 and 1 instead of False and True.",
)
def test_same_as_numbers(student, rng):
    d, same, margin = pairs(rng)
    expect(student.contrastive_loss(d, same.astype(np.int64), margin)).close_to(expected(d, same, margin))


@task(
    "contrastive",
    points=0.2,
    behaviour="gradient",
    hint="Pairs of a class pull with slope 2d; others push with slope −2(μ − d) until they are μ apart.",
)
def test_gradient(student, rng):
    d, same, margin = pairs(rng)
    answer = student.contrastive_loss.gradient(d, same, margin)
    expect(answer).that(answer.has_graph, "cannot be differentiated: did a tensor become a plain number on the way?")
    slope = np.where(same, 2 * d, -2 * np.maximum(0, margin - d))
    expect(Answer(answer.gradients[0], f"the gradient of {answer.called}")).close_to(slope)


@task(
    "contrastive",
    points=0.1,
    behaviour="no pairs",
    hint="M = 0 is allowed: no pairs, no losses, shape (0,).",
    edge=True,
)
def test_no_pairs(student):
    expect(student.contrastive_loss(np.zeros(0, np.float32), np.zeros(0, bool), 0.8)).shape(0)
