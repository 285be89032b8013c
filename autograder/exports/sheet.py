"""Parse a platform's CSV so that single cells can be filled and all other bytes stay the same.

Python's `csv` does not keep the quoting of cells and the ends of lines, which some platforms compare.
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
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # first characters of a formula, full-width forms included
MARK = "\ufeff"  # UTF-8's byte order mark


@dataclass
class Cell:
    """One cell. `raw`: its text in the file; `end`: the delimiter or the end of the line after it."""

    raw: str
    end: str

    @property
    def value(self) -> str:
        """The value, without quotation marks."""
        if not self.raw.startswith('"'):
            return self.raw
        inner, _, rest = self.raw[1:].rpartition('"')
        return inner.replace('""', '"') + rest

    def fill(self, value: str) -> None:
        """Replace the value; quotation marks are kept, and added if they are needed."""
        if self.raw.startswith('"') or any(c in value for c in '",;\t\r\n') or value != value.strip():
            value = '"' + value.replace('"', '""') + '"'
        self.raw = value


class Sheet:
    """The table in a file: rows of cells, the header first.

    Args:
        text: contents of the file. name: its name, for messages.

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
        """Contents of the file."""
        return self.mark + "".join(cell.raw + cell.end for row in self.rows for cell in row)


def read(path: Path) -> Sheet:
    """Read a downloaded table; ExportError if it is missing or not CSV in UTF-8."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError as problem:
        raise ExportError(f"{path}: the sheet cannot be read ({problem.strerror}); check the path") from None
    if not data.strip():
        raise ExportError(f"{path}: the sheet is empty or has more than {MOST_BYTES >> 20} MiB; download it again")
    if b"\0" in data:
        raise ExportError(f"{path}: the sheet is not CSV; download it as CSV, not as a spreadsheet")
    try:
        return Sheet(data.decode("utf-8"), str(path))
    except UnicodeDecodeError:
        raise ExportError(
            f"{path}: the sheet is not UTF-8; give the file of the platform, not one saved by Excel"
        ) from None


def _rows(text: str, delimiter: str, name: str) -> list[list[Cell]]:
    ends = rf"{re.escape(delimiter)}|\r\n|\n|\r|\Z"
    plain = rf"[^{re.escape(delimiter)}\r\n]*"
    pattern = re.compile(rf'("(?:[^"]|"")*"{plain}|{plain})({ends})')
    rows: list[list[Cell]] = []
    row: list[Cell] = []
    start = 0
    while start < len(text):
        match = pattern.match(text, start)
        if match is None or (match[1].startswith('"') and match[1].count('"') < 2):
            raise ExportError(
                f"{name}: a quotation mark in row {len(rows) + 1} of the sheet is never closed; download it again"
            )
        row.append(Cell(match[1], match[2]))
        start = match.end()
        if match[2] != delimiter:
            rows.append(row)
            row = []
    if row:  # the file ends with a delimiter, after which there is an empty cell
        rows.append([*row, Cell("", "")])
    return rows


@dataclass(frozen=True)
class Student:
    """A row of a sheet and its student: identifiers, the most reliable first, name, e-mail."""

    row: list[Cell]
    ids: tuple[str, ...]
    name: str
    email: str


class Finder:
    """Finds the row of a student; all matching rows if there are several."""

    def __init__(self, students: Sequence[Student]) -> None:
        self.people = [Person(s.ids[0] if s.ids else "", s.name, s.email, s.ids[1:]) for s in students]
        self._rows = {id(person): student.row for person, student in zip(self.people, students, strict=True)}
        self._names = {id(student.row): student.name for student in students}
        self._roster = Roster(self.people)

    def find(self, keys: Sequence[str], name: str, email: str) -> list[list[Cell]]:
        """A student's rows: those with the first identifier that is in the sheet, else those with the name."""
        for key, called in [*((key, "") for key in (*keys, email)), ("", name)]:
            if found := self._roster.find(key, called):
                return [self._rows[id(person)] for person in found]
        return []

    def name_of(self, row: list[Cell]) -> str:
        """The name in a row, "" if the sheet has none."""
        return self._names[id(row)]


def guarded(text: str, limit: int = 500) -> str:
    """A text that no spreadsheet evaluates: one printable line, with a quote in front if it looks like a formula."""
    text = one_line(text, limit)
    return f"'{text}" if text.startswith(FORMULA) else text


def number(value: float, like: str = "") -> str:
    """A grade with at most two decimals, with a decimal comma if `like` has one."""
    text = f"{round(value + 1e-9, 2):.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if "," in like and "." not in like else text


def parsed(text: str) -> float | None:
    """The number in a cell, None if it is not a number."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
