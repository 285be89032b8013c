"""Read `assignment.toml`, which holds every fact about a task: points, names, prerequisites, hints, limits, aliases."""

from __future__ import annotations

import dataclasses
import difflib
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PATH = Path(__file__).with_name("assignment.toml")
KINDS: dict[object, tuple[type, ...]] = {str: (str,), int: (int,), float: (int, float), bool: (bool,)}

T = TypeVar("T")


class ManifestError(ValueError):
    """The manifest is not valid; one line says what and where."""


class UnknownTaskError(ManifestError):
    """There is no such task; the message names the nearest one."""


@dataclass(frozen=True)
class Task:
    """One task of the assignment.

    Attributes:
        number: from 1, in the manifest's order. id: used in file names, options and records.
        names: functions and classes of the student's file that the task is about.
        needs: ids of earlier tasks whose tests must pass first. hints: from general to specific.
        bonus: its points are counted apart. loop_free: those of its names that must not loop over data.
        stub: the template has a stub for this task; False where it asks more of another task's code.
        trains: its test trains a network, with a time limit of its own.
    """

    number: int
    id: str
    title: str
    points: float
    names: tuple[str, ...]
    hints: tuple[str, ...]
    needs: tuple[str, ...] = ()
    bonus: bool = False
    loop_free: tuple[str, ...] = ()
    stub: bool = True
    trains: bool = False

    @property
    def label(self) -> str:
        """Number and title, as in stubs and reports: `Task 3: Mining hard negatives`."""
        return f"Task {self.number}: {self.title}"

    @property
    def worth(self) -> str:
        """The points as tables show them: `2`, or `+2` for a bonus task."""
        return f"{'+' if self.bonus else ''}{self.points:g}"


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

    def seconds_of_test(self, task: Task) -> float:
        """Return the wall-clock limit of one test of a task."""
        return self.improvement_seconds if task.trains else self.test_seconds


@dataclass(frozen=True)
class Manifest:
    """The whole manifest.

    Attributes:
        canary: id of a known mistake that must lose points before anybody is graded.
        checkpoint_task: the task that `with_checkpoint` adds.
        improvement, checkpoint, late: settings, by their name in the manifest's table.
    """

    title: str
    file: str
    version: str
    canary: str
    tasks: tuple[Task, ...]
    limits: Limits
    aliases: dict[str, tuple[str, ...]]
    checkpoint_task: Task
    improvement: dict[str, Any]
    checkpoint: dict[str, Any]
    late: dict[str, Any]

    def task(self, task_id: str) -> Task:
        """Return the task with this id or number; raise UnknownTaskError with the nearest id."""
        for task in self.tasks:
            if task_id in (task.id, str(task.number)):
                return task
        ids = [task.id for task in self.tasks]
        near = difflib.get_close_matches(task_id.lower().replace("_", "-"), ids, n=1, cutoff=0.4)
        rest = f"did you mean '{near[0]}'?" if near else f"the tasks are: {', '.join(ids)}"
        raise UnknownTaskError(f"there is no task '{task_id}'; {rest}")

    def with_prerequisites(self, task_ids: Iterable[str]) -> set[str]:
        """Return these ids and those of all tasks they need."""
        wanted = set(task_ids)
        for task in reversed(self.tasks):  # prerequisites come before their dependants
            if task.id in wanted:
                wanted |= set(task.needs)
        return wanted

    def with_checkpoint(self) -> Manifest:
        """Return this manifest with one more bonus task: a checkpoint that is submitted beside the file."""
        if self.checkpoint_task in self.tasks:
            return self
        return dataclasses.replace(self, tasks=(*self.tasks, self.checkpoint_task))

    def known_as(self, name: str) -> tuple[str, ...]:
        """Return the name and its aliases."""
        return (name, *self.aliases.get(name, ()))

    @property
    def loop_free(self) -> tuple[str, ...]:
        """All names that are scanned for loops."""
        return tuple(name for task in self.tasks for name in task.loop_free)

    @property
    def training_task(self) -> Task:
        """The task whose test trains a network."""
        return next(task for task in self.tasks if task.trains)

    @property
    def points(self) -> float:
        """Points of the ordinary tasks together."""
        return sum(task.points for task in self.tasks if not task.bonus)

    @property
    def bonus_points(self) -> float:
        """Points of the bonus tasks together."""
        return sum(task.points for task in self.tasks if task.bonus)


