"""Hidden tests of task `batch-triplet`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import Answer, expect, task
from autograder.hidden_tests import oracles
from autograder.hidden_tests.loop_free import expect_loop_free

NAME = "batch-triplet"


def batch(rng, labels, d=3, copies=False):
    """Features that are not of length one, their labels shuffled, a margin; no triplet near the hinge.

    With copies, two images of class 0 have the same features, and all are so round that their distance is exactly 0.
    """
    labels = rng.permutation(labels)
    while True:
        features, margin = rng.normal(0, 0.7, (len(labels), d)).astype(np.float32), float(rng.uniform(0.2, 0.8))
        if copies:
            features = np.round(features * 16) / 16
            first, second = np.flatnonzero(labels == 0)[:2]
            features[second] = features[first]
        values = np.array(oracles.hinges(features, labels, margin))
        if np.abs(values).min() > 3e-4 and 0.2 < (values > 0).mean() < 0.8:
            return features, labels, margin


def expect_gradient(answer, expected, **tolerance):
    expect(answer).that(answer.has_graph, "cannot be differentiated: backward() would fail")
    expect(Answer(answer.gradients[0], f"the gradient of {answer.called}")).close_to(expected, **tolerance)


@task(
    NAME,
    points=0.25,
    behaviour="a worked example",
    hint="There are two valid triplets, (0, 1, 2) and (1, 0, 2); they cost 0 and 1.25.",
    shown=True,
)
def test_worked_example(student):
    expect(student.batch_triplet_loss(tensor([[0.0], [1.0], [1.5]]), tensor([0, 0, 1]), 0.5)).close_to(0.625)


@task(
    NAME,
    points=0.35,
    behaviour="values",
    hint="The mean is over all valid triplets, also those that cost nothing, and over no others.",
)
def test_values(student, rng):
    features, labels, margin = batch(rng, [0, 0, 0, 1, 1, 1, 2, 2])
    answer = student.batch_triplet_loss(features, labels, margin)
    expect(answer).close_to(oracles.batch_triplet(features, labels, margin)[0], rtol=1e-3).floating()
    expect(answer).that(not answer.mutated, "changes the tensors it was given")


@task(
    NAME,
    points=0.25,
    behaviour="gradient",
    hint="Only triplets that cost something have a gradient. Avoid square roots: at 0 their slope is infinite.",
)
def test_gradient(student, rng):
    features, labels, margin = batch(rng, [0, 0, 0, 1, 1, 2, 2])
    answer = student.batch_triplet_loss.gradient(features, labels, margin)
    expect_gradient(answer, oracles.batch_triplet(features, labels, margin)[1], atol=1e-4, rtol=1e-3)


@task(
    NAME,
    points=0.2,
    behaviour="any classes, any order, large labels",
    hint="Classes may have any size, also one image; labels are integers and must stay integers.",
)
def test_any_classes(student, rng):
    features, labels, margin = batch(rng, [0, 0, 0, 0, 1, 1, 2, 3])
    labels = labels + 2**24
    answer = student.batch_triplet_loss(features, labels, margin)
    expect(answer).close_to(oracles.batch_triplet(features, labels, margin)[0], rtol=1e-3)


@task(
    NAME,
    points=0.2,
    behaviour="copies of an image",
    hint="Two images may have equal features: do you exclude the anchor by its index, or by a distance of 0?",
)
def test_copies(student, rng):
    features, labels, margin = batch(rng, [0, 0, 0, 1, 1, 1], copies=True)
    value, gradient = oracles.batch_triplet(features, labels, margin)
    answer = student.batch_triplet_loss.gradient(features, labels, margin)
    expect(Answer(answer.value, answer.called)).close_to(value, rtol=1e-3)
    expect_gradient(answer, gradient, atol=1e-3, rtol=1e-2)


@task(
    NAME,
    points=0.25,
    behaviour="a batch without a valid triplet",
    hint="One class only, or no two images of a class: the loss is 0, and backward() must still work.",
    edge=True,
)
def test_no_valid_triplet(student, rng):
    features = rng.normal(size=(4, 3)).astype(np.float32)
    for labels in (np.zeros(4, np.int64), np.arange(4)):
        answer = student.batch_triplet_loss.gradient(features, labels, 0.3)
        expect(answer).close_to(0.0)
        expect_gradient(answer, np.zeros((4, 3)))


@task(
    NAME,
    points=0.5,
    behaviour="loop-free",
    hint="Give anchor, positive and negative a dimension each, and a mask of the valid triplets.",
    loop_free=True,
)
def test_loop_free(student, rng):
    sizes = [(rng.normal(size=(n, d)).astype(np.float32), np.arange(n) // 2, 0.3) for n, d in ((6, 3), (48, 24))]
    expect_loop_free(student, "batch_triplet_loss", *sizes)
