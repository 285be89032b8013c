"""Checks of task `mean-average-precision`."""

from __future__ import annotations

from torch import tensor

from assignment.checking import expect, task


@task(
    "mean-average-precision",
    points=0,
    behaviour="five points on a line, one of them alone in its class",
    hint="The APs are 1/2, 1/3, 1/3 and 1/2. The fifth image has no classmate: it does not count.",
    shown=True,
)
def test_points_on_a_line(student):
    line, labels = tensor([[0.0], [1.0], [3.0], [3.5], [9.0]]), tensor([0, 1, 0, 1, 2])
    expect(student.mean_average_precision(line, labels)).shape().close_to(5 / 12)


@task(
    "mean-average-precision",
    points=0,
    behaviour="a duplicate is no query",
    hint="Images 0 and 1 lie at one place. Image 1 asks: image 1 must go, image 0 must stay.",
    shown=True,
)
def test_duplicate_stays(student):
    twins = tensor([[2.0, 1.0], [2.0, 1.0], [5.0, 1.0]])
    expect(student.mean_average_precision(twins, tensor([1, 0, 0]), tensor([1]))).close_to(1 / 2)
