"""The count of operations grows with the data exactly where something walks through the data."""

from __future__ import annotations

import functools
import operator
import sys

import numpy as np
import pytest
import torch

from assignment.checking.agent import count_operations


def while_without_a_call(x):
    total, i, values = 0, 0, x.tolist()
    while i < len(values):
        total += values[i]
        i += 1
    return total


GROWS = {
    "for": lambda x: [v * 2 for v in x],
    "comprehension over numbers": lambda x: [v * 2 for v in x.tolist()],
    "while without a call": while_without_a_call,
    "sum of a tensor": lambda x: sum(x),
    "max of a tensor": lambda x: max(x),
    "sorted tensor": lambda x: sorted(x),
    "reduce": lambda x: functools.reduce(operator.add, x),
    "map": lambda x: list(map(float, x)),
    "vectorize": lambda x: np.vectorize(lambda v: v + 1)(x.numpy()),
}

STAYS = {
    "broadcasting": lambda x: (x[:, None] - x).square().sum(),
    "cumsum": lambda x: (x[x.argsort()] > 0.5).float().cumsum(0) / torch.arange(1, len(x) + 1),
    "einsum": lambda x: torch.einsum("i,j,k->ijk", x, x, x).sum(),
    "cdist": lambda x: torch.cdist(x[:, None], x[:, None]),
    "numpy": lambda x: np.sort(x.numpy()).cumsum(),
    "print": lambda x: print(x, f"{x}", x.numpy()),
}


def counts(function):
    return [count_operations(lambda n=n: function(torch.rand(n)))[1] for n in (6, 60)]


@pytest.mark.parametrize("function", GROWS.values(), ids=GROWS.keys())
def test_a_walk_through_the_data_is_counted(function):
    few, many = counts(function)
    assert many > few + 45


@pytest.mark.parametrize("function", STAYS.values(), ids=STAYS.keys())
def test_whole_tensors_are_not(function):
    few, many = counts(function)
    assert many == few


def test_nothing_stays_behind():
    def tracer(*event):
        return None

    before, as_text = sys.gettrace(), torch.Tensor.__repr__
    sys.settrace(tracer)
    try:
        with pytest.raises(ZeroDivisionError):
            count_operations(lambda: 1 / 0)
        count_operations(lambda: 1)
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)
    assert torch.Tensor.__repr__ is as_text
