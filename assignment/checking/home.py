"""Run the public tests on a file in this process, with a time limit, captured prints and calls written in full."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from assignment.checking.agent import Agent
from assignment.checking.limit import TookTooLong, time_limit
from assignment.checking.load import LoadError, line_in, load_module
from assignment.checking.outcome import Outcome, Reason
from assignment.checking.runner import TestRun
from assignment.checking.student import Answer, Request, Response, Student, describe
from assignment.manifest import Manifest

PUBLIC_TESTS = Path(__file__).resolve().parents[1] / "public_tests"
SEED = 2026  # the same for each run: a check that failed fails again
SLOW = 2.0  # how much slower than the grader's a student's machine may be
AFTER_A_TIMEOUT = 1.0  # seconds for each later test of a round: several tasks often call the same endless loop
SHOWN_NUMBERS = 12  # of an array; longer ones are described by dtype and shape
PRINTED_CHARACTERS = 2000


@dataclass
class Round:
    """One run of the public tests.

    Attributes:
        outcomes: one per test. printed: the last characters that the file printed, by task and test.
    """

    outcomes: list[Outcome]
    printed: dict[tuple[str, str], str] = field(default_factory=dict)


def check_file(path: Path, manifest: Manifest, tasks: Iterable[str] | None = None) -> Round:
    """Import the file again and run the public tests of these tasks, and of those that they need, on it.

    Raises:
        LoadError: the file cannot be imported.
    """
    return check_module(_load(path, manifest), manifest, tasks)


def check_module(module: ModuleType, manifest: Manifest, tasks: Iterable[str] | None = None) -> Round:
    """Run the public tests on an imported module, or on what a notebook has defined so far."""
    agents: list[_TimedAgent] = []
    late: list[str] = []

    def student_for(task_id: str, seed: int) -> Student:
        seconds = SLOW * manifest.limits.seconds_of_test(manifest.task(task_id))
        agents.append(_TimedAgent(module, manifest, AFTER_A_TIMEOUT if late else seconds))
        return HomeStudent(agents[-1].perform, seed)

    printed: dict[tuple[str, str], str] = {}

    def remember(outcome: Outcome) -> None:
        if outcome.reason == Reason.TIMEOUT:
            late.append(outcome.test)
        if agents:
            printed[outcome.task, outcome.test] = agents.pop().out.getvalue()[-PRINTED_CHARACTERS:]

    tests = TestRun(student_for, manifest, SEED, tasks=tasks, report=remember)
    return Round(tests.run(PUBLIC_TESTS), printed)


def _load(path: Path, manifest: Manifest) -> ModuleType:
    seconds = SLOW * manifest.limits.import_seconds
    try:
        with time_limit(seconds):
            return load_module(path)
    except TookTooLong as problem:
        line = line_in(path, problem)
        raise LoadError(f"{path}, line {line}: importing the file takes longer than {seconds:g} s", line) from None


class _TimedAgent:
    """Performs the requests of one test until its time is up."""

    def __init__(self, module: ModuleType, manifest: Manifest, seconds: float) -> None:
        self.agent = Agent(module, manifest)
        self.seconds = seconds
        self.ends = time.monotonic() + seconds
        self.out = io.StringIO()

    def perform(self, request: Request) -> Response:
        try:
            with time_limit(self.ends - time.monotonic()), contextlib.redirect_stdout(self.out):
                return self.agent.perform(request)
        except TookTooLong as problem:
            line = line_in(str(self.agent.module.__file__), problem)
            message = f"did not return within {self.seconds:g} s"
            step = self.agent.step
            return {"error": {"kind": Reason.TIMEOUT, "type_name": "", "message": message, "line": line, "step": step}}


class HomeStudent(Student):
    """A student whose answers describe the call with its numbers: nothing is secret in a public test."""

    def described(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        """The description of a call, with short arrays in full."""
        parts = [show(a) for a in args] + [f"{key}={show(a)}" for key, a in kwargs.items()]
        return f"{name}({', '.join(parts)})"


def show(value: Any) -> str:
    """Write a value briefly: numbers with up to six digits, short arrays in full, everything else by its kind.

    >>> show(np.array([0.5, 1.0]))
    '[0.5, 1]'
    """
    if isinstance(value, Answer):
        return show(value.value)
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (int, float)):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)) and len(value) <= SHOWN_NUMBERS:
        return f"[{', '.join(show(part) for part in value)}]"
    if isinstance(value, (str, list, tuple, dict)):
        return describe(value)
    if hasattr(value, "type_name"):
        return str(value.type_name)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.size > SHOWN_NUMBERS:
        return describe(value)
    return show(array.tolist())
