"""What `batch` and `grade` wrote, as the exports need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.classroom.batch import EARLIER, RECORD, STUDENTS
from autograder.classroom.class_file import EMPTY_ROW, FILE, ClassFile, ClassFileError, StudentRow, read_class_file
from autograder.classroom.summary import with_grade
from autograder.exports import ExportError
from autograder.grading.record import HandIn, Record, RecordError, from_json

MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Result:
    """One student. `row`: of class.json. `folder`: where the record is, None if there is none. `file`: its name."""

    row: StudentRow
    folder: Path | None
    file: str = RECORD

    def final(self, bonus: bool = True) -> float:
        """Points after what lateness costs, bonus points included unless they are not wanted."""
        return round(self.row.final.points + (self.row.final.bonus if bonus else 0.0), 6)

    @property
    def loss(self) -> float:
        """The part of the points that lateness took."""
        return (self.row.late.loss if self.row.late else None) or 0.0

    @property
    def path(self) -> Path:
        """The record's file; there is one if there is a grade."""
        return (self.folder or Path()) / self.file

    def record(self) -> Record:
        """The record; ExportError if it is missing or damaged."""
        return read_record(self.path, "run the batch again, it writes it anew")


@dataclass(frozen=True)
class Results:
    """A class. `whole`: all of class.json."""

    students: list[Result]
    whole: ClassFile


def read_results(folder: Path) -> Results:
    """Read the folder that `batch --out` wrote; ExportError if it is not one."""
    try:
        whole = read_class_file(folder)
    except ClassFileError as problem:
        raise ExportError(str(problem)) from None
    return Results([Result(row, folder / row.folder if row.graded else None) for row in whole.students], whole)


def of_record(path: Path) -> Result:
    """Return the result of one record, which may be of a single `grade`; ExportError if it cannot be read."""
    record = read_record(path, "check the path")
    hand_in = record.hand_in or HandIn(key=record.submission.owner)
    owner = record.submission.owner
    key = hand_in.key or owner
    row = replace(
        EMPTY_ROW,
        key=key,
        name=owner if owner != key else "",  # a batch writes the name there if it knows it
        standing=hand_in.standing,
        late=hand_in.late,
    )
    return Result(with_grade(row, record), path.parent, path.name)


def graded_in(paths: Sequence[Path]) -> list[Result]:
    """Everybody in these folders of batches, folders of records, and records.

    What lies in a batch's folder goes by its class.json: records of earlier runs may lie there, too.

    Raises:
        ExportError: there is none, one cannot be read, or one is of an earlier run.
    """
    found: list[Result] = []
    for path in paths:
        home = _batch_around(path)
        found += _named(path, home) if home else _below(path)
    return found


def _named(path: Path, home: Path) -> list[Result]:
    """Whoever class.json names of what is at or below a path in the batch's folder `home`."""
    place = path.resolve()
    students = read_results(home).students
    if place in (home, home / STUDENTS):
        return students
    own = [result for result in students if (home / result.row.folder) in (place, place.parent)]
    if not own:
        raise ExportError(f"{path} is of an earlier run, {home / FILE} does not name it; give who is in the class")
    return own


def _below(path: Path) -> list[Result]:
    """Everybody whose record is at or below a path; a batch's folder on the way is taken as a whole."""
    records = sorted(path.rglob(RECORD)) if path.is_dir() else [path]
    if not records:
        raise ExportError(f"{path} holds no {RECORD}; give what 'grade --out' or 'batch --out' wrote")
    found: list[Result] = []
    seen: set[Path] = set()
    for record in records:
        home = _batch_around(record)
        if home is None:
            found.append(of_record(record))
        elif home not in seen:
            seen.add(home)
            found += read_results(home).students
    return found


def _batch_around(path: Path) -> Path | None:
    """The batch's folder that this is, or that this student's folder or record lies in; None if there is none."""
    place = path.resolve()
    if (place / FILE).is_file():
        return place
    above = [folder for folder in (place, *place.parents[:2]) if folder.name in (STUDENTS, EARLIER)]
    return next((folder.parent for folder in above if (folder.parent / FILE).is_file()), None)


def read_record(path: Path, advice: str) -> Record:
    """Read a record; ExportError, in one line, if it cannot be read, with the advice if it is missing."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ExportError(f"{path} is too large for a record; give the record.json of --out")
        return from_json(path.read_bytes())
    except OSError as problem:
        raise ExportError(f"{path} cannot be read ({problem.strerror}); {advice}") from None
    except RecordError as problem:
        raise ExportError(f"{path} is not a record of this grader ({problem}); give the record.json of --out") from None
