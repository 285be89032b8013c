"""Write grades into nbgrader's gradebook, through its own API. What a person wrote there is never touched."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assignment.manifest import Manifest
from autograder.nbgrader import CourseError, check_cell, course_id
from autograder.record import SCHEMA

Tree = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One student's grades, on their way into the gradebook.

    Attributes:
        student: nbgrader's id. scores: points by task id. comments: Markdown by id of the cell.
        penalty: points taken off for being late, None where nothing is known. submitted: when, ISO 8601 in UTC.
    """

    student: str
    scores: dict[str, float]
    comments: dict[str, str] = field(default_factory=dict)
    penalty: float | None = None
    submitted: str | None = None


@dataclass(frozen=True)
class Written:
    """What was written for one student, and how many grades of it are new."""

    student: str
    total: float
    penalty: float
    changed: int


def read_record(path: Path) -> Tree:
    """Read a `record.json`; CourseError, in one line, if it is none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise CourseError(f"{path} cannot be read: {problem.strerror}") from None
    except (ValueError, RecursionError):
        raise CourseError(f"{path} is no record: it is not JSON") from None
    if not isinstance(record, dict) or not {"schema", "submission", "tasks"} <= set(record):
        raise CourseError(f"{path} is no record of this grader; give the record.json of --out")
    if record["schema"] != SCHEMA:
        raise CourseError(f"{path} is a record of schema {record['schema']}, this grader writes {SCHEMA}: grade again")
    if record["asked_tasks"] is not None:
        raise CourseError(f"{path} holds only some tasks; grade without --task")
    return record


def records_in(paths: Sequence[Path]) -> list[Path]:
    """The record files among and below these paths, sorted."""
    found = []
    for path in paths:
        below = sorted(path.rglob("record.json")) if path.is_dir() else [path]
        if not below:
            raise CourseError(f"{path} holds no record.json; give the folder that grading wrote")
        found += below
    return found


def scores_of(record: Tree) -> dict[str, float]:
    """Points by task."""
    return {entry["id"]: float(entry["earned"]) for entry in record["tasks"]}


def export(
    database: Path, entries: Sequence[Entry], manifest: Manifest, assignment: str = "", add_students: bool = False
) -> list[Written]:
    """Write entries into a gradebook file. Doing it again changes nothing.

    Args:
        database: the course's `gradebook.db`. entries: one per student. manifest: what tasks are worth.
        assignment: of the gradebook; by default the course's own name. add_students: create unknown students.

    Raises:
        CourseError: no such file, not a gradebook, another assignment or notebook, two entries of a student, unknown
            students, a gradebook that is locked or cannot be written. Before the first student nothing is written.
    """
    if not database.is_file():
        raise CourseError(f"{database} does not exist; run 'nbgrader generate_assignment' in the course's folder first")
    seen: set[str] = set()
    for entry in entries:
        if entry.student in seen:
            raise CourseError(f"two records of the student '{entry.student}'; give the one that counts")
        seen.add(entry.student)
    name = assignment or course_id(manifest)
    from sqlalchemy.exc import DatabaseError, SAWarning, SQLAlchemyError

    try:
        with warnings.catch_warnings(), open_gradebook(f"sqlite:///{database.resolve()}") as book:
            warnings.simplefilter("ignore", SAWarning)  # of how nbgrader adds a submission; nobody can act on it
            require_cells(book, name, manifest, entries)
            known = {student.id for student in book.students}
            unknown = sorted(seen - known)
            if unknown and not add_students:
                more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
                raise CourseError(
                    f"students unknown to {database}: {', '.join(unknown[:5])}{more}; add them with "
                    "'nbgrader db student add', or with --add-students"
                )
            for student in unknown:
                book.add_student(student)
            return [enter(book, name, manifest, entry) for entry in entries]
    except SQLAlchemyError as problem:
        reason = str(problem.orig) if isinstance(problem, DatabaseError) else type(problem).__name__
        raise CourseError(f"{database} cannot be used as a gradebook: {' '.join(reason.split())}") from None


def open_gradebook(url: str) -> Any:
    """nbgrader's Gradebook; CourseError where nbgrader is not installed."""
    try:
        from nbgrader.api import Gradebook
    except ImportError:
        raise CourseError("nbgrader is not installed: python -m pip install nbgrader") from None
    return Gradebook(url)


def require_cells(book: Any, assignment: str, manifest: Manifest, entries: Sequence[Entry]) -> None:
    """Raise CourseError where the gradebook's notebook is not this assignment's."""
    from nbgrader.api import MissingEntry

    notebook = course_id(manifest)
    advice = "run 'python -m autograder release --nbgrader' and 'nbgrader generate_assignment' again"
    try:
        cells = {cell.name: cell.max_score for cell in book.find_notebook(notebook, assignment).grade_cells}
    except MissingEntry:
        raise CourseError(
            f"the gradebook has no notebook '{notebook}' of an assignment '{assignment}'; {advice}"
        ) from None
    points = {task.id: 0.0 if task.bonus else float(task.points) for task in manifest.with_checkpoint().tasks}
    for task in sorted({task for entry in entries for task in entry.scores}):
        if task not in points:
            raise CourseError(f"a record holds the task '{task}', which the manifest does not have: grade again")
        if cells.get(check_cell(task)) != points[task]:
            held = cells.get(check_cell(task))
            found = f"is worth {held:g}" if held is not None else "is missing"
            raise CourseError(f"in the gradebook the cell '{check_cell(task)}' {found}, not {points[task]:g}; {advice}")


def enter(book: Any, assignment: str, manifest: Manifest, entry: Entry) -> Written:
    """Write one entry into an open gradebook; the student has to be in it.

    Automatic scores, comments and the penalty are replaced. Manual scores, extra credit and manual comments stay
    as they are; a manual score whose automatic one has changed is marked to be looked at again.
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
