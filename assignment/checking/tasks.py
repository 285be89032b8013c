"""The `@task` mark: which task a test belongs to and what it is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., None])


def task(
    task_id: str,
    *,
    points: float,
    behaviour: str,
    hint: str,
    shown: bool = False,
    edge: bool = False,
    loop_free: bool = False,
) -> Callable[[Test], Test]:
    """Mark a test function.

    Args:
        task_id: id of the task in the manifest.
        points: what passing earns; the points of a task's hidden tests sum to the manifest's.
        behaviour: what is tested, in a few words a student may read ("a far negative costs nothing").
        hint: what a student reads when a hidden test fails.
        shown: the inputs are no secret (worked by hand, the same for everyone), so the report may show the returned and
            the expected value. Shown tests run before all others: nothing hidden can have reached the process by then.
        edge: a constant could pass, or a stub that does nothing; it counts only where another test of the task passes.
        loop_free: the test is about *how* the answer was computed; it passes only where the answer is right, too.
    """

    def mark(test: Test) -> Test:
        marker = pytest.mark.task(
            task_id, points=points, behaviour=behaviour, hint=hint, shown=shown, edge=edge, loop_free=loop_free
        )
        return marker(test)

    return mark
