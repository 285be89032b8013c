"""Grade a class: each file once, with all grades in a journal, so that an interrupted batch can be continued.

A batch reads the submissions, takes existing grades from the journal, grades the rest, and writes a folder for each
student. A grade's record and its line in the journal are on the disk before the student's folder is written, and a
folder that is missing or out of date is written again from the record. If a batch is killed at any moment, the same
command continues it and ends with the same grades.
"""

from __future__ import annotations

import datetime
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pydantic import JsonValue

from assignment.files import write_whole
from assignment.manifest import Manifest
from autograder.classroom.class_file import CRASHED, FILE, UNUSABLE
from autograder.classroom.folders import move_aside
from autograder.classroom.journal import Journal, digest, unwritable
from autograder.classroom.summary import Summary, hand_in, run_measured
from autograder.classroom.workers import Done, Job, WorkerError
from autograder.grading import fingerprint
from autograder.grading.record import Record, RecordError, from_json, to_json
from autograder.grading.replay import KEPT
from autograder.grading.values import valid
from autograder.intake import IntakeError, Submission
from autograder.intake.classes import Class, Student

Publish = Callable[[Record, str, Path], None]  # writes reports: record, source, folder
Refuse = Callable[[str, str, str, Path], None]  # writes the page without a grade: state, reason, file name, folder
STAMP = ".written"  # hash of what a student's folder was written from
RECORD = "record.json"
STUDENTS, EARLIER = "students", "earlier"  # folders of the current class, and outdated ones


