"""The record: everything about one grade, as frozen dataclasses and as JSON. For instructors; reports are made from it.

`autograder/reports/RECORD.md` is generated from the descriptions here. Entries that differ between two runs with the
same seed are in `measured`; all others are equal. Descriptions marked *hostile* are of texts and numbers that the
student's process or file chose.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import FiniteFloat, JsonValue, TypeAdapter, ValidationError
from typing_extensions import Doc

from assignment.checking.outcome import NOT_IMPLEMENTED, Reason
from autograder.grading.scoring import NONE
from autograder.intake.notebook import Notebook

SCHEMA = 1
MOST_BYTES = 256 << 20
Number = int | FiniteFloat
Tree = dict[str, JsonValue]
T = TypeVar("T")


class RecordError(ValueError):
    """The text is not a record of this schema; the message is one line that names the invalid entry."""


@dataclass(frozen=True)
class AssignmentVersion:
    """Which assignment was graded."""

    title: Annotated[str, Doc("title of the assignment, from the manifest")]
    version: Annotated[str, Doc("version of the manifest")]


@dataclass(frozen=True)
class GradedFile:
    """The file that was graded."""

    name: Annotated[str, Doc("name of the file, *hostile*")]
    owner: Annotated[str, Doc('who submitted it, "" if unknown, *hostile*')]
    sha256: Annotated[str, Doc("SHA-256 of the file's bytes, 64 hexadecimal digits")]
    notebook: Annotated[
        Notebook | None,
        Doc(
            "null for a `.py`; for a notebook `cells`, a list of pieces (first line in the graded file, number of "
            "lines, cell, first line in the cell; all from 1), and `notes`, what was omitted or unclear, *hostile*"
        ),
    ] = None


@dataclass(frozen=True)
class Possible:
    """The points that can be earned."""

    points: Annotated[Number, Doc("sum of the points of the manifest's ordinary tasks")]
    bonus: Annotated[Number, Doc("sum of the points of the manifest's bonus tasks")]


@dataclass(frozen=True)
class SyntaxFinding:
    """A syntax error, found before any of the file's code ran."""

    line: Annotated[int, Doc("line, from 1")]
    column: Annotated[int, Doc("column, from 1; 0 if unknown")]
    message: Annotated[str, Doc("Python's message, *hostile*")]
    lost: Annotated[str, Doc('function or class that was omitted because of it; "" if it has no name, *hostile*')]


@dataclass(frozen=True)
class ImportProblem:
    """Why the file could not be imported."""

    kind: Annotated[str, Doc('"import" or "syntax"')]
    exception: Annotated[str, Doc('class of the exception, "" if the process ended or hung instead, *hostile*')]
    message: Annotated[str, Doc('its message, or how the process ended ("timeout", "crash signal 11"), *hostile*')]
    line: Annotated[int, Doc("line of the file, 0 if unknown, *hostile*")]


@dataclass(frozen=True)
class CheckpointFacts:
    """The checkpoint that was graded."""

    name: Annotated[str, Doc("name of the file, *hostile*")]
    sha256: Annotated[str, Doc('SHA-256 of the file\'s bytes; "" if it is over the limit and was not read')]
    bytes: Annotated[int, Doc("size of the file")]
    data: Annotated[str, Doc('the images it was evaluated on: "hidden sample", or the name given with `--data`')]
    images: Annotated[int, Doc("number of images")]
    baseline_sha256: Annotated[str, Doc('SHA-256 of the file given with `--baseline-weights`, "" if there was none')]


