"""Checks of task `training-step`."""

from __future__ import annotations

import numpy as np

from assignment.checking import expect, task

EAST, NORTH = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def prepared(student, lr: float):
    """A network that returns the image itself, three triplets in batches of two and one, and an optimiser.

    The squared distances are (2, 0), (0, 2) and (2, 0): with margin 0.2 the triplets cost 2.2, 0 and 2.2.
    """
    roles = ([EAST, EAST, NORTH], [NORTH, EAST, EAST], [EAST, NORTH, NORTH])
    arrays = [np.array(points, dtype=np.float32).reshape(3, 3, 1, 1) for points in roles]
    model = student.probe.linear_model(np.eye(3, dtype=np.float32))
    return model, student.probe.triplet_loader(*arrays, 2), student.probe.optimizer(model, "SGD", lr)


@task(
    "training-step",
    points=0,
    behaviour="the mean is over triplets",
    hint="The batches hold two triplets and one: add up losses and count triplets, divide once.",
    shown=True,
)
def test_mean_over_triplets(student):
    expect(student.train(*prepared(student, lr=0.0), 0.2)).shape().close_to(4.4 / 3)


@task(
    "training-step",
    points=0,
    behaviour="the second epoch costs less than the first",
    hint="Without backward() and step() nothing moves; without zero_grad() old gradients are added to new ones.",
    shown=True,
)
def test_second_epoch_costs_less(student):
    parts = prepared(student, lr=0.05)
    first, second = student.train(*parts, 0.2), student.train(*parts, 0.2)
    expect(second).shape().that(
        float(second.array) < float(first.array) - 1e-3, f"is {float(second.array):.4f} after {float(first.array):.4f}"
    )
