"""The result of one test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
NOT_IMPLEMENTED = "not-implemented"


class Reason:
    """Why a test did not pass: `Outcome.reason`, and `StudentError.kind` except for the last three."""

    NOT_IMPLEMENTED = NOT_IMPLEMENTED  # the stub's NotImplementedError
    MISSING = "missing"  # the file does not define the function
    SIGNATURE = "signature"  # the function does not take the arguments of the task
    EXCEPTION = "exception"  # the student's code raised
    VALUE = "value"  # the value is too large, or not made of numbers, texts, arrays and objects
    TIMEOUT = "timeout"  # no response in time
    MEMORY = "memory"  # over the memory limit
    CRASH = "crash"  # a signal ended the process
    EXIT = "exit"  # the process ended itself
    GARBAGE = "garbage"  # the process sent something that is not a response
    BUDGET = "budget"  # not run: earlier tests used up the seconds of the submission
    IMPORT = "import"  # not run: the file could not be imported
    SYNTAX = "syntax"  # not run: the file is not Python
    UNEXPECTED = "unexpected"  # a wrong value
    PREREQUISITE = "prerequisite"  # not run: another test has to pass first
    UNJUDGED = "unjudged"  # the test itself raised on the form of the value


# What a submission's own process may report about itself.
REPORTED = frozenset(
    [Reason.NOT_IMPLEMENTED, Reason.MISSING, Reason.SIGNATURE, Reason.EXCEPTION, Reason.VALUE, Reason.MEMORY]
)


@dataclass
class Outcome:
    """The result of one test, as data.

    Attributes:
        test: name of the test function with its parameters. task: id of its task.
        behaviour, hint, points, shown, edge, loop_free: from the mark.
        status: "passed", "failed" or "skipped".
        reason: "" if passed, else one of `Reason`.
        problem: what is wrong, without any text of the student's.
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
