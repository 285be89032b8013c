"""Checks of bonus task `gem`."""

from __future__ import annotations

from torch import tensor

from assignment.checking import expect, task


@task(
    "gem",
    points=0,
    behaviour="1 and 7 with exponents 1 and 2",
    hint="With p = 2: the root of (1 + 49) / 2.",
    shown=True,
)
def test_one_and_seven(student):
    maps = tensor([[[[1.0, 7.0]]]])
    expect(student.gem(maps, 1.0)).close_to([[4]])
    expect(student.gem(maps, 2.0)).close_to([[5]])
