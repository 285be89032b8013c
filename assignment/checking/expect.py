"""`expect(answer)`: state what a test expects; a failure is data before it is text."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking.student import Answer, Function, RemoteObject


class Unexpected(AssertionError):
    """A returned value is not the expected one.

    Attributes:
        problem: what is wrong, without any input or expected value: "has the shape (5, 1), not (5,)".
        called, returned, expected: the call, its value, the expected value (None if there is none).
    """

    def __init__(self, problem: str, called: str, returned: Any, expected: Any = None) -> None:
        super().__init__(f"{called} {problem}")
        self.problem, self.called, self.returned, self.expected = problem, called, returned, expected


class Expectation:
    """What a test expects of one answer. Every method returns the expectation, so that calls can be chained."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer if isinstance(answer, Answer) else Answer(answer, "the value")

    def _fail(self, problem: str, expected: Any = None) -> None:
        raise Unexpected(problem, self.answer.called, self.answer.value, expected)

    def shape(self, *sizes: int) -> Expectation:
        """An array of exactly this shape; `shape()` is a single number."""
        if self.answer.array.shape != sizes:
            self._fail(f"has the shape {self.answer.array.shape}, not {sizes}")
        return self

    def floating(self) -> Expectation:
        """An array (or number) of floating point."""
        if self.answer.array.dtype.kind != "f":
            self._fail(f"holds {self.answer.array.dtype} numbers, not floating-point ones")
        return self

    def dtype(self, name: str) -> Expectation:
        """An array of exactly this dtype."""
        if self.answer.array.dtype.name != name:
            self._fail(f"holds {self.answer.array.dtype.name} numbers, not {name}")
        return self

    def finite(self) -> Expectation:
        """No NaN and no infinity."""
        if not np.isfinite(self.answer.array).all():
            self._fail("holds NaN or infinity")
        return self

    def close_to(self, expected: Any, atol: float = 1e-5, rtol: float = 1e-4) -> Expectation:
        """The shape and, within |x − expected| ≤ atol + rtol · |expected|, the values; NaN equals NaN."""
        expected = np.asarray(expected.value if isinstance(expected, Answer) else expected, dtype=np.float64)
        self.shape(*expected.shape)
        got = self.answer.array.astype(np.float64)
        if not np.isnan(expected).any():
            self.finite()
        with np.errstate(invalid="ignore"):  # ∞ − ∞
            near = np.isfinite(expected) & (np.abs(got - expected) <= atol + rtol * np.abs(expected))
        wrong = ~(near | (got == expected) | (np.isnan(got) & np.isnan(expected)))
        if wrong.any():
            count = "is not the right number" if wrong.size == 1 else f"has {wrong.sum()} of {wrong.size} values wrong"
            self._fail(count, expected)
        return self

    def equal_to(self, expected: Any) -> Expectation:
        """Exactly these values (integers, booleans)."""
        expected = np.asarray(expected)
        self.shape(*expected.shape)
        if not np.array_equal(self.answer.array, expected):
            self._fail("is not the right value", expected)
        return self

    def between(self, low: float, high: float) -> Expectation:
        """All values in [low, high]."""
        self.finite()
        array = self.answer.array
        if array.size and (array.min() < low or array.max() > high):
            self._fail(f"leaves the range {low:g} … {high:g}")
        return self

    def unit_rows(self, atol: float = 1e-3) -> Expectation:
        """A matrix whose rows have length one."""
        self.finite()
        if self.answer.array.ndim != 2:
            self._fail(f"has the shape {self.answer.array.shape}, not (rows, columns)")
        lengths = np.linalg.norm(self.answer.array.astype(np.float64), axis=1)
        if (np.abs(lengths - 1) > atol).any():
            self._fail("has rows that are not of length one")
        return self

    def that(self, holds: bool, problem: str, expected: Any = None) -> Expectation:
        """Any other condition; `problem` says what is wrong if it does not hold."""
        if not holds:
            self._fail(problem, expected)
        return self


def expect(answer: Answer | RemoteObject | Any) -> Expectation:
    """Start an expectation about a student's answer (or, rarely, about a plain value)."""
    return Expectation(answer)


def expect_no_growth(function: Function, small: tuple[Any, ...], large: tuple[Any, ...]) -> None:
    """Expect that a function takes at most twice as many operations for the large arguments as for the small ones."""
    few = function.operations(*small)
    many = function.operations(*large)
    expect(many).that(
        (many.operations or 0) <= 2 * (few.operations or 0),
        f"takes {many.operations} operations, and {few.operations} for less data: there is a loop over the data",
    )
