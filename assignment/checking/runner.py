"""Run tests that take a `student`, and turn what happens into outcomes.

The public tests at home and the hidden tests of the grader run through here. pytest collects the files, once per
process; this module calls the tests and adds the order (shown tests first), the prerequisites and the translation of
exceptions into data. Otherwise a grader of hundreds of files would spend a third of its time inside pytest.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assignment.checking.expect import Unexpected
from assignment.checking.outcome import FAILED, NOT_IMPLEMENTED, PASSED, SKIPPED, Outcome, Reason
from assignment.checking.student import GraderFault, Student, StudentError
from assignment.manifest import Manifest

StudentFor = Callable[[str, int], Student]
Explain = Callable[["TestCall", Outcome], str]


class BrokenTests(GraderFault):
    """The tests themselves cannot be collected."""


class TestCall:
    """A collected test; it can be called several times, with other students (to try a misconception).

    Args:
        item: pytest's item. seed: of the submission.
    """

    __test__ = False  # pytest would collect a class of this name

    def __init__(self, item: pytest.Function, seed: int) -> None:
        marker = item.get_closest_marker("task")
        if marker is None:
            raise BrokenTests(f"{item.nodeid} has no @task mark")
        self.item = item
        self.task: str = marker.args[0]
        self.mark: dict[str, Any] = dict(marker.kwargs)
        self.seed = zlib.crc32(f"{self.task}/{item.name}:{seed}".encode())

    def run(self, student: Student, details: dict[str, Any] | None = None) -> None:
        """Call the test function with this student and a fresh generator of this test's seed."""
        known = {
            "student": student,
            "rng": np.random.default_rng(self.seed),
            "details": {} if details is None else details,
        }
        callspec = getattr(self.item, "callspec", None)
        known.update(callspec.params if callspec else {})
        arguments = {name: known[name] for name in self.item._fixtureinfo.argnames}
        self.item.obj(**arguments)
        student.finish()

    def outcome(self) -> Outcome:
        """An outcome with this test's mark, before the test runs."""
        return Outcome(test=self.item.name, task=self.task, **self.mark)


class _Collector:
    """A pytest plugin that keeps the collected items and runs none of them."""

    def __init__(self) -> None:
        self.items: list[pytest.Function] = []
        self.broken: list[str] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "task(id, **mark): the task a test belongs to")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken.append(str(report.longrepr))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = [item for item in session.items if isinstance(item, pytest.Function)]
        return True


@cache
def collect(folder: Path) -> tuple[pytest.Function, ...]:
    """Let pytest collect all tests below `folder`; raise BrokenTests if it cannot."""
    collector = _Collector()
    options = ["-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:faulthandler", "-p", "no:threadexception"]
    options += ["-p", "no:unraisableexception", "--import-mode=importlib", "-c", str(folder / "pytest.ini")]
    code = pytest.main([*options, f"--rootdir={folder}", str(folder)], plugins=[collector])
    if collector.broken or not collector.items:
        raise BrokenTests("\n".join(collector.broken) or f"no tests in {folder} ({code!r})")
    return tuple(collector.items)