def parse(text: str) -> Manifest:
    """Build the manifest from TOML text; raise ManifestError for the first entry that is missing, unknown or wrong.

    >>> parse('title = "A course"')
    Traceback (most recent call last):
    ...
    assignment.manifest.ManifestError: the manifest: the table [limits] is missing
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ManifestError(f"the manifest: not TOML: {problem}") from None
    tables = {key: _table(data, key) for key in ("limits", "aliases", "improvement", "checkpoint", "late")}
    tasks = [
        _build(Task, {"number": number, **entry}, f"[[tasks]] {entry.get('id', number)}")
        for number, entry in enumerate(data.pop("tasks", []), start=1)
    ]
    if not tasks:
        raise ManifestError("the manifest: 'tasks' is missing")
    own = {"number": len(tasks) + 1, "bonus": True, "stub": False, **_table(tables["checkpoint"], "task")}
    manifest = _build(
        Manifest,
        {
            **data,
            "tasks": tuple(tasks),
            "limits": _build(Limits, tables["limits"], "[limits]"),
            "aliases": {name: tuple(others) for name, others in tables["aliases"].items()},
            "checkpoint_task": _build(Task, own, "[checkpoint.task]"),
            "improvement": tables["improvement"],
            "checkpoint": tables["checkpoint"],
            "late": tables["late"],
        },
        "the manifest",
    )
    _check(manifest)
    return manifest


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    """Take a table out of the data."""
    table = data.pop(key, None)
    if not isinstance(table, dict):
        raise ManifestError(f"the manifest: the table [{key}] is missing")
    return table


def _build(kind: type[T], entry: dict[str, Any], where: str) -> T:
    """Make a dataclass of a table; ManifestError for a key that it does not have, lacks, or of another type."""
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in entry.keys() - fields.keys():
        near = difflib.get_close_matches(key, fields, n=1)
        raise ManifestError(f"{where}: there is no key '{key}'" + (f"; did you mean '{near[0]}'?" if near else ""))
    for key, type_ in get_type_hints(kind).items():
        if key not in entry:
            if fields[key].default is dataclasses.MISSING:
                raise ManifestError(f"{where}: '{key}' is missing")
        elif type_ == tuple[str, ...]:
            if not (isinstance(entry[key], list) and all(isinstance(part, str) for part in entry[key])):
                raise ManifestError(f"{where}: '{key}' must be a list of strings")
            entry[key] = tuple(entry[key])
        elif type_ in KINDS and type(entry[key]) not in KINDS[type_]:
            raise ManifestError(f"{where}: '{key}' must be of type {type_.__name__}")
    return kind(**entry)


def _check(manifest: Manifest) -> None:
    """Raise ManifestError if entries contradict each other."""
    earlier: set[str] = set()
    for task in manifest.with_checkpoint().tasks:
        where = f"[[tasks]] {task.id}"
        if task.id in earlier:
            raise ManifestError(f"{where}: the id is used twice")
        if task.points <= 0:
            raise ManifestError(f"{where}: 'points' must be above 0")
        if missing := set(task.needs) - earlier:
            raise ManifestError(f"{where}: 'needs' has '{min(missing)}', which is not the id of an earlier task")
        if missing := set(task.loop_free) - set(task.names):
            raise ManifestError(f"{where}: 'loop_free' has '{min(missing)}', which is not in 'names'")
        earlier.add(task.id)
    if sum(task.trains for task in manifest.tasks) != 1:
        raise ManifestError("[[tasks]]: exactly one task must have 'trains = true'")
    if (task_id := manifest.canary.partition("--")[0]) not in earlier:
        raise ManifestError(f"canary: '{manifest.canary}' is not <task-id>--<mistake>: there is no task '{task_id}'")
    names = {name for task in manifest.tasks for name in task.names}
    if missing := manifest.aliases.keys() - names:
        raise ManifestError(f"[aliases]: '{min(missing)}' is not in the 'names' of any task")
    used = Counter([*names, *(other for others in manifest.aliases.values() for other in others)])
    if twice := [name for name, count in used.items() if count > 1]:
        raise ManifestError(f"[aliases]: '{min(twice)}' is used for two things")


@cache
def load() -> Manifest:
    """Return the manifest beside this file."""
    return parse(PATH.read_text(encoding="utf-8"))
