"""Run the hidden tests without a sandbox, as the other graders do: student code and tests in one process.

The notebooks of the other graders call `check(module)`; as a program this is "a new pytest process per submission".

Usage: python -m benchmarks.in_process FILE
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from assignment.checking.agent import Agent
from assignment.checking.load import load_module
from assignment.checking.runner import TestRun
from assignment.checking.student import Student
from assignment.manifest import load
from autograder.grading.grade import HIDDEN_TESTS


def check(module: ModuleType, source: str) -> int:
    """Run all hidden tests but the improvement task on a module in this process; return the number that failed."""
    manifest = load()
    agent = Agent(module, manifest, source)
    tasks = [task.id for task in manifest.tasks if not task.trains]
    tests = TestRun(lambda task, seed: Student(agent.perform, seed), manifest, 1, tasks)
    outcomes = tests.run(HIDDEN_TESTS)
    return sum(outcome.status != "passed" for outcome in outcomes)


if __name__ == "__main__":
    failed = check(load_module(file := Path(sys.argv[1])), file.read_text(encoding="utf-8"))
    print(f"{failed} failed")
    sys.exit(min(failed, 1))
