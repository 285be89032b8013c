"""What platforms give, made up for tests of intake, and a class read from it."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from assignment.manifest import load
from autograder.intake.classes import Class, Student, read_class
from autograder.intake.lateness import Rule, rule
from autograder.intake.roster import Roster, read_roster


def folder_of(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """A folder with these files."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def zip_of(path: Path, files: Mapping[str, str | bytes]) -> Path:
    """A zip with these files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def roster_of(path: Path, text: str) -> Roster:
    """The roster that this text is, read from `path`."""
    path.write_text(text, encoding="utf-8")
    return read_roster(path)


def reader(tmp_path: Path) -> Callable[..., Class]:
    """What reads a class as the batch does, unpacking below `tmp_path`."""

    def read(source: Path, roster: Roster | None = None, late: Rule | None = None, assignment: str = "") -> Class:
        scratch = Path(tempfile.mkdtemp(prefix="scratch", dir=tmp_path))
        return read_class(source, scratch, load(), late or rule(load()), roster, assignment)

    return read


def by_key(handed: Class) -> dict[str, Student]:
    """The students by their keys, which are as different as their folders."""
    assert len({student.key for student in handed.students}) == len(handed.students)
    assert len({student.folder.casefold() for student in handed.students}) == len(handed.students)
    return {student.key: student for student in handed.students}


def source_of(student: Student) -> str:
    """The text that is graded."""
    assert student.latest is not None, student.problem
    return student.latest.read(load()).source


def lines(handed: Class) -> list[str]:
    """All that the instructor is told, each a line."""
    told = [text for s in handed.students for text in (s.unclear, s.problem, *s.notes) if text] + handed.notes
    assert not any("\n" in line for line in told)
    return told
