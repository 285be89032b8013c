"""Means with a 95 % confidence interval, over seeds or episodes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEVEL = 0.95


def mean_interval(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> tuple[float, float | None]:
    """Return the mean of n values and the half-width of its confidence interval (Student's t, n − 1 degrees).

    If the values are independent and their mean is about normal, the true mean is within `mean ± half` in a share
    `level` of all experiments. The interval of a single value is None.

    Raises:
        ValueError: there is no value, or one is not finite.

    Example: the standard error is 0.577 and t is 4.303.
        >>> mean, half = mean_interval([1, 2, 3])
        >>> mean, round(half, 3)
        (2.0, 2.484)
    """
    values = np.asarray(values, np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError(
            f"mean: the values {values.tolist()[:10]} are empty or not finite; give at least one finite value"
        )
    mean = float(values.mean())
    if values.size == 1:
        return mean, None
    from scipy import stats  # takes half a second to import

    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    return mean, float(stats.t.ppf((1 + level) / 2, values.size - 1)) * error


def plus_minus(values: Sequence[float] | np.ndarray, digits: int = 3) -> str:
    """Format mean and interval for a table, such as 0.812 ± 0.004; 0.812 for a single value.

    Example:
        >>> plus_minus([1, 2, 3], digits=1)
        '2.0 ± 2.5'
    """
    mean, half = mean_interval(values)
    return f"{mean:.{digits}f}" + ("" if half is None else f" ± {half:.{digits}f}")
