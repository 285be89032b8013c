"""Hidden tests of task `arcface`."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking import expect, task
from autograder.hidden_tests.networks import parameters, unit


def head_with(student: Any, weight: np.ndarray, scale: float, margin: float) -> Any:
    """The student's ArcFace with this weight (n_classes, dim), whatever the parameter is called."""
    n_classes, dim = weight.shape
    head = student.ArcFace(dim, n_classes, scale=scale, margin=margin)
    shapes = parameters(student, head)
    names = [name for name, shape in shapes.items() if shape in (weight.shape, weight.shape[::-1])]
    expect(list(shapes)).that(len(names) == 1, f"are {len(shapes)} parameters, among them no weight (n_classes, dim)")
    turned = shapes[names[0]] != weight.shape
    student.probe.set_parameter(head, names[0], np.ascontiguousarray(weight.T if turned else weight))
    return head


@task(
    "arcface",
    points=0.25,
    behaviour="a descriptor that equals its class's weight row",
    hint="The angle is 0 there: the own logit is scale · cos(margin), the others are scale · cos of their own angle.",
    shown=True,
)
def test_worked_by_hand(student):
    head = head_with(student, np.array([[1, 0, 0], [0, 2, 0]], dtype=np.float32), 10.0, 0.5)
    answer = head(np.array([[3, 0, 0]], dtype=np.float32), np.array([0]))
    expect(answer).close_to([[8.7758, 0.0]], atol=0.02)


@task(
    "arcface",
    points=0.75,
    behaviour="logits",
    hint="Both vectors have length one, the margin is added to the angle of the own class only, all logits are scaled.",
)
def test_values(student, rng):
    while True:
        weight, rows = rng.normal(size=(6, 5)), rng.normal(size=(8, 5))
        labels = rng.integers(0, 6, 8)
        scale, margin = float(rng.uniform(8, 30)), float(rng.uniform(0.2, 0.6))
        angle = np.arccos(unit(rows) @ unit(weight).T)
        own = angle[np.arange(8), labels]
        if own.min() > 0.2 and own.max() < np.pi - margin - 0.1:  # the ordinary range: no special case at either end
            break
    head = head_with(student, weight.astype(np.float32), scale, margin)
    expected = np.cos(angle)
    expected[np.arange(8), labels] = np.cos(own + margin)
    answer = head(rows.astype(np.float32), labels)
    expect(answer).close_to(scale * expected, atol=5e-3, rtol=1e-3)


@task(
    "arcface",
    points=0.5,
    behaviour="finite gradients where the descriptor lies on its weight row or opposite to it",
    hint="acos(x) and sqrt(1 − x²) are infinitely steep at x = ±1: keep x a little away from there.",
    edge=True,
)
def test_gradients(student, rng):
    weight = np.eye(4, dtype=np.float32) * rng.uniform(0.5, 2, (4, 1)).astype(np.float32)
    head = head_with(student, weight, 20.0, 0.4)
    rows = np.concatenate([weight, -weight, rng.normal(size=(1, 4)).astype(np.float32)])
    labels = np.array([0, 1, 2, 3, 0, 1, 2, 3, 0])
    answer = head.gradient(rows, labels)
    expect(answer).shape(9, 4).finite()
    expect(answer).that(len(getattr(answer, "gradients", ())) == 1, "cannot be differentiated")
    expect(answer.gradients[0]).shape(9, 4).finite()
    expect(answer).that(bool(np.abs(answer.gradients[0][8]).max() > 0), "has no gradient for the descriptors")


@task(
    "arcface",
    points=0.5,
    behaviour="a larger angle never gets a larger own logit, also past π",
    hint="cos(θ + m) rises again once θ + m passes π: what does the docstring put there instead?",
    edge=True,
)
def test_monotone(student, rng):
    margin = float(rng.uniform(0.4, 0.9))
    turn = rng.uniform(0, 2 * np.pi)
    angles = turn + np.linspace(0.02, np.pi - 0.02, 60)
    weight = np.array([[np.cos(turn), np.sin(turn)], [1, 1], [0, 1]], dtype=np.float32)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    answer = head_with(student, weight, 10.0, margin)(rows, np.zeros(60, dtype=np.int64))
    expect(answer).shape(60, 3).finite()
    own = answer.array[:, 0].astype(np.float64)
    expect(answer).that(bool((np.diff(own) < 1e-2).all()), "rises with the angle for the image's own class")
