"""Checks of task `mean-average-precision`."""

from __future__ import annotations

from torch import tensor

from assignment.checking import expect, task


@task(
    "mean-average-precision",
    points=0,
    behaviour="five points on a line, one of them alone in its class",
    hint="The APs are 1/2, 1/3, 1/3 and 1/2. The fifth image is the only one of its class: is it left out?",
    shown=True,
)
def test_points_on_a_line(student):
    line, labels = tensor([[0.0], [1.0], [3.0], [3.5], [9.0]]), tensor([0, 1, 0, 1, 2])
    expect(student.mean_average_precision(line, labels)).shape().close_to(5 / 12)


@task(
    "mean-average-precision",
    points=0,
    behaviour="a duplicate of the query stays in its list",
    hint="Images 0 and 1 are equal and image 1 is the query: which of the two is removed from the list?",
    shown=True,
)
def test_duplicate_stays(student):
    twins = tensor([[2.0, 1.0], [2.0, 1.0], [5.0, 1.0]])
    expect(student.mean_average_precision(twins, tensor([1, 0, 0]), tensor([1]))).close_to(1 / 2)
