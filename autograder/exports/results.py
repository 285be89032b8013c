"""Read the output of `batch` and `grade` for the exports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.classroom.batch import EARLIER, RECORD, STUDENTS
from autograder.classroom.class_file import EMPTY_ROW, FILE, ClassFile, ClassFileError, StudentRow, read_class_file
from autograder.classroom.summary import with_grade
from autograder.exports import ExportError
from autograder.grading.record import HandIn, Record, RecordError, read_record


@dataclass(frozen=True)
class Result:
    """One student. `row`: entry in class.json. `folder`: folder of the record, None without one. `file`: its name."""

    row: StudentRow
    folder: Path | None
    file: str = RECORD

    def final(self, bonus: bool = True) -> float:
        """Points after the deduction for lateness, with or without bonus points."""
        return round(self.row.final.points + (self.row.final.bonus if bonus else 0.0), 6)

    @property
    def loss(self) -> float:
        """The fraction of the points that is deducted for lateness."""
        return (self.row.late.loss if self.row.late else None) or 0.0

    @property
    def path(self) -> Path:
        """Path of the record, which exists if there is a grade."""
        return (self.folder or Path()) / self.file

    def record(self) -> Record:
        """The record; ExportError if it is missing or damaged."""
        return _read(self.path, "run the batch again, which writes it")


@dataclass(frozen=True)
class Results:
    """A class. `whole`: the contents of class.json."""

    students: list[Result]
    whole: ClassFile


def read_results(folder: Path) -> Results:
    """Read the output folder of a batch; ExportError if it is not one."""
    try:
        whole = read_class_file(folder)
    except ClassFileError as problem:
        raise ExportError(str(problem)) from None
    return Results([Result(row, folder / row.folder if row.graded else None) for row in whole.students], whole)


def of_record(path: Path) -> Result:
    """Return the result of one record, also of a single `grade`; ExportError if it cannot be read."""
    record = _read(path, "check the path")
    hand_in = record.hand_in or HandIn(key=record.submission.owner)
    owner = record.submission.owner
    key = hand_in.key or owner
    row = replace(
        EMPTY_ROW,
        key=key,
        name=owner if owner != key else "",  # a batch writes the student's name there, if it is known
        standing=hand_in.standing,
        late=hand_in.late,
    )
    return Result(with_grade(row, record), path.parent, path.name)


def graded_in(paths: Sequence[Path]) -> list[Result]:
    """All students of these output folders, folders of records, and records.

    In the output folder of a batch only the students of its class.json count, since it may contain records of earlier
    runs, too.

    Raises:
        ExportError: there is no record, one cannot be read, or one is of an earlier run.
    """
    found: list[Result] = []
    for path in paths:
        batch = _batch_of(path)
        found += _students_at(path, batch) if batch else _records_below(path)
    return found


def _students_at(path: Path, batch: Path) -> list[Result]:
    """The students of class.json whose folder is at, below or around a path in the output folder `batch`."""
    resolved = path.resolve()
    students = read_results(batch).students
    if resolved in (batch, batch / STUDENTS):
        return students
    found = [result for result in students if (batch / result.row.folder) in (resolved, resolved.parent)]
    if not found:
        raise ExportError(f"{path}: it is of an earlier run and not in {batch / FILE}; give a student of the class")
    return found


def _records_below(path: Path) -> list[Result]:
    """All students whose record is at or below a path; the output folder of a batch counts as a whole."""
    records = sorted(path.rglob(RECORD)) if path.is_dir() else [path]
    if not records:
        raise ExportError(f"{path}: it contains no {RECORD}; give the output folder of 'grade --out' or 'batch --out'")
    found: list[Result] = []
    seen: set[Path] = set()
    for record in records:
        batch = _batch_of(record)
        if batch is None:
            found.append(of_record(record))
        elif batch not in seen:
            seen.add(batch)
            found += read_results(batch).students
    return found


def _batch_of(path: Path) -> Path | None:
    """The batch's output folder that this path is, or that contains this student's folder or record; None without."""
    resolved = path.resolve()
    if (resolved / FILE).is_file():
        return resolved
    above = [folder for folder in (resolved, *resolved.parents[:2]) if folder.name in (STUDENTS, EARLIER)]
    return next((folder.parent for folder in above if (folder.parent / FILE).is_file()), None)


def _read(path: Path, advice: str) -> Record:
    try:
        return read_record(path)
    except OSError as problem:
        raise ExportError(f"{path}: it cannot be read ({problem.strerror}); {advice}") from None
    except RecordError as problem:
        raise ExportError(f"{path}: it is not a record ({problem}); give the record.json of --out") from None
