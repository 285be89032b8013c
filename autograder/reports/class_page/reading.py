"""Read the folder of a batch beside class.json: the flags of the records, and the submitted files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assignment.manifest import Manifest
from autograder.classroom.batch import RECORD
from autograder.classroom.class_file import StudentRow
from autograder.grading.record import RecordError, from_json
from autograder.intake import IntakeError, read_submission

KEPT = ("handed_in.py", "handed_in.ipynb")


def read_flags(folder: Path, rows: Sequence[StudentRow]) -> tuple[dict[str, list[str]], list[str]]:
    """The flags of the records by student, and the students whose record cannot be read."""
    flags: dict[str, list[str]] = {}
    unread: list[str] = []
    for row in rows:
        if not row.flags:
            continue
        try:
            flags[row.key] = list(from_json((folder / row.folder / RECORD).read_bytes()).flags)
        except (OSError, RecordError):
            unread.append(row.key)
    return flags, unread


def read_sources(folder: Path, rows: Sequence[StudentRow], manifest: Manifest) -> dict[str, str]:
    """The text of each different file by its hash, in the order of the rows, without files that cannot be read."""
    sources: dict[str, str] = {}
    for row in rows:
        if not row.sha256 or row.sha256 in sources:
            continue
        for name in KEPT:
            try:
                submission = read_submission(folder / row.folder / name, manifest)
            except IntakeError:
                continue
            if submission.sha256 == row.sha256:  # the other file may be an earlier attempt
                sources[row.sha256] = submission.source
    return sources
