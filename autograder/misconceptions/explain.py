"""Recognise a misconception: run the failing test with it, and see whether the same wrong value comes back."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking.agent import Agent
from assignment.checking.expect import Unexpected
from assignment.checking.limit import TookTooLong, time_limit
from assignment.checking.outcome import Outcome
from assignment.checking.runner import TestCall
from assignment.checking.student import Student
from assignment.manifest import load as load_manifest
from autograder.misconceptions import catalogue

REPLAY_SECONDS = 2.0  # a misconception may itself be an endless loop


def explain_failure(call: TestCall, outcome: Outcome) -> str:
    """Return the id of the misconception that fails this test with the same value at the same place, "" if none does.

    Misconceptions are the grader's own code, so they run in this process, on the inputs that the student's file got.
    """
    for misconception in catalogue.load():
        if outcome.task in misconception.tasks and _gives(misconception, call, outcome):
            return misconception.id
    return ""


def _gives(misconception: catalogue.Misconception, call: TestCall, outcome: Outcome) -> bool:
    agent = Agent(catalogue.module(misconception), load_manifest(), misconception.source)
    try:
        with time_limit(REPLAY_SECONDS):
            call.run(Student(agent.perform, call.seed))
    except Unexpected as wrong:
        same_place = (wrong.called, wrong.problem) == (outcome.called, outcome.problem)
        return same_place and same_value(wrong.returned, outcome.returned)
    except (Exception, TookTooLong):  # it fails in another way than by a value
        return False
    return False


def same_value(a: Any, b: Any) -> bool:
    """Whether two plain values are the same up to rounding."""
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same_value, a, b))
    try:
        first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-4, atol=1e-6, equal_nan=True))