@dataclass(frozen=True)
class TestResult:
    """One hidden test."""

    __test__ = False  # not a test of pytest's

    name: Annotated[str, Doc("name of the test function, with its parameters in brackets")]
    behaviour: Annotated[str, Doc("the tested behaviour, as students read it")]
    points: Annotated[Number, Doc("points for passing")]
    status: Annotated[str, Doc('"passed", "failed" or "skipped"')]
    reason: Annotated[str, Doc('"" if passed; else one of the reasons below')]
    problem: Annotated[str, Doc("what is wrong, written by the grader; sizes and counts in it are *hostile*")]
    called: Annotated[str, Doc("the call, with the types of its arguments; class names in it are *hostile*")]
    returned: Annotated[JsonValue, Doc("the returned value, *hostile*; see below")]
    expected: Annotated[JsonValue, Doc("the expected value, null if there is no single one; secret unless `shown`")]
    exception: Annotated[str, Doc("class of the exception, *hostile*")]
    message: Annotated[str, Doc("its message, at most 500 characters, *hostile*; it may contain hidden inputs")]
    line: Annotated[int, Doc("line of the file where it was raised, 0 if unknown, *hostile*")]
    hint: Annotated[str, Doc("hint for the student if the test fails")]
    shown: Annotated[bool, Doc("whether the inputs are public, so that the student may see the values")]
    misconception: Annotated[str, Doc('id of the misconception that gives the same values, "" if none does')]
    details: Annotated[Tree, Doc("other measurements of the test; see below")]


@dataclass(frozen=True)
class TaskResult:
    """One graded task."""

    id: Annotated[str, Doc("id in the manifest")]
    number: Annotated[int, Doc("number of the task, from 1")]
    title: Annotated[str, Doc("title")]
    bonus: Annotated[bool, Doc("whether its points are bonus points")]
    earned: Annotated[Number, Doc("sum of the points of its passed tests")]
    possible: Annotated[Number, Doc("points of the task")]
    state: Annotated[str, Doc('"all", "part", "none", "not-implemented" or "skipped"')]
    tests: Annotated[tuple[TestResult, ...], Doc("one entry per hidden test, in the order in which they ran")]

    @property
    def missing(self) -> bool:
        """Whether the function itself is missing: it was not begun, or has another name."""
        reasons = {test.reason for test in self.tests}
        return Reason.MISSING in reasons and reasons <= {Reason.MISSING, Reason.PREREQUISITE, NOT_IMPLEMENTED}

    @property
    def shown_state(self) -> str:
        """The state that reports show: a function that is missing counts as one that is not implemented."""
        return NOT_IMPLEMENTED if self.state == NONE and self.missing else self.state


@dataclass(frozen=True)
class SandboxFacts:
    """The sandbox that the file ran in."""

    isolation: Annotated[
        str,
        Doc('back end: "bubblewrap", "container" with the engine, "users and landlock", "users", or "process"'),
    ]
    seccomp: Annotated[bool, Doc("whether system calls were filtered")]
    torch: Annotated[str, Doc("version of PyTorch in the sandbox")]
    python: Annotated[str, Doc("version of Python in the sandbox")]


@dataclass(frozen=True)
class Measured:
    """Everything that differs from run to run."""

    date: Annotated[str, Doc("when the record was made, ISO 8601, UTC")]
    machine: Annotated[str, Doc("operating system and architecture")]
    seconds: Annotated[Number, Doc("wall clock of the whole submission")]
    import_seconds: Annotated[Number, Doc("wall clock of importing the file")]
    cpu_seconds: Annotated[Number, Doc("CPU seconds of the submission's processes")]
    peak_mb: Annotated[Number, Doc("largest private memory of one of its processes, MiB")]
    test_seconds: Annotated[dict[str, Number], Doc('wall clock of each test, by "task/test"')]
    output: Annotated[str, Doc("the first 20,000 characters of what the file printed, *hostile*")]
    output_bytes: Annotated[int, Doc("number of bytes that it printed")]
    processes: Annotated[int, Doc("number of processes; each crash or timeout ends one")]


@dataclass(frozen=True)
class LateResult:
    """How late a submission is; null if unknown."""

    days: Annotated[int | None, Doc("days after the deadline, started ones included")]
    loss: Annotated[Number | None, Doc("fraction of the points that is deducted")]


@dataclass(frozen=True)
class Attempt:
    """An earlier attempt."""

    file: Annotated[str, Doc("the file, *hostile*")]
    sha256: Annotated[str, Doc("SHA-256 of its bytes")]


