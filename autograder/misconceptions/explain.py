"""Recognise a misconception: run the failing test with it, and see whether the same wrong value comes back."""

from __future__ import annotations

from collections import Counter
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


class Explainer:
    """Names the misconceptions behind one submission's failures.

    Misconceptions are the grader's own code, so they run in this process, on the inputs that the student's file got.
    """

    def __init__(self) -> None:
        self._recognised: Counter[str] = Counter()

    def __call__(self, call: TestCall, outcome: Outcome) -> str:
        """Return the id of the misconception that fails this test with the same value at the same place, or ""."""
        candidates = [m for m in catalogue.load() if outcome.task in m.tasks]
        candidates.sort(key=lambda m: -self._recognised[m.id])  # who misunderstood once misunderstands again
        for misconception in candidates:
            if _gives(misconception, call, outcome):
                self._recognised[misconception.id] += 1
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
