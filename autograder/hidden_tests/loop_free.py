"""What the tests of loop-freeness share: no loop in the syntax, and no more steps for more data."""

from __future__ import annotations

from typing import Any

from assignment.checking import Answer, Student, StudentError, expect
from assignment.checking.outcome import Reason

GROWTH, SLACK = 1.5, 12  # a loop-free answer takes the same steps at both sizes; libraries may switch algorithm


def expect_loop_free(student: Student, name: str, small: tuple[Any, ...], large: tuple[Any, ...]) -> None:
    """Fail if the function `name` reaches a loop in its file, or takes many more steps for `large` than for `small`."""
    found = student.loops(name)
    expect(Answer(found, name)).that(not found, f"uses a loop: {'; '.join(found[:3])}")
    function = getattr(student, name)
    few, many = (function.operations(*arguments) for arguments in (small, large))
    if few.operations is None or many.operations is None:
        raise StudentError(Reason.GARBAGE, "the steps were not counted", called=many.called)
    expect(Answer([few.operations, many.operations], many.called)).that(
        many.operations <= GROWTH * few.operations + SLACK,
        "takes more steps for more data: it loops over the data",  # no numbers: a submission may have forged them
    )
