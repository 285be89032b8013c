"""Summarise a class for `class.json`: one row per student, and statistics."""

from __future__ import annotations

import datetime
import platform
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace

from assignment.checking.outcome import FAILED, PASSED, SKIPPED
from assignment.manifest import Manifest
from assignment.text import counted
from autograder.classroom.class_file import (
    EMPTY_ROW,
    GRADED,
    PROBLEM_KINDS,
    SCHEMA,
    ClassFile,
    MisconceptionSummary,
    MissingStudent,
    Points,
    Problem,
    RowTask,
    RunMeasured,
    StudentRow,
    TaskSummary,
    TestSummary,
)
from autograder.grading.record import AssignmentVersion, Attempt, HandIn, LateResult, Possible, Record
from autograder.grading.values import valid
from autograder.intake.classes import Class, Student
from autograder.intake.lateness import after_loss


class Summary:
    """Collects the students of a class and their grades.

    Args:
        manifest: the assignment. deadline: ISO 8601; None for no deadline.
    """

    def __init__(self, manifest: Manifest, deadline: str | None = None) -> None:
        self.manifest, self.deadline = manifest, deadline
        self.rows: dict[str, StudentRow] = {}
        self._tests: dict[tuple[str, str], tuple[str, Counter[str]]] = {}  # by task and name: behaviour, statuses
        self._misconceptions: dict[str, set[str]] = defaultdict(set)

    def add(self, student: Student, record: Record | None, state: str = GRADED, problem: str = "") -> None:
        """Add a student: with a record, or with the reason why there is none."""
        row = _row(student, record, state, problem)
        for task, test in record.tests() if record else ():
            self._tests.setdefault((task.id, test.name), (test.behaviour, Counter()))[1][test.status] += 1
            if test.misconception:
                self._misconceptions[test.misconception].add(student.key)
        self.rows[student.key] = row

    def running(self) -> str:
        """The grades so far, in one line."""
        points = [row.points for row in self.rows.values() if row.graded]
        if not points:
            return "no grades yet"
        full = sum(value >= self.manifest.points for value in points)
        without = len(self.rows) - len(points)
        text = f"mean {statistics.fmean(points):.1f}, median {statistics.median(points):g} of {self.manifest.points:g}"
        return f"{text}, {full} full" + (f", {without} without a grade" if without else "")

    def class_file(self, members: Class, hashes: tuple[str, str], isolation: str, measured: RunMeasured) -> ClassFile:
        """Return the summary. `hashes`: of the grader and of the assignment."""
        rows = tuple(self.rows[student.key] for student in members.students if student.key in self.rows)
        misconceptions = sorted(self._misconceptions.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        tests = [
            TestSummary(task, name, behaviour, statuses[PASSED], statuses[FAILED], statuses[SKIPPED])
            for (task, name), (behaviour, statuses) in self._tests.items()
        ]
        return ClassFile(
            schema=SCHEMA,
            assignment=AssignmentVersion(self.manifest.title, self.manifest.version),
            possible=Possible(self.manifest.points, self.manifest.bonus_points),
            platform=members.platform,
            grader=hashes[0],
            assignment_hash=hashes[1],
            isolation=isolation,
            deadline=self.deadline,
            students=rows,
            missing=tuple(MissingStudent(one.id, one.name, one.email) for one in members.missing),
            problems=tuple(self.problems(members)),
            tasks=tuple(self._task(task.id, rows) for task in self.manifest.tasks),
            tests=tuple(sorted(tests, key=lambda test: (-test.failed, test.passed, test.task, test.name))),
            misconceptions=tuple(
                MisconceptionSummary(name, len(keys), tuple(sorted(keys))) for name, keys in misconceptions
            ),
            identical=tuple(map(tuple, _identical(members.students))),
            measured=measured,
        )

    def problems(self, members: Class) -> list[Problem]:
        """Everything that needs the instructor's attention."""
        return (_untimed(members.students) if self.deadline else []) + _problems(members, self.rows)

    def _task(self, task_id: str, rows: Iterable[StudentRow]) -> TaskSummary:
        task = self.manifest.task(task_id)
        entries = [row.tasks[task_id] for row in rows if task_id in row.tasks]
        states = Counter(entry.state for entry in entries)
        return TaskSummary(
            id=task.id,
            number=task.number,
            title=task.title,
            bonus=task.bonus,
            possible=task.points,
            graded=len(entries),
            mean=round(statistics.fmean(entry.earned for entry in entries), 6) if entries else None,
            states=dict(sorted(states.items())),
        )


def run_measured(seconds: float, graded: int, files: int, taken_over: int) -> RunMeasured:
    """Return the measurements of a run, with date and machine."""
    return RunMeasured(
        date=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        machine=f"{platform.system()} {platform.machine()}",
        seconds=round(seconds, 3),
        graded=graded,
        files=files,
        taken_over=taken_over,
    )


def hand_in(student: Student) -> HandIn:
    """Return the record's entry about where the file came from and how late it is."""
    late = student.late
    return HandIn(
        key=valid(student.key),
        where=valid(student.where),
        standing=student.standing,
        submitted=student.submitted or None,
        late=None if late is None else LateResult(late.days, late.loss),
        file=valid(student.latest.where) if student.latest else None,
        earlier=tuple(Attempt(valid(attempt.where), attempt.sha256) for attempt in student.earlier),
        notes=tuple(map(valid, student.notes)),
    )


def flagged(flags: Iterable[str]) -> list[str]:
    """The distinct imports and names of a record's flags without line numbers: "import os" of "line 3: import os"."""
    return list(dict.fromkeys(flag.partition(": ")[2] or flag for flag in flags))


def _row(student: Student, record: Record | None, state: str, problem: str) -> StudentRow:
    entry = hand_in(student)
    row = replace(
        EMPTY_ROW,
        key=entry.key,
        name=valid(student.name),
        email=valid(student.email),
        login=valid(student.login),
        folder=f"students/{student.folder}",
        standing=student.standing,
        state=state,
        problem=valid(problem),
        late=entry.late,
        sha256=student.latest.sha256 if student.latest else "",
        submitted=entry.submitted,
        attempts=len(student.earlier) + (student.latest is not None),
    )
    return row if record is None else with_grade(row, record)


def with_grade(row: StudentRow, record: Record) -> StudentRow:
    """Return a student's row with the values of the record; `late` of the row sets the final points."""
    loss = row.late.loss if row.late else None
    measured = [test.details.get("p_at_1_after") for _, test in record.tests()]
    return replace(
        row,
        state=GRADED,
        points=record.points,
        bonus=record.bonus,
        final=Points(after_loss(record.points, loss), after_loss(record.bonus, loss)),
        tasks={task.id: RowTask(task.earned, task.shown_state) for task in record.tasks},
        misconceptions=tuple(sorted({test.misconception for _, test in record.tests()} - {""})),
        flags=len(flagged(record.flags)),
        p_at_1=next((value for value in measured if isinstance(value, (int, float))), None),
        seconds=record.measured.seconds,
        cpu_seconds=record.measured.cpu_seconds,
        peak_mb=record.measured.peak_mb,
        processes=record.measured.processes,
    )


def _identical(students: Iterable[Student]) -> list[list[str]]:
    """Groups of students with identical files, by key; a group that shares one submission does not count."""
    same: dict[str, list[Student]] = defaultdict(list)
    for student in students:
        if student.latest is not None:
            same[student.latest.sha256].append(student)
    groups = (group for group in same.values() if len({student.where for student in group}) > 1)
    return sorted([student.key for student in group] for group in groups)


def _untimed(students: Iterable[Student]) -> list[Problem]:
    """The problem that a deadline cannot be applied without times of submission."""
    number = sum(not student.submitted and student.late is None for student in students)
    if not number:
        return []
    timeless = counted(number, "submission has no time and counts", "submissions have no time and count")
    return [Problem("deadline", "", f"a deadline is set, but {timeless} as submitted in time")]


def _problems(members: Class, rows: dict[str, StudentRow]) -> list[Problem]:
    found = [Problem("ignored", "", valid(note)) for note in members.notes]
    for student in members.students:
        key, row = valid(student.key), rows.get(student.key)
        if row is not None and row.problem:
            found.append(Problem(PROBLEM_KINDS[row.state], key, row.problem))
        if student.unclear:
            found.append(Problem(student.standing, key, valid(student.unclear)))
        if student.late is not None and student.late.loss is None:
            message = "the platform says late, but not by how much; nothing was deducted"
            found.append(Problem("late", key, message))
        found += [Problem("note", key, valid(note)) for note in student.notes]
    return found