@dataclass(frozen=True)
class HandIn:
    """Where a file came from; only in the records of a batch."""

    key: Annotated[str, Doc("the student's identifier in the roster, else on the platform, *hostile*")]
    where: Annotated[str, Doc("folder or file of the submission in the platform's download, *hostile*")] = ""
    standing: Annotated[
        str, Doc('"listed" in the roster, "unlisted", "duplicate" (not clear who it is), "no roster"')
    ] = ""
    submitted: Annotated[str | None, Doc("time of submission, ISO 8601, according to the platform")] = None
    late: Annotated[LateResult | None, Doc("null if in time")] = None
    file: Annotated[str | None, Doc("the graded file, *hostile*")] = None
    earlier: Annotated[tuple[Attempt, ...], Doc("earlier attempts, oldest first")] = ()
    notes: Annotated[tuple[str, ...], Doc("notes of intake, *hostile*")] = ()


@dataclass(frozen=True)
class Record:
    """Everything about one grade."""

    schema: Annotated[int, Doc("version of this description")]
    assignment: Annotated[AssignmentVersion, Doc("which assignment was graded")]
    submission: Annotated[GradedFile, Doc("the file that was graded")]
    seed: Annotated[int, Doc("seed of all hidden inputs; `grade --seed` with it repeats the grade")]
    asked_tasks: Annotated[tuple[str, ...] | None, Doc("ids given with `--task`; null if all tasks were graded")]
    points: Annotated[Number, Doc("points of the ordinary tasks")]
    bonus: Annotated[Number, Doc("points of the bonus tasks")]
    possible: Annotated[Possible, Doc("the points that can be earned")]
    syntax: Annotated[tuple[SyntaxFinding, ...], Doc("syntax errors, found before any of the file's code ran")]
    flags: Annotated[
        tuple[str, ...],
        Doc('imports and names that the assignment rarely needs, "line 3: import os", *hostile*; they cost no points'),
    ]
    import_problem: Annotated[ImportProblem | None, Doc("why the file could not be imported; null if it could")]
    checkpoint: Annotated[CheckpointFacts | None, Doc("the checkpoint that was graded; null if there was none")]
    tasks: Annotated[
        tuple[TaskResult, ...],
        Doc("one entry per graded task, in the manifest's order; a checkpoint is a task"),
    ]
    wall: Annotated[SandboxFacts, Doc("sandbox that the file ran in")]
    measured: Annotated[Measured, Doc("everything that differs from run to run")]
    hand_in: Annotated[HandIn | None, Doc("where the file came from; only in the records of a batch")] = None

    def tests(self) -> Iterator[tuple[TaskResult, TestResult]]:
        """All tests with their tasks."""
        return ((task, test) for task in self.tasks for test in task.tests)

    @property
    def never_ran(self) -> bool:
        """Whether the file could not be imported from the start, so that no input ever reached one of its processes."""
        first = self.import_problem is not None and self.measured.processes <= 1
        return first and all(
            test.reason in (Reason.IMPORT, Reason.SYNTAX, Reason.PREREQUISITE) for _, test in self.tests()
        )


def to_json(record: Record) -> str:
    """Return the record as JSON text in plain ASCII, entries in the order of the dataclasses."""
    return dump(record, omit=() if record.hand_in else ("hand_in",))


def from_json(text: str | bytes) -> Record:
    """Read a record; RecordError if it is damaged or of another schema. Unknown entries are ignored."""
    record = parse(Record, text)
    if record.schema != SCHEMA:
        raise RecordError(f"it has schema {record.schema}, this grader reads {SCHEMA}")
    return record


def read_record(path: Path) -> Record:
    """Read the record in a file; RecordError as in `from_json`, OSError if the file cannot be read."""
    if path.stat().st_size > MOST_BYTES:
        raise RecordError(f"it has more than {MOST_BYTES >> 20} MiB")
    return from_json(path.read_bytes())


def dump(value: object, omit: tuple[str, ...] = ()) -> str:
    """Return a frozen dataclass as JSON text, without the entries in `omit`."""
    tree = dataclasses.asdict(value)  # type: ignore[call-overload]
    return json.dumps({key: part for key, part in tree.items() if key not in omit}, indent=1, allow_nan=False) + "\n"


def parse(kind: type[T], text: str | bytes) -> T:
    """Read a frozen dataclass from JSON text; RecordError, in one line, names the first invalid entry."""
    try:
        return _adapter(kind).validate_json(text, strict=True)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(f"{f'entry {where}' if where else 'JSON'}: {first['msg']}") from None


_adapter: Callable[[type], TypeAdapter] = cache(TypeAdapter)  # building one takes milliseconds
