"""Hidden tests of task `mean-average-precision`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, task
from autograder.hidden_tests import oracles

UNEQUAL = (0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3)


def descriptors(rng, n, d=4):
    """Unit rows whose distances from any one of them differ by enough for float32."""
    while True:
        rows = rng.normal(size=(n, d))
        rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        if np.diff(np.sort(oracles.distances(rows, rows), axis=1), axis=1).min() > 3e-4:
            return rows


@task(
    "mean-average-precision",
    points=0.2,
    behaviour="a worked example",
    hint="Four queries, each over the three other images: 1/2, 1/3, 1/2 and 1/2.",
    shown=True,
)
def test_worked_example(student):
    answer = student.mean_average_precision(tensor([[0.0], [0.1], [0.3], [1.0]]), tensor([0, 1, 0, 1]))
    expect(answer).close_to(11 / 24)


@task(
    "mean-average-precision",
    points=0.25,
    behaviour="values",
    hint="Is each query removed from its own list before its AP is computed?",
)
def test_values(student, rng):
    rows, labels = descriptors(rng, len(UNEQUAL)), rng.permutation(UNEQUAL)
    answer = student.mean_average_precision(rows, labels)
    expect(answer).close_to(oracles.mean_average_precision(rows, labels)).floating()
    expect(answer).that(not answer.mutated, "changes the tensors it was given")


@task(
    "mean-average-precision",
    points=0.1,
    behaviour="queries without a positive",
    hint="A query whose class has no other image has no AP: is it left out of the mean, or counted as 0?",
)
def test_lone_queries(student, rng):
    rows, labels = descriptors(rng, 9), rng.permutation([0, 0, 0, 1, 1, 1, 2, 3, 4])
    expect(student.mean_average_precision(rows, labels)).close_to(oracles.mean_average_precision(rows, labels))


@task(
    "mean-average-precision",
    points=0.15,
    behaviour="duplicates of the query",
    hint="A copy of the query is as near as the query itself. Remove the query by its index, not by its rank.",
)
def test_duplicates(student, rng):
    rows, labels = descriptors(rng, 9), np.array([0, 1, 2, 0, 1, 2, 0, 1, 2])
    first, second = sorted(rng.permutation(9)[:2])
    rows[second], labels[second] = rows[first], (labels[first] + 1) % 3
    queries = [int(first), int(second)]  # for the other rows the two would be a tie
    answer = student.mean_average_precision(rows, labels, np.array(queries))
    expect(answer).close_to(oracles.mean_average_precision(rows, labels, queries))


@task(
    "mean-average-precision",
    points=0.1,
    behaviour="only some images are queries",
    hint="`queries` are indices of query images: does each of them still rank all other images?",
)
def test_some_queries(student, rng):
    rows, labels = descriptors(rng, 10), rng.permutation([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
    alone = [oracles.mean_average_precision(rows, labels, [i]) for i in range(10)]
    queries = [int(i) for i in np.argsort(alone)[rng.permutation(4)]]  # those that do worst: not the mean of all
    answer = student.mean_average_precision(rows, labels, np.array(queries))
    expect(answer).close_to(oracles.mean_average_precision(rows, labels, queries))


@task(
    "mean-average-precision",
    points=0.1,
    behaviour="no query has a positive",
    hint="No query has an AP: the mean is undefined, NaN with a warning, not 0 and not 1.",
    edge=True,
)
def test_nobody_has_a_positive(student, rng):
    expect(student.mean_average_precision(descriptors(rng, 5), rng.permutation(5))).close_to(np.nan)


@task(
    "mean-average-precision",
    points=0.1,
    behaviour="large labels",
    hint="Labels are integers and stay integers: as float32, 16,777,216 and 16,777,217 are the same number.",
)
def test_large_labels(student, rng):
    rows, labels = descriptors(rng, 9), rng.permutation([0, 0, 0, 0, 0, 1, 1, 1, 1]) + 2**24
    expect(student.mean_average_precision(rows, labels)).close_to(oracles.mean_average_precision(rows, labels))
