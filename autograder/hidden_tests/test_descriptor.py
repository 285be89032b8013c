"""Hidden tests of task `descriptor`."""

from __future__ import annotations

import numpy as np
import pytest

from assignment.checking import expect, task
from autograder.hidden_tests.networks import CHANNELS, draw_images, draw_network, extractor, feature_maps, unit

POOLINGS = {False: lambda maps: maps.mean(axis=(2, 3)), True: lambda maps: maps.max(axis=(2, 3))}


@task(
    "descriptor",
    points=0.75,
    behaviour="SPoC: average of each channel, then length one",
    hint="Keep the network up to its last map, average each channel over the whole map, divide each row by its length.",
)
def test_average_pooling(student, rng):
    network, mine = draw_network(student, rng)
    images = draw_images(rng, 3, 56, 56)
    expected = unit(POOLINGS[False](feature_maps(mine, images)))
    expect(extractor(student, network)(images)).shape(3, CHANNELS).close_to(expected, atol=1e-4, rtol=1e-3)


@task(
    "descriptor",
    points=0.75,
    behaviour="MAC: maximum of each channel, then length one",
    hint="With usemax=True each channel gives its largest value over the whole map.",
)
def test_maximum_pooling(student, rng):
    network, mine = draw_network(student, rng)
    images = draw_images(rng, 3, 56, 56)
    expected = unit(POOLINGS[True](feature_maps(mine, images)))
    answer = extractor(student, network, usemax=True)(images)
    expect(answer).shape(3, CHANNELS).close_to(expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("usemax", [False, True], ids=["average", "maximum"])
@task(
    "descriptor",
    points=0.25,
    behaviour="any image size, also wide, high and large ones",
    hint="The map's height and width depend on the image's. Is a fixed size, such as 7, anywhere in the pooling?",
)
def test_any_image_size(student, rng, usemax):
    network, mine = draw_network(student, rng)
    model = extractor(student, network, usemax=usemax)
    for height, width in [(64, 40), (20, 36), (int(rng.integers(40, 60)), int(rng.integers(16, 30)))]:
        images = draw_images(rng, 2, height, width)
        expected = unit(POOLINGS[usemax](feature_maps(mine, images)))
        expect(model(images)).shape(2, CHANNELS).close_to(expected, atol=1e-4, rtol=1e-3)


@task(
    "descriptor",
    points=0.25,
    behaviour="length one for faint and for strong feature maps",
    hint="The eps is there for vectors of zeros only: how does it compare with the length of a short vector?",
    edge=True,
)
def test_length_one_at_any_strength(student, rng):
    network, mine = draw_network(student, rng)
    images = draw_images(rng, 3, 24, 24)
    length = np.linalg.norm(POOLINGS[False](feature_maps(mine, images)), axis=1)
    # without biases the network is linear in the image's strength: every pooled vector gets the wanted length
    wanted = np.array([0.05, 1.0, 50.0])
    scaled = images * (wanted / length).astype(np.float32)[:, None, None, None]
    expect(extractor(student, network)(scaled)).shape(3, CHANNELS).unit_rows(atol=2e-3)


@task(
    "descriptor",
    points=0.25,
    behaviour="a black image gives no NaN",
    hint="Zero divided by zero is NaN: what is the eps for?",
    edge=True,
)
def test_black_image(student, rng):
    network, _ = draw_network(student, rng)
    images = draw_images(rng, 2, 24, 24)
    images[0] = 0
    expect(extractor(student, network)(images)).shape(2, CHANNELS).finite()


@task(
    "descriptor",
    points=0.25,
    behaviour="a single image: shape (1, dim), the same descriptor as in a batch",
    hint="A batch of one image is a batch: does any line drop or mix the first dimension? Is `dim` an attribute?",
)
def test_single_image(student, rng):
    network, mine = draw_network(student, rng)
    images = draw_images(rng, 1, 24, 32)
    model = extractor(student, network)
    expected = unit(POOLINGS[False](feature_maps(mine, images)))
    expect(model(images)).shape(1, CHANNELS).dtype("float32").close_to(expected, atol=1e-4, rtol=1e-3)
    expect(model.get("dim")).equal_to(CHANNELS)


@task(
    "descriptor",
    points=0.25,
    behaviour="the descriptor can be trained",
    hint="Does the gradient reach the convolutions, or is there a detach, a no_grad or a copy to numpy?",
    edge=True,
)
def test_gradient_arrives(student, rng):
    network, _ = draw_network(student, rng)
    answer = extractor(student, network)(draw_images(rng, 2, 24, 24))
    expect(answer).that(getattr(answer, "has_graph", False), "cannot be differentiated")
