"""The hidden tests without a wall, as the peers run them: student's code and tests in one process.

`check(module)` is what the notebooks of the peers call; as a program it is "a fresh pytest process per submission".

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
from autograder.grading import HIDDEN_TESTS


def check(module: ModuleType, source: str) -> int:
    """Run all hidden tests but the improvement task on a module of this process; return how many failed."""
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