class Pool(Protocol):
    """Grades files: with processes of this machine, or on a cluster."""

    def __enter__(self) -> Pool: ...

    def __exit__(self, *_: object) -> None: ...

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the results as they are finished."""


@dataclass(frozen=True)
class GradingOptions:
    """How files are graded.

    Attributes:
        assignment, grader: hashes. seed: seed of all files, None for the default seed of each file.
        deadline: submissions after it are late, None for no deadline; it changes no grade.
    """

    manifest: Manifest
    assignment: str
    grader: str
    isolation: str
    seed: int | None = None
    tasks: tuple[str, ...] | None = None
    deadline: datetime.datetime | None = None

    def job(self, submission: Submission) -> Job:
        """The job of one submission; equal files are one job, whoever submitted them."""
        seed = fingerprint.default_seed(submission.sha256) if self.seed is None else self.seed
        file = f"{submission.sha256} {digest(submission.source)}"  # the source of a notebook depends on intake, too
        key = fingerprint.key(file, self.assignment, self.grader, seed, self.tasks, self.isolation)
        return Job(key, submission, seed, self.tasks)


@dataclass
class Report:
    """Result of a batch.

    Attributes:
        graded, taken_over, crashed: numbers of students: graded now, graded by an earlier run, whose file crashed the
            sandbox twice. files: number of different files graded now.
        unreadable: grades of the journal that could not be read. aside: names of students' folders that were moved.
    """

    graded: int = 0
    taken_over: int = 0
    files: int = 0
    crashed: int = 0
    unreadable: int = 0
    seconds: float = 0.0
    aside: list[str] = field(default_factory=list)
    summary: Path = field(default_factory=Path)


class Batch:
    """One run for one class into one output folder.

    Args:
        members: the class. options: how files are graded. journal: the open journal in the output folder.
        publish: writes a student's reports. refuse: writes the page of a student without a grade.
        watch: called with the summary after each student.
    """

    def __init__(
        self,
        members: Class,
        options: GradingOptions,
        journal: Journal,
        publish: Publish,
        watch: Callable[[Summary], None] = lambda summary: None,
        refuse: Refuse = lambda state, problem, name, folder: None,
    ) -> None:
        self.members, self.options, self.journal = members, options, journal
        self.publish, self.watch, self.refuse = publish, watch, refuse
        self.summary = Summary(options.manifest, options.deadline.isoformat() if options.deadline else None)
        self.report = Report()
        self._reports = fingerprint.of_reports()
        self._waiting: dict[str, list[Student]] = defaultdict(list)  # students by the key of their grade
        self._open: list[str] = []

    def clear(self) -> None:
        """Move away the folders of students who left the class; JournalError if that fails."""
        folder = self.journal.folder / STUDENTS
        current = {student.folder for student in self.members.students}
        for found in sorted(folder.iterdir()) if folder.is_dir() else []:
            if found.is_dir() and found.name not in current:
                self._move_aside(found)

    def sort(self) -> int:
        """Read every file; finish students whose grade is in the journal; return how many files are left to grade."""
        for student in self.members.students:
            try:
                job = self._job(student)
            except IntakeError as problem:
                self._no_grade(student, UNUSABLE, str(problem))
                continue
            if job.key in self._waiting:
                self._waiting[job.key].append(student)
            elif (record := self._recorded(job.key)) is not None:
                self.report.taken_over += 1
                self._finish(student, record)
            else:
                self._waiting[job.key].append(student)
                self._open.append(job.key)
        return len(self._open)

    def grade(self, pool: Pool) -> None:
        """Grade the files that are left.

        Raises:
            WorkerError: the graders cannot be trusted. JournalError: a folder cannot be written. Finished grades are
            kept in either case.
        """
        for done in pool.run(self._jobs()):
            students = self._waiting[done.key]
            if done.fault:
                for student in students:
                    self._no_grade(student, CRASHED, f"it crashed the sandbox ({done.fault}); grade it by hand")
                continue
            try:
                record = from_json(done.record)
            except RecordError as problem:
                raise WorkerError(f"the record of a worker cannot be read: {problem}") from None
            facts: dict[str, JsonValue] = {"seed": record.seed, "points": record.points, "bonus": record.bonus}
            facts |= {"submission": record.submission.sha256, "grader": self.options.grader}
            self.journal.add(done.key, done.record, facts)
            self.report.files += 1
            self.report.graded += len(students)
            for student in students:
                self._finish(student, record)

    def close(self) -> Path:
        """Write the class's summary; JournalError if it cannot be written."""
        path, options, report = self.journal.folder / FILE, self.options, self.report
        hashes = (options.grader, options.assignment)
        measured = run_measured(report.seconds, report.graded, report.files, report.taken_over)
        found = self.summary.class_file(self.members, hashes, options.isolation, measured)
        try:
            write_whole(path, found.to_json())
        except OSError as problem:
            raise unwritable(path, problem) from None
        return path

    def _recorded(self, key: str) -> Record | None:
        """The grade in the journal, None if there is none that can be read; the file is then graded again."""
        text = self.journal.record(key)
        try:
            return None if text is None else from_json(text)
        except RecordError:
            self.report.unreadable += 1
            return None

    def _job(self, student: Student) -> Job:
        """The job of a student's file; IntakeError if there is nothing to grade."""
        if student.latest is None:
            raise IntakeError(student.problem)
        return self.options.job(student.latest.read(self.options.manifest))

    def _jobs(self) -> Iterator[Job]:
        """Jobs of the files that are left, each read only when a worker is free."""
        for key in self._open:
            student = self._waiting[key][0]
            try:
                if (
                    student.latest is not None
                    and (job := self.options.job(student.latest.read(self.options.manifest))).key == key
                ):
                    yield job
                    continue
                problem = "the file changed during the batch; run the batch again"
            except IntakeError as found:
                problem = str(found)
            for owner in self._waiting[key]:
                self._no_grade(owner, UNUSABLE, problem)

    def _finish(self, student: Student, record: Record) -> None:
        """Write a student's folder: record, reports and a copy of the submitted file."""
        if (latest := student.latest) is None:
            return
        submission = replace(record.submission, name=valid(latest.name), owner=valid(student.name or student.key))
        personal = replace(record, submission=submission, hand_in=hand_in(student))

        def fill(folder: Path) -> None:
            write_whole(folder / f"{KEPT}{Path(latest.name).suffix.lower()}", latest.path.read_bytes())
            self.publish(personal, latest.read(self.options.manifest).source, folder)

        self._renew(student, to_json(personal), fill)
        self.summary.add(student, personal)
        self.watch(self.summary)

    def _renew(self, student: Student, content: str, fill: Callable[[Path], None]) -> None:
        """Fill a student's folder, unless its stamp says that it has this content already."""
        folder = self.journal.folder / STUDENTS / student.folder
        stamp = digest(content + self._reports)
        try:
            if (folder / STAMP).read_text(encoding="utf-8") == stamp:
                return
        except (OSError, UnicodeDecodeError):
            pass
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for rest in (folder / STAMP, *folder.glob(".*.[0-9]*")):  # the latter are of a run that was killed
                rest.unlink(missing_ok=True)
            fill(folder)
            write_whole(folder / STAMP, stamp)
        except OSError as problem:
            raise unwritable(folder, problem) from None

    def _move_aside(self, folder: Path) -> None:
        try:
            move_aside(folder, self.journal.folder / EARLIER)
        except OSError as problem:
            raise unwritable(folder, problem) from None
        self.report.aside.append(folder.name)

    def _no_grade(self, student: Student, state: str, problem: str) -> None:
        """Note a student without a grade; the reports of an earlier grade are moved, so that nobody returns them."""
        self.report.crashed += state == CRASHED
        folder = self.journal.folder / STUDENTS / student.folder
        if (folder / RECORD).exists():
            self._move_aside(folder)
        name = student.latest.name if student.latest else ""
        self._renew(student, f"{state} {problem}", lambda folder: self.refuse(state, problem, name, folder))
        self.summary.add(student, None, state, problem)
        self.watch(self.summary)


def run(batch: Batch, make_pool: Callable[[], Pool], meanwhile: Callable[[], object] = lambda: None) -> Report:
    """Run a batch from start to end; after an exception all finished grades are in the journal.

    `meanwhile` is called while the graders start.
    """
    start = time.monotonic()
    batch.clear()
    if batch.sort():
        with make_pool() as pool:
            meanwhile()
            batch.grade(pool)
    batch.report.seconds = time.monotonic() - start
    batch.report.summary = batch.close()
    return batch.report