class TestRun:
    """One run of the marked tests against one student's file.

    Args:
        student_for: returns the Student for a task id and a seed.
        manifest: for prerequisites. seed: of the submission.
        tasks: ids to run, with their prerequisites; None for all.
        explain: returns the id of the misconception behind a failure, or "".
        report: called with each outcome.
    """

    __test__ = False

    def __init__(
        self,
        student_for: StudentFor,
        manifest: Manifest,
        seed: int,
        tasks: Iterable[str] | None = None,
        explain: Explain | None = None,
        report: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        self.student_for = student_for
        self.manifest = manifest
        self.seed = seed
        self.tasks = None if tasks is None else manifest.with_prerequisites(tasks)
        self.explain = explain
        self.report = report
        self.outcomes: list[Outcome] = []

    def run(self, folder: Path) -> list[Outcome]:
        """Run the tests below `folder`, shown ones first, then task by task; raise BrokenTests if there are none."""
        calls = [TestCall(item, self.seed) for item in collect(folder)]
        rank = {call.task: self.manifest.task(call.task).number for call in calls}
        self._check_loop_free(calls)
        calls = [call for call in calls if self.tasks is None or call.task in self.tasks]
        calls.sort(
            key=lambda call: (not call.mark["shown"], rank[call.task], call.mark["edge"], call.mark["loop_free"])
        )
        for call in calls:
            self._judge(call)
        return self.outcomes

    def _check_loop_free(self, calls: Iterable[TestCall]) -> None:
        """Raise BrokenTests where the tests and the manifest do not agree on which tasks are loop-free."""
        for task in self.manifest.tasks:
            marks = [call.mark["loop_free"] for call in calls if call.task == task.id]
            if marks and any(marks) != bool(task.loop_free):
                missing = "no test marked `loop_free=True`" if task.loop_free else "no name in its `loop_free`"
                raise BrokenTests(f"task '{task.id}' has {missing}; a loop-free task needs both")

    def _judge(self, call: TestCall) -> None:
        outcome = call.outcome()
        start = time.perf_counter()
        if not self._blocked(call, outcome):
            try:
                call.run(self.student_for(call.task, call.seed), outcome.details)
            except Unexpected as problem:
                outcome.status, outcome.reason, outcome.problem = FAILED, Reason.UNEXPECTED, problem.problem
                outcome.called, outcome.returned, outcome.expected = problem.called, problem.returned, problem.expected
            except StudentError as problem:
                outcome.status, outcome.reason, outcome.called = FAILED, problem.kind, problem.called
                outcome.exception, outcome.message, outcome.line = problem.type_name, problem.message, problem.line
            except GraderFault:
                raise
            except Exception as problem:  # known files pass, so it is the form of the value
                outcome.status, outcome.reason = FAILED, Reason.UNJUDGED
                outcome.message = f"{type(problem).__name__}: {problem}"
            if outcome.reason == Reason.UNEXPECTED and self.explain is not None:
                outcome.misconception = self.explain(call, outcome)
        outcome.seconds = time.perf_counter() - start
        self.outcomes.append(outcome)
        self.report(outcome)

    def _blocked(self, call: TestCall, outcome: Outcome) -> bool:
        """Whether a test does not run: its prerequisites failed, it is an edge case of a task without any right value,
        or it checks *how* answers are computed that are not all right.
        """
        states = {task_id: self._state(task_id) for task_id in self.manifest.task(call.task).needs}
        bad = {task_id: state for task_id, state in states.items() if state != PASSED}
        own = self._state(call.task)
        if bad:
            titles = ", ".join(f"“{self.manifest.task(task_id).title}”" for task_id in bad)
            self._skip(outcome, f"needs {titles} first", empty=set(bad.values()) == {NOT_IMPLEMENTED})
        elif call.mark["edge"] and not self._any_value(call.task):
            self._skip(outcome, "an ordinary case has to be right first", empty=own == NOT_IMPLEMENTED)
        elif call.mark["loop_free"] and own != PASSED:
            self._skip(outcome, "the answers have to be right first", empty=own == NOT_IMPLEMENTED)
        return bool(outcome.reason)

    @staticmethod
    def _skip(outcome: Outcome, problem: str, empty: bool) -> None:
        """Record what has to pass first; if that is not implemented (`empty`), this test counts as not implemented."""
        outcome.status, outcome.reason = (FAILED, NOT_IMPLEMENTED) if empty else (SKIPPED, Reason.PREREQUISITE)
        outcome.problem = problem

    def _any_value(self, task_id: str) -> bool:
        return any(o.task == task_id and not o.edge and o.status == PASSED for o in self.outcomes)

    def _state(self, task_id: str) -> str:
        found = [o for o in self.outcomes if o.task == task_id and not o.loop_free]
        if all(o.status == PASSED for o in found):
            return PASSED
        return NOT_IMPLEMENTED if all(o.reason == NOT_IMPLEMENTED for o in found) else FAILED
