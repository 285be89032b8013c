"""The `@task` mark: the task that a test belongs to, its points and its texts."""

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
        behaviour: what is tested, in a few words for the student ("a far negative costs nothing").
        hint: what the student reads if the test fails.
        shown: the inputs are not secret (worked out by hand, the same for everybody), so the report may show the value
            and the expected one. Shown tests run before all others, before anything hidden has reached the process.
        edge: a constant or an empty function could pass it; it runs only if another test of the task passes.
        loop_free: the test checks *how* the answer is computed; it runs only if the answers are right.
    """

    def mark(test: Test) -> Test:
        marker = pytest.mark.task(
            task_id, points=points, behaviour=behaviour, hint=hint, shown=shown, edge=edge, loop_free=loop_free
        )
        return marker(test)

    return mark
