"""Means with a 95 % interval, over seeds or episodes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEVEL = 0.95


def mean_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> tuple[float, float | None]:
    """Return the mean of n values and half the width of its confidence interval, by Student's t with n − 1 degrees.

    The true mean lies within `mean ± half` in `level` of all experiments, if the values are independent and their mean
    is about normal. One value says nothing about its spread: its interval is None.

    Raises:
        ValueError: there is no value, or one is not finite.

    Example: the values 1, 2, 3 have the mean 2 and the standard error 0.577; t is 4.303, so the interval is 2 ± 2.484.
    """
    values = np.asarray(values, np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"a mean needs finite values, at least one; got {values.tolist()[:10]}")
    mean = float(values.mean())
    if values.size == 1:
        return mean, None
    from scipy import stats  # costs half a second

    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    return mean, float(stats.t.ppf((1 + level) / 2, values.size - 1)) * error


def plus_minus(values: Sequence[float] | np.ndarray, digits: int = 3) -> str:
    """Mean and interval as text for a table, such as 0.812 ± 0.004; 0.812 for one value.

    Example: plus_minus([1, 2, 3], digits=1) is "2.0 ± 2.5".
    """
    mean, half = mean_interval(values)
    return f"{mean:.{digits}f}" + ("" if half is None else f" ± {half:.{digits}f}")
