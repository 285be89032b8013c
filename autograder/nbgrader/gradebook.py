"""Write grades into nbgrader's gradebook with its API; manual scores and comments are never changed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assignment.manifest import Manifest
from assignment.text import one_line
from autograder.exports import OptionError
from autograder.exports.sheet import guarded
from autograder.grading.record import Record
from autograder.nbgrader import CourseError, check_cell, course_id

MOST = 127  # characters of a name or an address: the column has 128, `guarded` may add one


@dataclass(frozen=True)
class Entry:
    """One student's grades for the gradebook.

    Attributes:
        student: nbgrader's id. scores: points by task id. comments: Markdown by id of the cell.
        penalty: points subtracted for lateness, None if unknown. submitted: when, ISO 8601 in UTC.
        name, email: of the student, "" if unknown.
    """

    student: str
    scores: dict[str, float]
    comments: dict[str, str] = field(default_factory=dict)
    penalty: float | None = None
    submitted: str | None = None
    name: str = ""
    email: str = ""


@dataclass(frozen=True)
class Written:
    """What was written for one student; `changed`: the number of grades that differ from before."""

    student: str
    total: float
    penalty: float
    changed: int


def scores_of(record: Record) -> dict[str, float]:
    """Points by task."""
    return {task.id: float(task.earned) for task in record.tasks}


def export(
    database: Path, entries: Sequence[Entry], manifest: Manifest, assignment: str = "", add_students: bool = False
) -> list[Written]:
    """Write entries into a gradebook file; repeating it changes nothing.

    Args:
        database: the course's `gradebook.db`. entries: one per student. manifest: what tasks are worth.
        assignment: of the gradebook; by default the course's own name. add_students: create unknown students.

    Raises:
        CourseError: the file does not exist, is no gradebook, has another assignment or notebook, is locked or cannot
            be written; or a student has two entries. OptionError: unknown students. Nothing has been written then.
    """
    if not database.is_file():
        raise CourseError(f"{database}: does not exist; run 'nbgrader generate_assignment' in the course's folder")
    seen: set[str] = set()
    for entry in entries:
        if entry.student in seen:
            raise CourseError(f"student '{entry.student}': has two records; give the one that counts")
        seen.add(entry.student)
    name = assignment or course_id(manifest)
    from sqlalchemy.exc import DatabaseError, SAWarning, SQLAlchemyError

    try:
        with warnings.catch_warnings(), open_gradebook(f"sqlite:///{database.resolve()}") as book:
            warnings.simplefilter("ignore", SAWarning)  # about how nbgrader adds a submission
            require_cells(book, name, manifest, entries)
            known = {student.id for student in book.students}
            unknown = sorted(seen - known)
            if unknown and not add_students:
                more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
                raise OptionError(
                    f"{database}: does not contain the students {', '.join(unknown[:5])}{more}; add them with "
                    "'nbgrader db student add', or with --add-students"
                )
            for student in unknown:
                book.add_student(student)
            for entry in entries:
                fill_in_names(book, entry)
            return [enter(book, name, manifest, entry) for entry in entries]
    except SQLAlchemyError as problem:
        reason = str(problem.orig) if isinstance(problem, DatabaseError) else type(problem).__name__
        raise CourseError(f"{database}: cannot be used as a gradebook; {one_line(reason)}") from None


def fill_in_names(book: Any, entry: Entry) -> None:
    """Write a student's name and e-mail address where the gradebook has none."""
    student = book.find_student(entry.student)
    first, last = first_and_last(entry.name)
    for column, text in (("first_name", first), ("last_name", last), ("email", entry.email)):
        if text and not getattr(student, column):
            setattr(student, column, guarded(text, MOST))  # nbgrader's own export writes it into a CSV as it is


def first_and_last(name: str) -> tuple[str, str]:
    """A full name as nbgrader's two columns: split at the comma if there is one, else before the last word."""
    if "," in name:
        last, _, first = name.partition(",")
    else:
        first, _, last = name.strip().rpartition(" ")
    return first.strip(), last.strip()


def open_gradebook(url: str) -> Any:
    """nbgrader's Gradebook; CourseError if nbgrader is not installed."""
    try:
        from nbgrader.api import Gradebook
    except ImportError:
        raise CourseError("nbgrader: not installed; run 'python -m pip install nbgrader'") from None
    return Gradebook(url)


def require_cells(book: Any, assignment: str, manifest: Manifest, entries: Sequence[Entry]) -> None:
    """Raise CourseError if the cells of the gradebook's notebook are not those of this assignment."""
    from nbgrader.api import MissingEntry

    notebook = course_id(manifest)
    advice = "run 'python -m autograder release --nbgrader' and 'nbgrader generate_assignment' again"
    try:
        cells = {cell.name: cell.max_score for cell in book.find_notebook(notebook, assignment).grade_cells}
    except MissingEntry:
        raise CourseError(
            f"gradebook: contains no notebook '{notebook}' of an assignment '{assignment}'; {advice}"
        ) from None
    points = {task.id: 0.0 if task.bonus else float(task.points) for task in manifest.with_checkpoint().tasks}
    for task in sorted({task for entry in entries for task in entry.scores}):
        if task not in points:
            raise CourseError(f"task '{task}' of a record: not in the manifest; grade again")
        if cells.get(check_cell(task)) != points[task]:
            held = cells.get(check_cell(task))
            found = f"is worth {held:g}" if held is not None else "is missing"
            raise CourseError(f"cell '{check_cell(task)}' of the gradebook: {found}, not {points[task]:g}; {advice}")


def enter(book: Any, assignment: str, manifest: Manifest, entry: Entry) -> Written:
    """Write one entry into an open gradebook; the student has to be in it.

    Automatic scores, comments and the penalty are replaced. Manual scores, extra credit and manual comments are kept; a
    manual score whose automatic score has changed is marked as needing manual grading.
    """
    notebook = course_id(manifest)
    when = {} if entry.submitted is None else {"timestamp": entry.submitted}
    submission = book.update_or_create_submission(assignment, entry.student, **when)
    changed = 0
    for task in manifest.with_checkpoint().tasks:
        grade = book.find_grade(check_cell(task.id), notebook, assignment, entry.student)
        score = entry.scores.get(task.id, grade.auto_score or 0.0)  # a checkpoint may have been judged another time
        new = grade.auto_score != score
        changed += new
        grade.needs_manual_grade = grade.manual_score is not None and (new or grade.needs_manual_grade)
        grade.auto_score = score
    for cell, text in entry.comments.items():
        comment = book.find_comment(cell, notebook, assignment, entry.student)
        if comment.auto_comment != text:
            comment.auto_comment = text
    if entry.penalty is not None:
        book.find_submission_notebook(notebook, assignment, entry.student).late_submission_penalty = entry.penalty
    book.db.commit()
    book.db.refresh(submission)
    return Written(entry.student, float(submission.score), float(submission.late_submission_penalty), changed)
