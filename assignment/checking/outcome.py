"""The outcome of one test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
NOT_IMPLEMENTED = "not-implemented"


@dataclass
class Outcome:
    """The outcome of one test, as data.

    Attributes:
        test: name of the test function with its parameters. task: id of its task.
        behaviour, hint, points, shown, edge, loop_free: from the mark.
        status: "passed", "failed" or "skipped".
        reason: "" if passed; "unexpected" for a wrong value; "prerequisite" for a skip; "unjudged" if the test
            raised an exception on the answer; else a `StudentError.kind`.
        problem: what is wrong in the grader's words.
        called: what was called. returned, expected: values where there are any.
        exception: name of the exception's class. message: its own text. line: line in the student's file, 0 if unknown.
        misconception: id of the misconception that gives the same value, if one is known.
        seconds: wall clock of the test.
        details: other values that a test adds to the record (P@1 before and after).
    """

    test: str
    task: str
    behaviour: str
    hint: str
    points: float
    shown: bool = False
    edge: bool = False
    loop_free: bool = False
    status: str = PASSED
    reason: str = ""
    problem: str = ""
    called: str = ""
    returned: Any = None
    expected: Any = None
    exception: str = ""
    message: str = ""
    line: int = 0
    misconception: str = ""
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)
