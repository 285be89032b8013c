"""Hidden tests of task `distances`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, task
from autograder.hidden_tests import oracles
from autograder.hidden_tests.loop_free import expect_loop_free


def rows(rng, n, d, scale=1.0):
    return (scale * rng.normal(size=(n, d))).astype(np.float32)


@task(
    "distances",
    points=0.15,
    behaviour="a worked example",
    hint="The squared distance of (3, 4) to (0, 0) is 3² + 4².",
    shown=True,
)
def test_worked_example(student):
    expect(student.distances(tensor([[0.0, 0.0], [3.0, 4.0]]), tensor([[0.0, 0.0]]))).close_to(
        [[0.0], [25.0]], atol=1e-4
    )


@task("distances", points=0.3, behaviour="values", hint="‖a − b‖² = ‖a‖² + ‖b‖² − 2 a·b, for all rows a and b at once.")
def test_values(student, rng):
    a, b = rows(rng, 7, 5), rows(rng, 4, 5)
    answer = student.distances(a, b)
    expect(answer).close_to(oracles.distances(a, b), atol=1e-3).floating()
    expect(answer).that(not answer.mutated, "changes the tensors it was given")


@task(
    "distances",
    points=0.15,
    behaviour="never negative",
    hint="Rounding can leave a tiny negative number where two rows are equal; a square root of it would be NaN.",
    edge=True,
)
def test_never_negative(student, rng):
    a = rows(rng, 80, 33, scale=10)
    expect(student.distances(a, a)).shape(80, 80).between(0, 1e6)


@task(
    "distances",
    points=0.15,
    behaviour="any number of rows",
    hint="One row, one column, or no row at all: the shape is always (N, M).",
)
def test_any_number_of_rows(student, rng):
    a, b = rows(rng, 1, 3), rows(rng, 5, 3)
    expect(student.distances(a, b)).close_to(oracles.distances(a, b), atol=1e-3)
    expect(student.distances(b, b)).close_to(oracles.distances(b, b), atol=1e-3)
    expect(student.distances(a[:, :1], b[:, :1])).close_to(oracles.distances(a[:, :1], b[:, :1]), atol=1e-3)
    expect(student.distances(a[:0], b)).shape(0, 5)


@task(
    "distances",
    points=0.25,
    behaviour="loop-free",
    hint="One matrix product or one broadcast does all rows at once; Python's own sum() loops over a tensor.",
    loop_free=True,
)
def test_loop_free(student, rng):
    small, large = (rows(rng, 6, 3), rows(rng, 5, 3)), (rows(rng, 80, 48), rows(rng, 70, 48))
    expect_loop_free(student, "distances", small, large)
