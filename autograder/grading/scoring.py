"""Compute points from the outcomes of tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assignment.checking.outcome import FAILED, NOT_IMPLEMENTED, PASSED, SKIPPED, Outcome
from assignment.checking.student import GraderFault
from assignment.manifest import Manifest, Task

ALL, PART, NONE = "all", "part", "none"


class ScoringError(GraderFault):
    """The points of a task's hidden tests do not add up to its points in the manifest."""


@dataclass(frozen=True)
class TaskScore:
    """One task's result: points earned, and "all", "part", "none", "not-implemented" or "skipped"."""

    task: Task
    earned: float
    state: str
    outcomes: tuple[Outcome, ...]


@dataclass(frozen=True)
class Score:
    """A submission's result. `points` are of ordinary tasks, `bonus` of bonus tasks."""

    tasks: tuple[TaskScore, ...]
    points: float
    bonus: float


def score(outcomes: Sequence[Outcome], manifest: Manifest) -> Score:
    """Add up the points of passed tests by task; ScoringError if a task's tests do not add up to its points."""
    scores = []
    for task in manifest.tasks:
        tests = tuple(o for o in outcomes if o.task == task.id)
        if not tests:
            continue  # the task was not chosen
        worth = round(sum(o.points for o in tests), 6)
        if worth != task.points:
            raise ScoringError(f"the tests of task '{task.id}' are worth {worth}, the manifest says {task.points}")
        earned = round(sum(o.points for o in tests if o.status == PASSED), 6)
        scores.append(TaskScore(task, earned, _state(tests), tests))
    return Score(
        tasks=tuple(scores),
        points=round(sum(s.earned for s in scores if not s.task.bonus), 6),
        bonus=round(sum(s.earned for s in scores if s.task.bonus), 6),
    )


def _state(outcomes: Sequence[Outcome]) -> str:
    if all(o.status == PASSED for o in outcomes):
        return ALL
    if any(o.status == PASSED for o in outcomes):
        return PART
    if all(o.reason == NOT_IMPLEMENTED for o in outcomes):
        return NOT_IMPLEMENTED
    if all(o.status == SKIPPED for o in outcomes):
        return SKIPPED
    if any(o.status == FAILED for o in outcomes):
        return NONE
    return SKIPPED
