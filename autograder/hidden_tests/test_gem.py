"""Hidden tests of task `gem`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, task
from autograder.hidden_tests.networks import (
    draw_images,
    draw_network,
    extractor,
    feature_maps,
    parameters,
    unit,
)


def generalised_mean(maps: np.ndarray, p: float) -> np.ndarray:
    """(mean over H, W of max(x, 1e-6)^p)^(1/p), in float64."""
    return (np.maximum(maps.astype(np.float64), 1e-6) ** p).mean(axis=(2, 3)) ** (1 / p)


@task(
    "gem",
    points=0.25,
    behaviour="a worked example",
    hint="Raise to p, average over height and width, take the p-th root.",
    shown=True,
)
def test_worked_by_hand(student):
    expect(student.gem(tensor([[[[1.0, 2.0]], [[0.0, 4.0]]]]), 3.0)).close_to(
        [[4.5 ** (1 / 3), 32 ** (1 / 3)]], atol=1e-4
    )


@task(
    "gem",
    points=0.25,
    behaviour="values for any exponent; p = 1 is the average",
    hint="Is the given exponent used in both places, in the power and in the root? What becomes of values below eps?",
)
def test_values(student, rng):
    maps = rng.normal(0.5, 1.0, (2, 5, 4, 3)).astype(np.float32)
    maps[..., 0, 0] = rng.uniform(0.5, 1.0)  # no channel without a positive value
    for p, part in [(1.0, np.abs(maps)), (float(rng.uniform(1.5, 2.5)), maps), (float(rng.uniform(3.5, 6.0)), maps)]:
        expect(student.gem(part, p)).close_to(generalised_mean(part, p), atol=1e-4, rtol=1e-3)


@task(
    "gem",
    points=0.25,
    behaviour="finite gradients, for the map and for the exponent",
    hint="The exponent is learnt: it may be a tensor. The slope of x^p at 0 can be infinite, hence the eps.",
)
def test_gradients(student, rng):
    maps = np.maximum(rng.normal(0.5, 1.0, (2, 3, 3, 4)), 0).astype(np.float32)
    maps[..., 0, 0] += 0.5
    p = np.array([rng.uniform(2.0, 4.0)], dtype=np.float32)
    answer = student.gem.gradient(maps, p, wrt=(0, 1))
    gradients = getattr(answer, "gradients", ())
    expect(answer).that(len(gradients) == 2, "cannot be differentiated")
    power = float(p[0])
    inside = (np.maximum(maps, 1e-6).astype(np.float64) ** power).mean(axis=(2, 3), keepdims=True)
    slope = inside ** (1 / power - 1) * maps.astype(np.float64) ** (power - 1) / 12
    expect(gradients[0]).close_to(slope, atol=1e-3, rtol=1e-2)
    step = 1e-5
    slope_p = (generalised_mean(maps, power + step) - generalised_mean(maps, power - step)).sum() / (2 * step)
    expect(gradients[1]).shape(1).close_to([slope_p], atol=1e-3, rtol=1e-2)


@task(
    "gem",
    points=0.25,
    behaviour="GDextractor(gem=True): starts at p = 3, learns p",
    hint="The exponent is an nn.Parameter of one element, 3 at the start; the vector is still divided by its length.",
)
def test_in_the_extractor(student, rng):
    network, mine = draw_network(student, rng)
    images = draw_images(rng, 2, 24, 32)
    model = extractor(student, network, gem=True)
    expected = unit(generalised_mean(feature_maps(mine, images), 3.0))
    answer = model(images)
    expect(answer).close_to(expected, atol=1e-3, rtol=1e-2)
    exponents = [shape for shape in parameters(student, model).values() if np.prod(shape) == 1]
    expect(answer).that(len(exponents) > 0, "has no exponent among its parameters")
