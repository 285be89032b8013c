"""Hidden tests of task `triplet-loss`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, task


def triplets(rng, count=9):
    """Squared distances of positives and negatives and a margin, no triplet near the hinge, some on both sides."""
    margin = float(rng.uniform(0.1, 0.5))
    far = rng.uniform(0.6, 2, count)
    slack = rng.uniform(0.05, 0.09, count) * np.where(np.arange(count) % 2, 1, -1)  # d⁺ − d⁻ + μ, small on both sides
    slack *= rng.uniform(1, 6, count)
    return (far - margin + slack).astype(np.float32), far.astype(np.float32), margin, slack


@task(
    "triplet-loss",
    points=0.2,
    behaviour="easy triplets cost nothing",
    hint="A triplet that already satisfies the margin costs nothing: what must the loss never be?",
    shown=True,
    edge=True,
)
def test_easy_triplets_cost_nothing(student):
    expect(student.triplet_loss(tensor([0.1]), tensor([0.9]), 0.2)).close_to([0.0])


@task(
    "triplet-loss",
    points=0.15,
    behaviour="a worked example",
    hint="Each triplet costs max(0, d⁺ − d⁻ + μ).",
    shown=True,
)
def test_worked_example(student):
    loss = student.triplet_loss(tensor([0.5, 0.1, 0.3]), tensor([0.4, 0.9, 0.4]), 0.2)
    expect(loss).close_to([0.3, 0.0, 0.1])


@task(
    "triplet-loss",
    points=0.3,
    behaviour="values",
    hint="Each triplet costs max(0, d⁺ − d⁻ + μ): is there one loss for each?",
)
def test_values(student, rng):
    near, far, margin, slack = triplets(rng)
    answer = student.triplet_loss(near, far, margin)
    expect(answer).close_to(np.maximum(0, slack)).floating()
    expect(answer).that(not answer.mutated, "changes the tensors it was given")


@task(
    "triplet-loss",
    points=0.25,
    behaviour="gradient",
    hint="A triplet with a loss has slope 1 for d⁺ and −1 for d⁻: which slopes has one without a loss?",
)
def test_gradient(student, rng):
    near, far, margin, slack = triplets(rng)
    answer = student.triplet_loss.gradient(near, far, margin, wrt=(0, 1))
    expect(answer).that(answer.has_graph, "cannot be differentiated: did a tensor become a plain number on the way?")
    active = (slack > 0).astype(np.float64)
    for part, gradient in zip((active, -active), answer.gradients, strict=True):
        expect(type(answer)(gradient, f"the gradient of {answer.called}")).close_to(part)


@task(
    "triplet-loss",
    points=0.1,
    behaviour="no triplets",
    hint="M = 0 is allowed: no triplets, no losses, shape (0,).",
    edge=True,
)
def test_no_triplets(student):
    expect(student.triplet_loss(np.zeros(0, np.float32), np.zeros(0, np.float32), 0.2)).shape(0)
