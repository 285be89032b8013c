"""Hidden tests of task `smooth-ap`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import Answer, expect, task
from autograder.hidden_tests import oracles
from autograder.hidden_tests.loop_free import expect_loop_free

NAME = "smooth-ap"


def batch(rng, labels, gap=0.0, d=3):
    """Unit rows and their labels, shuffled; scores of one query at least `gap` apart."""
    while True:
        rows = rng.normal(size=(len(labels), d))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        scores = np.sort(rows.astype(np.float64) @ rows.T.astype(np.float64), axis=1)
        if np.diff(scores, axis=1).min() >= gap:
            return rows, rng.permutation(labels)


@task(
    NAME,
    points=0.25,
    behaviour="a worked example",
    hint="At 0°, 90° and 30°: each of the two queries of class 0 ranks the image of class 1 first, its AP is 1/2.",
    shown=True,
)
def test_worked_example(student):
    features = tensor([[1.0, 0.0], [0.0, 1.0], [0.8660254, 0.5]])
    expect(student.smooth_ap_loss(features, tensor([0, 0, 1]), 0.01)).close_to(0.5)


@task(
    NAME,
    points=0.35,
    behaviour="values",
    hint="Both ranks start at 1; an image competes neither with itself nor with the query.",
)
def test_values(student, rng):
    features, labels = batch(rng, [0, 0, 0, 1, 1, 1, 2, 2, 2])
    answer = student.smooth_ap_loss(features, labels, 0.1)
    expect(answer).close_to(oracles.smooth_ap(features, labels, 0.1)[0]).floating()
    expect(answer).that(not answer.mutated, "changes the tensors it was given")


@task(
    NAME,
    points=0.25,
    behaviour="gradient",
    hint="The sigmoid must stay in the graph: no comparison, no sorting, no detach().",
)
def test_gradient(student, rng):
    features, labels = batch(rng, [0, 0, 0, 1, 1, 1, 2, 2])
    answer = student.smooth_ap_loss.gradient(features, labels, 0.1)
    expect(answer).that(answer.has_graph, "cannot be differentiated: backward() would fail")
    gradient = oracles.smooth_ap(features, labels, 0.1)[1]
    expect(Answer(answer.gradients[0], f"the gradient of {answer.called}")).close_to(gradient, atol=1e-4, rtol=1e-3)


@task(
    NAME,
    points=0.25,
    behaviour="any classes, any order, large labels",
    hint="Classes may have any size; a query without a positive is left out of the mean; labels stay integers.",
)
def test_any_classes(student, rng):
    features, labels = batch(rng, [0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
    labels = labels + 2**24
    expect(student.smooth_ap_loss(features, labels, 0.2)).close_to(oracles.smooth_ap(features, labels, 0.2)[0])


@task(
    NAME,
    points=0.2,
    behaviour="the temperature",
    hint="Divide the difference of the scores by tau. For a small tau the loss tends to 1 − AP; no NaN appears.",
)
def test_temperature(student, rng):
    features, labels = batch(rng, [0, 0, 0, 1, 1, 1, 1], gap=0.012)
    expect(student.smooth_ap_loss(features, labels, 1.0)).close_to(oracles.smooth_ap(features, labels, 1.0)[0])
    limit = 1 - oracles.mean_average_precision(features, labels)
    expect(student.smooth_ap_loss(features, labels, 1e-3)).close_to(limit, atol=1e-4)
    answer = student.smooth_ap_loss.gradient(features, labels)  # the default of tau is 0.01
    expect(Answer(answer.value, answer.called)).close_to(oracles.smooth_ap(features, labels, 0.01)[0], atol=1e-4)
    expect(Answer(list(answer.gradients), f"the gradient of {answer.called}")).finite()


@task(
    NAME,
    points=0.2,
    behaviour="no query has a positive",
    hint="No query has a positive: the loss is 0, and backward() must still work.",
    edge=True,
)
def test_nobody_has_a_positive(student, rng):
    features, labels = batch(rng, [0, 1, 2, 3])
    answer = student.smooth_ap_loss.gradient(features, labels, 0.1)
    expect(answer).close_to(0.0)
    expect(answer).that(answer.has_graph, "cannot be differentiated: backward() would fail")
    expect(Answer(answer.gradients[0], f"the gradient of {answer.called}")).close_to(np.zeros(features.shape))


@task(
    NAME,
    points=0.5,
    behaviour="loop-free",
    hint="Give query, positive and competitor a dimension each: [q, j, k].",
    loop_free=True,
)
def test_loop_free(student, rng):
    sizes = [(*batch(rng, np.arange(n) // 2, d=d), 0.1) for n, d in ((6, 3), (48, 24))]
    expect_loop_free(student, "smooth_ap_loss", *sizes)
