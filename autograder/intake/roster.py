"""The class list: a CSV as a learning platform or a person writes it, and who in it is meant by a hand-in."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from autograder.intake.submission import IntakeError

MOST_BYTES = 20 << 20
IDS = (
    "id number", "student id", "student number", "sis user id", "sid", "username", "user", "login", "login id",
    "sis login id", "netid", "student_id", "identifier", "github_username", "id", "user id",
)  # fmt: skip
EMAILS = ("email", "email address", "e-mail", "mail")
NAMES = ("full name", "name", "student", "student name", "display name")
FIRST, LAST = ("first name", "first_name", "given name"), ("last name", "last_name", "surname", "family name")


@dataclass(frozen=True)
class Person:
    """One student of the list. `id`: the first identifier of the row; `others`: everything else that names them."""

    id: str
    name: str
    email: str
    others: tuple[str, ...] = ()


class Roster:
    """The class list. `find` tells who is meant by what a platform wrote."""

    def __init__(self, people: list[Person]) -> None:
        self.people = people
        self._by_id: dict[str, list[Person]] = defaultdict(list)
        self._by_name: dict[str, list[Person]] = defaultdict(list)
        for person in people:
            for key in {normal(key) for key in (person.id, person.email, *person.others) if key}:
                self._by_id[key].append(person)
            for key in {normal(person.name), squeezed(person.name), squeezed(_last_first(person.name))} - {""}:
                self._by_name[key].append(person)

    def find(self, key: str, name: str, email: str = "") -> list[Person]:
        """Everybody whom these texts can mean, by identifier if one fits, else by name: one, none, or several."""
        for table, texts in (
            (self._by_id, (normal(key), normal(email))),
            (self._by_name, (normal(name), squeezed(name), normal(key))),
        ):
            for text in texts:
                if text and table.get(text):
                    return table[text]
        return []


def read_roster(path: Path) -> Roster:
    """Read a CSV with a header; columns are recognised by the names that platforms give them.

    Raises:
        IntakeError: it cannot be read, no column holds identifiers, a row has none, or two rows have the same.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
    except OSError as problem:
        raise IntakeError(f"the roster {path} cannot be read ({problem.strerror}); check the path") from None
    if not data.strip():
        raise IntakeError(
            f"the roster {path} is empty or has more than {MOST_BYTES >> 20} MB; give a CSV with a header"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise IntakeError(f"the roster {path} is not UTF-8; save it as CSV UTF-8") from None
    try:
        return Roster(_people(text, path))
    except csv.Error as problem:
        raise IntakeError(f"the roster {path} is no CSV ({problem})") from None


def _people(text: str, path: Path) -> list[Person]:
    first = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [cell.strip().casefold() for cell in next((row for row in rows if any(row)), [])]
    columns = {name: place for place, name in reversed(list(enumerate(header)))}
    ids = [columns[name] for name in IDS if name in columns]
    emails = [columns[name] for name in EMAILS if name in columns]
    if not ids and not emails:
        known = ", ".join(("id", "username", "SIS User ID", "email"))
        raise IntakeError(f"the roster {path} has no column with identifiers; call one {known} or the like")
    people: list[Person] = []
    lines: dict[str, int] = {}
    for row in rows:
        cells = [_tidy(cell) for cell in row] + [""] * (len(header) - len(row))
        name = _name(cells, columns)
        if not any(cells) or (name.casefold() == "points possible"):  # Canvas has a row of that kind
            continue
        keys = [key.removeprefix("Participant ") for key in (cells[i] for i in [*ids, *emails]) if key]
        if not keys:
            raise IntakeError(f"the roster {path} has no identifier in line {rows.line_num}; fill it in")
        if (earlier := lines.get(normal(keys[0]))) is not None:
            raise IntakeError(
                f"the roster {path} has '{keys[0][:60]}' in line {earlier} and in line {rows.line_num}; remove one"
            )
        lines[normal(keys[0])] = rows.line_num
        email = next((cells[i] for i in emails if cells[i]), "")
        people.append(Person(keys[0], name, email, tuple(keys[1:])))
    if not people:
        raise IntakeError(f"the roster {path} has a header and nobody in it; give one row per student")
    return people


def _name(cells: list[str], columns: dict[str, int]) -> str:
    whole = next((cells[columns[n]] for n in NAMES if n in columns and cells[columns[n]]), "")
    parts = [next((cells[columns[n]] for n in names if n in columns), "") for names in (FIRST, LAST)]
    return whole or " ".join(part for part in parts if part)


def _last_first(name: str) -> str:
    """The name as Canvas sorts it: last name first. "Ada B. Example" gives "Example Ada B."."""
    if "," in name:
        return name
    *first, last = name.split() or [""]
    return " ".join((last, *first))


def _tidy(cell: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in cell).split())[:200]


def normal(text: str) -> str:
    """A text in the form in which identifiers and names are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def squeezed(name: str) -> str:
    """A name as Canvas writes it in names of files: letters and digits, without case."""
    return "".join(c for c in normal(name) if c.isalnum())
