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
        points: earned by passing; the points of a task's hidden tests add up to those in the manifest.
        behaviour: what is tested, in a few words a student may read ("a far negative costs nothing").
        hint: what a student reads when a hidden test fails.
        shown: the inputs are not secret (the same for everyone), so reports may show the returned and the expected
            value. Shown tests run first, before any hidden input has reached the process.
        edge: a constant or an empty function could pass; it counts only if another test of the task passes.
        loop_free: the test checks *how* the answer is computed; it runs only if the answers are right.
    """

    def mark(test: Test) -> Test:
        marker = pytest.mark.task(
            task_id, points=points, behaviour=behaviour, hint=hint, shown=shown, edge=edge, loop_free=loop_free
        )
        return marker(test)

    return mark
