"""Read `assignment.toml`: the one source for tasks, points, prerequisites, hints, limits and aliases."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKPOINT = "checkpoint"  # id of the task that only those have who hand one in
PATH = Path(__file__).with_name("assignment.toml")


class ManifestError(ValueError):
    """The manifest contradicts itself; the message says where."""


@dataclass(frozen=True)
class Task:
    """One task of the assignment, as the manifest states it."""

    number: int
    id: str
    title: str
    points: float
    names: tuple[str, ...]
    needs: tuple[str, ...]
    hints: tuple[str, ...]
    bonus: bool = False

    @property
    def label(self) -> str:
        """How stubs, reports and the handout call the task: `Task 3: Mining hard negatives`."""
        return f"Task {self.number}: {self.title}"


@dataclass(frozen=True)
class Limits:
    """What one submission may use; units are in the names."""

    test_seconds: float
    improvement_seconds: float
    submission_seconds: float
    import_seconds: float
    memory_mb: int
    processes: int
    file_mb: int
    output_kb: int
    answer_mb: int
    source_kb: int


@dataclass(frozen=True)
class Manifest:
    """The whole manifest."""

    title: str
    file: str
    version: str
    tasks: tuple[Task, ...]
    limits: Limits
    aliases: dict[str, tuple[str, ...]]
    improvement: dict[str, Any]
    checkpoint: dict[str, Any]
    late: dict[str, Any] = field(default_factory=dict)

    def task(self, task_id: str) -> Task:
        """Return the task with this id; raise ManifestError naming the ids there are."""
        for task in self.tasks:
            if task.id == task_id:
                return task
        raise ManifestError(f"there is no task '{task_id}'; the tasks are: {', '.join(t.id for t in self.tasks)}")

    def with_prerequisites(self, task_ids: Iterable[str]) -> set[str]:
        """Return these ids and those of all tasks they need."""
        wanted = set(task_ids)
        for task in reversed(self.tasks):  # prerequisites come before their dependants
            if task.id in wanted:
                wanted |= set(task.needs)
        return wanted

    def with_checkpoint(self) -> Manifest:
        """Return this manifest with one bonus task more: the checkpoint that was handed in beside the file."""
        if any(task.id == CHECKPOINT for task in self.tasks):
            return self
        title, points = self.checkpoint["title"], self.checkpoint["points"]
        hints = tuple(self.checkpoint["hints"])
        task = Task(len(self.tasks) + 1, CHECKPOINT, title, points, ("GDextractor",), (), hints, bonus=True)
        return replace(self, tasks=(*self.tasks, task))

    @property
    def points(self) -> float:
        """Points of the ordinary tasks together."""
        return sum(task.points for task in self.tasks if not task.bonus)

    @property
    def bonus_points(self) -> float:
        """Points of the bonus tasks together."""
        return sum(task.points for task in self.tasks if task.bonus)


def parse(text: str) -> Manifest:
    """Build the manifest from TOML text; raise ManifestError if ids repeat or a prerequisite is unknown or later."""
    data = tomllib.loads(text)
    tasks: list[Task] = []
    for number, entry in enumerate(data["tasks"], start=1):
        lists: dict[str, Any] = {key: tuple(entry.pop(key)) for key in ("names", "needs", "hints")}
        task = Task(number=number, **entry, **lists)
        earlier = {other.id for other in tasks}
        if task.id in earlier:
            raise ManifestError(f"task id '{task.id}' is used twice")
        if missing := set(task.needs) - earlier:
            raise ManifestError(f"task '{task.id}' needs {sorted(missing)}, which no earlier task is called")
        tasks.append(task)
    return Manifest(
        title=data["title"],
        file=data["file"],
        version=data["version"],
        tasks=tuple(tasks),
        limits=Limits(**data["limits"]),
        aliases={name: tuple(others) for name, others in data["aliases"].items()},
        improvement=data.get("improvement", {}),
        checkpoint=data.get("checkpoint", {}),
        late=data.get("late", {}),
    )


@cache
def load() -> Manifest:
    """Return the manifest that stands beside this file."""
    return parse(PATH.read_text(encoding="utf-8"))
