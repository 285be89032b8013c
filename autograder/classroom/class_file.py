"""`class.json`: the result of a batch, as frozen dataclasses and as JSON.

Names, file names and messages are hostile, as in a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from autograder.grading.record import AssignmentVersion, LateResult, Number, Possible, RecordError, dump, parse

SCHEMA = 1
FILE = "class.json"
GRADED, UNUSABLE, CRASHED = "graded", "unusable", "crashed"  # the last: its sandbox crashed twice
PROBLEM_KINDS = {UNUSABLE: "nothing to grade", CRASHED: "grade by hand"}  # by state


class ClassFileError(ValueError):
    """class.json is missing or cannot be read; the message is one line that says what to do."""


@dataclass(frozen=True)
class Points:
    """Points after the deduction for lateness."""

    points: Number
    bonus: Number


@dataclass(frozen=True)
class RowTask:
    """One task of one student."""

    earned: Number
    state: str


@dataclass(frozen=True)
class StudentRow:
    """One student.

    Attributes:
        key: identifier. folder: relative to the output folder. standing: whether in the roster (see `HandIn`).
        state: GRADED, UNUSABLE or CRASHED; `problem` says why there is no grade.
        points, bonus: before the deduction for lateness. final: after it. tasks: by id.
        p_at_1: P@1 on unseen classes after training. attempts: number of submissions.
        seconds, cpu_seconds, peak_mb, processes: measured while grading; None without a grade.
    """

    key: str
    name: str
    email: str
    login: str
    folder: str
    standing: str
    state: str
    problem: str
    points: Number
    bonus: Number
    late: LateResult | None
    final: Points
    tasks: dict[str, RowTask]
    misconceptions: tuple[str, ...]
    flags: int
    p_at_1: Number | None
    sha256: str
    submitted: str | None
    attempts: int
    seconds: Number | None
    cpu_seconds: Number | None
    peak_mb: Number | None
    processes: int | None

    @property
    def graded(self) -> bool:
        """Whether there is a grade."""
        return self.state == GRADED


EMPTY_ROW = StudentRow(
    key="",
    name="",
    email="",
    login="",
    folder="",
    standing="",
    state=UNUSABLE,
    problem="",
    points=0.0,
    bonus=0.0,
    late=None,
    final=Points(0.0, 0.0),
    tasks={},
    misconceptions=(),
    flags=0,
    p_at_1=None,
    sha256="",
    submitted=None,
    attempts=0,
    seconds=None,
    cpu_seconds=None,
    peak_mb=None,
    processes=None,
)


@dataclass(frozen=True)
class MissingStudent:
    """A student of the roster without a submission."""

    key: str
    name: str
    email: str


@dataclass(frozen=True)
class Problem:
    """A problem that needs the instructor's attention. `who`: key of a student, "" for the class."""

    kind: str
    who: str
    message: str


@dataclass(frozen=True)
class TaskSummary:
    """Statistics of a task. `states`: state → number of students."""

    id: str
    number: int
    title: str
    bonus: bool
    possible: Number
    graded: int
    mean: Number | None
    states: dict[str, int]


@dataclass(frozen=True)
class TestSummary:
    """Statistics of a hidden test."""

    __test__ = False  # not a test of pytest's

    task: str
    name: str
    behaviour: str
    passed: int
    failed: int
    skipped: int


@dataclass(frozen=True)
class MisconceptionSummary:
    """A misconception and the students who have it."""

    id: str
    count: int
    students: tuple[str, ...]


@dataclass(frozen=True)
class RunMeasured:
    """Measurements, which differ from run to run."""

    date: str
    machine: str
    seconds: Number
    graded: int
    files: int
    taken_over: int


@dataclass(frozen=True)
class ClassFile:
    """The whole class.

    Attributes:
        grader, assignment_hash: hashes of the grader and of the manifest. isolation: back end of the sandbox.
        deadline: ISO 8601, None for none. identical: groups of students with identical files, by key.
    """

    schema: int
    assignment: AssignmentVersion
    possible: Possible
    platform: str
    grader: str
    assignment_hash: str
    isolation: str
    deadline: str | None
    students: tuple[StudentRow, ...]
    missing: tuple[MissingStudent, ...]
    problems: tuple[Problem, ...]
    tasks: tuple[TaskSummary, ...]
    tests: tuple[TestSummary, ...]
    misconceptions: tuple[MisconceptionSummary, ...]
    identical: tuple[tuple[str, ...], ...]
    measured: RunMeasured

    def to_json(self) -> str:
        """Contents of class.json."""
        return dump(self)


def read_class_file(folder: Path) -> ClassFile:
    """Read class.json in the output folder of a batch; ClassFileError if it is missing or cannot be used."""
    path = folder / FILE
    try:
        found = parse(ClassFile, path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise ClassFileError(f"{folder}: it contains no {FILE}; give the output folder of 'batch --out'") from None
    except OSError as problem:
        raise ClassFileError(f"{path}: it cannot be read ({problem.strerror}); check its permissions") from None
    except RecordError as problem:
        raise ClassFileError(f"{path}: it is damaged ({problem}); run the batch again, which writes it") from None
    if found.schema != SCHEMA:
        raise ClassFileError(
            f"{path}: it has schema {found.schema}, not {SCHEMA}; run the batch again with this grader"
        )
    return found
