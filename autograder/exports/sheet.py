"""A platform's own table, taken apart so that single cells can be filled and every other byte stays as it was.

Python's `csv` forgets how a cell was quoted and how a line ended; platforms compare that when a sheet comes back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assignment.text import one_line
from autograder.exports import ExportError
from autograder.intake.roster import Person, Roster

MOST_BYTES = 64 << 20
DELIMITERS = ",;\t"
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # how a cell begins that a spreadsheet calculates, the wide forms included
MARK = "\ufeff"  # UTF-8's byte order mark


@dataclass
class Cell:
    """One cell. `raw`: as it stands in the file; `end`: what follows, a delimiter or the end of a line."""

    raw: str
    end: str

    @property
    def value(self) -> str:
        """What the cell says, without the quotation marks."""
        if not self.raw.startswith('"'):
            return self.raw
        inner, _, rest = self.raw[1:].rpartition('"')
        return inner.replace('""', '"') + rest

    def fill(self, value: str) -> None:
        """Put in another value; quotation marks are kept, and added where they are needed."""
        if self.raw.startswith('"') or any(c in value for c in '",;\t\r\n') or value != value.strip():
            value = '"' + value.replace('"', '""') + '"'
        self.raw = value


class Sheet:
    """The table of a file: rows of cells, the header first.

    Args:
        text: of the file. name: of the file, for messages.

    Raises:
        ExportError: a quotation mark is never closed.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.mark = MARK if text.startswith(MARK) else ""
        text = text.removeprefix(MARK)
        first = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
        self.delimiter = max(DELIMITERS, key=first.count)
        self.rows = _rows(text, self.delimiter, name)

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [cell.value.strip() for cell in self.rows[0]] if self.rows else []

    def text(self) -> str:
        """The file again."""
        return self.mark + "".join(cell.raw + cell.end for row in self.rows for cell in row)


def read(path: Path) -> Sheet:
    """Read a downloaded table; ExportError if there is none, or it is no CSV in UTF-8."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError as problem:
        raise ExportError(f"the sheet {path} cannot be read ({problem.strerror}); check the path") from None
    if not data.strip():
        raise ExportError(f"the sheet {path} is empty or has more than {MOST_BYTES >> 20} MB; download it again")
    if b"\0" in data:
        raise ExportError(f"the sheet {path} is no CSV; download it as CSV, not as a spreadsheet")
    try:
        return Sheet(data.decode("utf-8"), str(path))
    except UnicodeDecodeError:
        raise ExportError(
            f"the sheet {path} is not UTF-8; give it as the platform wrote it, not as Excel saved it"
        ) from None


def _rows(text: str, delimiter: str, name: str) -> list[list[Cell]]:
    ends = rf"{re.escape(delimiter)}|\r\n|\n|\r|\Z"
    plain = rf"[^{re.escape(delimiter)}\r\n]*"
    pattern = re.compile(rf'("(?:[^"]|"")*"{plain}|{plain})({ends})')
    rows: list[list[Cell]] = []
    row: list[Cell] = []
    place = 0
    while place < len(text):
        match = pattern.match(text, place)
        if match is None or (match[1].startswith('"') and match[1].count('"') < 2):
            raise ExportError(f"the sheet {name} has a quotation mark in row {len(rows) + 1} that is never closed")
        row.append(Cell(match[1], match[2]))
        place = match.end()
        if match[2] != delimiter:
            rows.append(row)
            row = []
    if row:  # the file ends with a delimiter: one empty cell more
        rows.append([*row, Cell("", "")])
    return rows


@dataclass(frozen=True)
class Student:
    """A row of a sheet and who it is: identifiers in the order in which they are trusted, name, e-mail."""

    row: list[Cell]
    ids: tuple[str, ...]
    name: str
    email: str


class Finder:
    """Finds the row of a student. Nobody is guessed: where several rows fit, all of them are told."""

    def __init__(self, students: Sequence[Student]) -> None:
        self.people = [Person(s.ids[0] if s.ids else "", s.name, s.email, s.ids[1:]) for s in students]
        self._rows = {id(person): student.row for person, student in zip(self.people, students, strict=True)}
        self._names = {id(student.row): student.name for student in students}
        self._roster = Roster(self.people)

    def find(self, keys: Sequence[str], name: str, email: str) -> list[list[Cell]]:
        """A student's rows: those with the first of these identifiers that the sheet has, else those with the name."""
        for key, called in [*((key, "") for key in (*keys, email)), ("", name)]:
            if found := self._roster.find(key, called):
                return [self._rows[id(person)] for person in found]
        return []

    def name_of(self, row: list[Cell]) -> str:
        """The name in one of the rows, "" if the sheet has none."""
        return self._names[id(row)]


def guarded(text: str, limit: int = 500) -> str:
    """A text that no spreadsheet takes for a formula: printable, on one line, marked where it looks like one."""
    text = one_line(text, limit)
    return f"'{text}" if text.startswith(FORMULA) else text


def number(value: float, like: str = "") -> str:
    """A grade with at most two decimals, with the decimal comma of `like` if that has one."""
    text = f"{round(value + 1e-9, 2):.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if "," in like and "." not in like else text


def parsed(text: str) -> float | None:
    """The number in a cell, None if there is none."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
