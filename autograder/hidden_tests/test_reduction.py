"""Hidden tests of task `reduction`."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking import expect, task
from autograder.hidden_tests.networks import (
    CHANNELS,
    draw_images,
    draw_network,
    extractor,
    feature_maps,
    parameters,
    unit,
)

SIZE = 7  # no other layer of the network has seven outputs
HINT = "Pool, then the linear layer, then the division by the length, in this order."


def set_layer(student: Any, model: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Give the student's linear layer, whatever its name, known values; return weight and bias (0 if it has none)."""
    weight, bias = rng.normal(size=(SIZE, CHANNELS)).astype(np.float32), np.zeros(SIZE, dtype=np.float32)
    shapes = parameters(student, model)
    kernels = [
        name for name, shape in shapes.items() if shape[:2] == (SIZE, CHANNELS) and np.prod(shape) == weight.size
    ]
    expect(list(shapes)).that(
        len(kernels) == 1, f"are {len(shapes)} parameters, among them no linear map to the new size"
    )
    student.probe.set_parameter(model, kernels[0], weight.reshape(shapes[kernels[0]]))
    for name in [name for name, shape in shapes.items() if shape == (SIZE,)]:
        bias = rng.normal(0, 0.1, SIZE).astype(np.float32)
        student.probe.set_parameter(model, name, bias)
    return weight, bias


@task(
    "reduction",
    points=0.25,
    behaviour="shape, length one, attribute dim",
    hint="`dim` is the length that comes out.",
    edge=True,
)
def test_shape(student, rng):
    network, _ = draw_network(student, rng)
    model = extractor(student, network, reduction=SIZE)
    expect(model(draw_images(rng, 2, 24, 24))).shape(2, SIZE).unit_rows()
    expect(model.get("dim")).equal_to(SIZE)


@task("reduction", points=0.5, behaviour="values after average pooling", hint=HINT)
def test_after_average(student, rng):
    network, mine = draw_network(student, rng)
    model = extractor(student, network, reduction=SIZE)
    weight, bias = set_layer(student, model, rng)
    images = draw_images(rng, 3, 24, 32)
    expected = unit(feature_maps(mine, images).mean(axis=(2, 3)) @ weight.T + bias)
    expect(model(images)).close_to(expected, atol=1e-3, rtol=1e-2)


@task("reduction", points=0.25, behaviour="values after maximum pooling", hint=HINT)
def test_after_maximum(student, rng):
    network, mine = draw_network(student, rng)
    model = extractor(student, network, usemax=True, reduction=SIZE)
    weight, bias = set_layer(student, model, rng)
    images = draw_images(rng, 3, 24, 32)
    expected = unit(feature_maps(mine, images).max(axis=(2, 3)) @ weight.T + bias)
    expect(model(images)).close_to(expected, atol=1e-3, rtol=1e-2)
