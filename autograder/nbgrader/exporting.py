"""`python -m autograder export --nbgrader gradebook.db RECORD…`: write records into the gradebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from assignment.manifest import Manifest, ManifestError
from assignment.text import counted, one_line
from autograder.exports import ExportError, OptionError
from autograder.exports.exclusions import certain, print_notes
from autograder.exports.results import Result, graded_in
from autograder.grading.replay import source_beside
from autograder.nbgrader.gradebook import Entry, Written, export
from autograder.nbgrader.grading import entry_of


def entries_of(paths: Sequence[Path], manifest: Manifest, student: str = "") -> tuple[list[Entry], list[str]]:
    """Read grades, and notes about students who are excluded: an entry in a gradebook is never removed.

    Args:
        paths: folders of batches, folders of records, and records. manifest: tasks. student: owner of the only record.

    Raises:
        OptionError: a record without an owner, or `student` with several records. ExportError: a file that is not a
            complete record of this assignment, or no students.
    """
    results = graded_in(paths)
    if student:
        if len(results) != 1:
            raise OptionError(f"--student: is for one record, but there are {len(results)}; give one")
        results = [replace(results[0], row=replace(results[0].row, key=student, standing=""))]
    if anonymous := next((result for result in results if not result.row.key), None):
        raise OptionError(f"{anonymous.path}: has no owner; add --student ID with the id in nbgrader")
    students, notes = certain(results)
    if not students:
        raise ExportError(
            f"gradebook: there is nothing to write; {notes[0]}"
            if notes
            else "gradebook: there are no submissions to write"
        )
    return [_entry(result, manifest) for result in students], notes


def _entry(result: Result, manifest: Manifest) -> Entry:
    """The entry of a student who has a grade; ExportError if it is not a complete record of this assignment."""
    record = result.record()
    if record.asked_tasks is not None:
        raise ExportError(f"{result.path}: contains only some tasks; grade without --task")
    try:
        record = replace(record, submission=replace(record.submission, owner=result.row.key))
        entry = entry_of(record, manifest, source_beside(result.path, manifest))
    except ManifestError as problem:
        raise ExportError(f"{result.path}: a record of another assignment; {problem}") from None
    return replace(entry, name=result.row.name, email=result.row.email)


def export_records(
    database: Path,
    paths: Sequence[Path],
    manifest: Manifest,
    console: Console,
    student: str = "",
    assignment: str = "",
    add_students: bool = False,
) -> list[Written]:
    """Write the records and print a table; ExportError or CourseError if nothing can be written."""
    entries, notes = entries_of(paths, manifest, student)
    written = export(database, entries, manifest, assignment, add_students)
    table = Table("student", "score", "late", "new grades", box=None, pad_edge=False, header_style="dim")
    for row in written:
        late = f"−{row.penalty:g}" if row.penalty else ""
        table.add_row(Text(one_line(row.student, 60)), f"{row.total:g}", late, str(row.changed))
    console.print(table)
    console.print(f"{database}: {counted(len(written), 'student')}", soft_wrap=True, highlight=False, markup=False)
    print_notes(notes, console)
    return written
