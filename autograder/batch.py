"""Grade a whole class: each file once, on the disk before it counts, and on from there after whatever happened.

The order is: read what was handed in; take over from the journal what is done; grade the rest; give each student a
folder. A grade's record and its line in the journal are on the disk before the student's folder is touched, and a
folder that is missing or stale is written again from the record: whenever this is killed, the same command goes on and
ends with the same grades.
"""

from __future__ import annotations

import datetime
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from assignment.manifest import Manifest
from autograder import fingerprint
from autograder.intake import IntakeError, Submission
from autograder.intake.classes import Class, Student
from autograder.journal import Journal, JournalError, digest, write_whole
from autograder.places import move_aside
from autograder.summary import FELL, UNUSABLE, Summary, hand_in
from autograder.workers import Done, Job

Tree = dict[str, Any]
Publish = Callable[[Tree, str, Path], None]  # record, source, folder
Refuse = Callable[[str, str, str, Path], None]  # state, why there is no grade, name of the file, folder
STAMP = ".written"
RECORD = "record.json"
SUMMARY = "class.json"
STUDENTS, EARLIER = "students", "earlier"  # folders: of the class as it is, and what is out of date


class Graders(Protocol):
    """What grades the files: the processes of this machine, or those of a cluster."""

    def __enter__(self) -> Graders: ...

    def __exit__(self, *_: object) -> None: ...

    def run(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """Yield the results as they come."""


@dataclass(frozen=True)
class Order:
    """How files are graded. `assignment`, `grader`: hashes; `seed`: of all files, None for each file's own.

    `deadline`: after which hand-ins are late, None for none; it changes no grade.
    """

    manifest: Manifest
    assignment: str
    grader: str
    isolation: str
    seed: int | None = None
    tasks: tuple[str, ...] | None = None
    deadline: datetime.datetime | None = None

    def job(self, submission: Submission) -> Job:
        """The job of one submission; the same file is the same job, whoever handed it in."""
        seed = int(submission.sha256[:8], 16) % 2**31 if self.seed is None else self.seed
        file = f"{submission.sha256} {digest(submission.source)}"  # of a notebook the code depends on intake, too
        key = fingerprint.key(file, self.assignment, self.grader, seed, self.tasks, self.isolation)
        return Job(key, submission, seed, self.tasks)


@dataclass
class Report:
    """What a batch did: how many students were graded now, taken over, unusable, and how many felled their sandbox.

    `aside`: names of the students' folders that were out of date and are moved away.
    """

    graded: int = 0
    taken_over: int = 0
    files: int = 0
    unusable: int = 0
    fell: int = 0
    seconds: float = 0.0
    aside: list[str] = field(default_factory=list)
    summary: Path = field(default_factory=Path)


class Batch:
    """One run over one class into one folder.

    Args:
        handed: the class. order: how files are graded. journal: open, in the folder of the batch.
        publish: writes a student's reports. refuse: writes the page of one without a grade.
        watch: called with the summary whenever a student is done.
    """

    def __init__(
        self,
        handed: Class,
        order: Order,
        journal: Journal,
        publish: Publish,
        watch: Callable[[Summary], None] = lambda summary: None,
        refuse: Refuse = lambda state, problem, name, folder: None,
    ) -> None:
        self.handed, self.order, self.journal, self.publish, self.watch = handed, order, journal, publish, watch
        self.refuse = refuse
        self.summary = Summary(order.manifest, order.deadline is not None)
        self.report = Report()
        self._reports = fingerprint.of_reports()
        self._waiting: dict[str, list[Student]] = defaultdict(list)  # students by the key of their grade
        self._open: list[str] = []

    def clear(self) -> None:
        """Move folders aside whose students are not in the class any more; JournalError if that is not possible."""
        folder = self.journal.folder / STUDENTS
        own = {student.folder for student in self.handed.students}
        for found in sorted(folder.iterdir()) if folder.is_dir() else []:
            if found.is_dir() and found.name not in own:
                self._aside(found)

    def sort(self) -> int:
        """Read every file once; finish those whose grade is in the journal; return how many files are left to grade."""
        for student in self.handed.students:
            try:
                job = self._job(student)
            except IntakeError as problem:
                self._without(student, UNUSABLE, str(problem))
                continue
            if job.key in self._waiting:
                self._waiting[job.key].append(student)
            elif (text := self.journal.record(job.key)) is not None:
                self.report.taken_over += 1
                self._finish(student, json.loads(text))
            else:
                self._waiting[job.key].append(student)
                self._open.append(job.key)
        return len(self._open)

    def grade(self, crew: Graders) -> None:
        """Grade what is left.

        Raises:
            CrewError: the graders cannot be trusted. JournalError: a folder cannot be written. What is done stays done.
        """
        for done in crew.run(self._jobs()):
            students = self._waiting[done.key]
            if done.fault:
                for student in students:
                    self._without(student, FELL, f"grading it broke off ({done.fault}); grade it by hand")
                continue
            record = json.loads(done.record)
            facts = {name: record[name] for name in ("seed", "points", "bonus")}
            facts["submission"] = record["submission"]["sha256"]
            self.journal.add(done.key, done.record, {**facts, "grader": self.order.grader})
            self.report.files += 1
            self.report.graded += len(students)
            for student in students:
                self._finish(student, record)

    def close(self, measured: Tree) -> Path:
        """Write the class's summary; JournalError if it cannot be written."""
        path = self.journal.folder / SUMMARY
        order = self.order
        facts: Tree = {"grader": order.grader, "assignment_hash": order.assignment, "isolation": order.isolation}
        facts["deadline"] = order.deadline.isoformat() if order.deadline else None
        tree = self.summary.tree(self.handed, facts, measured)
        try:
            write_whole(path, json.dumps(tree, indent=1, allow_nan=False) + "\n")
        except OSError as problem:
            raise _unwritable(path, problem) from None
        return path

    def _job(self, student: Student) -> Job:
        """The job of a student's file as it is now; IntakeError if there is nothing to grade."""
        if student.latest is None:
            raise IntakeError(student.problem)
        return self.order.job(student.latest.read(self.order.manifest))

    def _jobs(self) -> Iterator[Job]:
        """Jobs of the files that are not graded yet, read when their turn comes."""
        for key in self._open:
            student = self._waiting[key][0]
            try:
                if (
                    student.latest is not None
                    and (job := self.order.job(student.latest.read(self.order.manifest))).key == key
                ):
                    yield job
                    continue
                problem = "the file changed while it was to be graded; run the batch again"
            except IntakeError as found:
                problem = str(found)
            for owner in self._waiting[key]:
                self._without(owner, UNUSABLE, problem)

    def _finish(self, student: Student, record: Tree) -> None:
        """Give a student the folder with the record as theirs and the reports."""
        name = student.latest.name if student.latest else ""
        submission = {**record["submission"], "name": name, "owner": student.name or student.key}
        own = {**record, "submission": submission, "hand_in": hand_in(student)}
        self._write(student, own)
        self.summary.add(student, own)
        self.watch(self.summary)

    def _write(self, student: Student, record: Tree) -> None:
        if (latest := student.latest) is None:
            return

        def fill(folder: Path) -> None:
            write_whole(folder / kept_name(latest.name), latest.path.read_bytes())
            self.publish(record, latest.read(self.order.manifest).source, folder)

        self._renew(student, json.dumps(record), fill)

    def _renew(self, student: Student, content: str, fill: Callable[[Path], None]) -> None:
        """Have a student's folder filled, unless its stamp says that just this content is there."""
        folder = self.journal.folder / STUDENTS / student.folder
        stamp = digest(content + self._reports)
        try:
            if (folder / STAMP).read_text(encoding="utf-8") == stamp:
                return
        except (OSError, UnicodeDecodeError):
            pass
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for rest in (folder / STAMP, *folder.glob(".*.new")):  # the latter of a run that was killed
                rest.unlink(missing_ok=True)
            fill(folder)
            write_whole(folder / STAMP, stamp)
        except OSError as problem:
            raise _unwritable(folder, problem) from None

    def _aside(self, folder: Path) -> None:
        try:
            move_aside(folder, self.journal.folder / EARLIER)
        except OSError as problem:
            raise _unwritable(folder, problem) from None
        self.report.aside.append(folder.name)

    def _without(self, student: Student, state: str, problem: str) -> None:
        """Note a student who gets no grade; an earlier one's reports must not stay where they would be sent out."""
        self.report.unusable += state == UNUSABLE
        self.report.fell += state == FELL
        folder = self.journal.folder / STUDENTS / student.folder
        if (folder / RECORD).exists():
            self._aside(folder)
        name = student.latest.name if student.latest else ""
        self._renew(student, f"{state} {problem}", lambda folder: self.refuse(state, problem, name, folder))
        self.summary.add(student, None, state, problem)
        self.watch(self.summary)


def run(batch: Batch, make_crew: Callable[[], Graders], meanwhile: Callable[[], object] = lambda: None) -> Report:
    """Clear, sort, grade and close; what is raised on the way leaves all that is done in the journal.

    `meanwhile` is called while the graders get ready.
    """
    start = time.monotonic()
    batch.clear()
    if batch.sort():
        with make_crew() as crew:
            meanwhile()
            batch.grade(crew)
    batch.report.seconds = time.monotonic() - start
    report = batch.report
    batch.report.summary = batch.close(
        {
            "seconds": round(report.seconds, 3),
            "graded": report.graded,
            "files": report.files,
            "taken_over": report.taken_over,
        }
    )
    return report


def kept_name(name: str) -> str:
    """Under which name a hand-in's bytes are kept beside its record."""
    return f"handed_in{Path(name).suffix.lower()}"


def _unwritable(path: Path, problem: OSError) -> JournalError:
    if isinstance(problem, JournalError):
        return problem
    reason = problem.strerror or str(problem)
    return JournalError(f"{path} cannot be written ({reason}); put that right and run it again: nothing done is lost")
