"""`python -m autograder export --nbgrader gradebook.db RECORD…`: from records on the disk into the gradebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from assignment.manifest import Manifest
from autograder.nbgrader import CourseError
from autograder.nbgrader.gradebook import Entry, Tree, Written, export, read_record, records_in
from autograder.nbgrader.grading import entry_of
from autograder.replay import source_beside
from autograder.reports import safe


def entries_of(paths: Sequence[Path], manifest: Manifest, student: str = "") -> list[Entry]:
    """Read records, and below folders all `record.json`.

    Args:
        paths: files and folders. manifest: tasks. student: whose the one record is, where it does not say.

    Raises:
        CourseError: something is no whole record of this assignment, or nobody knows whose it is.
    """
    files = records_in(paths)
    if student and len(files) != 1:
        raise CourseError(f"--student names whose the one record is, but there are {len(files)}: give one")
    entries = []
    for path in files:
        record = read_record(path)
        owner = student or owner_of(record)
        if not owner:
            raise CourseError(f"{path} does not say whose it is; add --student ID, as nbgrader calls them")
        record = {**record, "submission": {**record["submission"], "owner": owner}}
        try:
            entries.append(entry_of(record, manifest, source_beside(path, manifest)))
        except (KeyError, TypeError, AttributeError, ValueError) as problem:
            raise CourseError(f"{path} is no whole record of this assignment ({type(problem).__name__})") from None
    return entries


def owner_of(record: Tree) -> str:
    """The student's identifier: the one of a batch's hand-in, else the owner."""
    return str((record.get("hand_in") or {}).get("key") or record["submission"]["owner"])


def export_records(
    database: Path,
    paths: Sequence[Path],
    manifest: Manifest,
    console: Console,
    student: str = "",
    assignment: str = "",
    add_students: bool = False,
) -> list[Written]:
    """Export and print what was written; CourseError where nothing can be."""
    written = export(database, entries_of(paths, manifest, student), manifest, assignment, add_students)
    table = Table("student", "score", "late", "new grades", box=None, pad_edge=False, header_style="dim")
    for row in written:
        late = f"−{row.penalty:g}" if row.penalty else ""
        table.add_row(Text(safe.clean(row.student, 60)), f"{row.total:g}", late, str(row.changed))
    console.print(table)
    console.print(f"{len(written)} students in {database}", soft_wrap=True, highlight=False)
    return written
