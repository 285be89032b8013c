"""Means and their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment.evaluation.intervals import mean_interval, plus_minus

T_975 = {1: 12.7062, 2: 4.30265, 4: 2.77645, 9: 2.26216}  # Student's t from a printed table, by degrees of freedom


@given(st.sampled_from([2, 3, 5, 10]), st.data())
def test_against_the_definition(n, data):
    values = data.draw(st.lists(st.floats(-10, 10), min_size=n, max_size=n))
    mean = math.fsum(values) / n
    error = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)
    got = mean_interval(values)
    assert got[0] == pytest.approx(mean, abs=1e-9)
    assert got[1] == pytest.approx(T_975[n - 1] * error, rel=1e-4, abs=1e-9)


def test_95_of_100_intervals_hold_the_true_mean():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(3, 2, 4)) for _ in range(2000)]
    assert np.mean([abs(mean - 3) <= half for mean, half in intervals]) == pytest.approx(0.95, abs=0.015)


def test_one_value_has_no_interval():
    assert mean_interval([0.5]) == (0.5, None)
    assert plus_minus([0.5]) == "0.500"


def test_as_text():
    assert plus_minus([1, 2, 3], digits=1) == "2.0 ± 2.5"


@pytest.mark.parametrize("values", [[], [1.0, math.nan]])
def test_what_has_no_mean(values):
    with pytest.raises(ValueError, match="give at least one finite value"):
        mean_interval(values)
