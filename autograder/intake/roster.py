"""Read the class list, a CSV of a learning platform or a person, and look people up in it."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assignment.text import one_line
from autograder.intake.errors import IntakeError

MOST_BYTES = 20 << 20
IDS = (
    "id number", "student id", "student number", "sis user id", "sid", "username", "user", "login", "login id",
    "sis login id", "netid", "student_id", "github_username", "id", "user id", "identifier",
)  # fmt: skip
LOGINS = ("username", "user", "login", "login id", "sis login id", "netid")  # names for logging in
# Columns with the numbers that a platform uses in names of files; they are compared only with such numbers.
MOODLE_IDS, CANVAS_IDS = ("identifier",), ("id", "user id")
PARTICIPANT = re.compile(r"Participant (\d+)")
EMAILS = ("email", "email address", "e-mail", "mail")
NAMES = ("full name", "name", "student", "student name", "display name")
FIRST, LAST = ("first name", "first_name", "given name"), ("last name", "last_name", "surname", "family name")


@dataclass(frozen=True)
class Person:
    """One student of the list.

    Attributes:
        id: the first identifier of the row. name, email, login: "" if unknown. others: further identifiers.
        moodle, canvas: identifiers that may be the numbers of these platforms.
    """

    id: str
    name: str
    email: str
    others: tuple[str, ...] = ()
    moodle: tuple[str, ...] = ()
    canvas: tuple[str, ...] = ()
    login: str = ""

    def __str__(self) -> str:
        """Name and identifier, for messages."""
        return f"{self.name} ({self.id})" if self.name else self.id


class Roster:
    """The class list, searchable by identifier and name."""

    def __init__(self, people: list[Person]) -> None:
        self.people = people
        self._by_id = _table([(person, (person.id, person.email, *person.others)) for person in people])
        self._by_number = {
            "moodle": _table([(person, person.moodle) for person in people]),
            "canvas": _table([(person, person.canvas) for person in people]),
        }
        self._by_name = _table([(person, _forms(person.name)) for person in people])

    def find(self, key: str, name: str, email: str = "") -> list[Person]:
        """Everybody whom these texts could mean: by identifier if one fits, else by name."""
        return (
            self.by_identifier(key)
            or self.by_identifier(email)
            or self.by_name(name)
            or self._by_name.get(normal(key), [])
        )

    def by_identifier(self, text: str, platform: str = "") -> list[Person]:
        """Everybody with this identifier; with a `platform` that has its own numbers, with this number there."""
        return self._by_number.get(platform, self._by_id).get(normal(text), [])

    def by_name(self, name: str) -> list[Person]:
        """Everybody with this name, also in the form that Canvas uses in names of files."""
        return self._by_name.get(normal(name)) or self._by_name.get(squeezed(name), [])


def _table(people: Sequence[tuple[Person, Sequence[str]]]) -> dict[str, list[Person]]:
    """People by each of their texts."""
    table: dict[str, list[Person]] = defaultdict(list)
    for person, texts in people:
        for text in {normal(text) for text in texts} - {""}:
            table[text].append(person)
    return dict(table)


def read_roster(path: Path) -> Roster:
    """Read a CSV with a header; columns are recognised by the names that platforms use.

    Raises:
        IntakeError: it cannot be read, has no column of identifiers, or a row has none or that of another row.
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
    return Roster(_people(text, path))


def _people(text: str, path: Path) -> list[Person]:
    rows = _rows(text, path)
    header = [cell.strip().casefold() for cell in next((row for _, row in rows if any(row)), [])]
    columns = {name: place for place, name in reversed(list(enumerate(header)))}
    ids, emails, moodle, canvas = (
        [columns[name] for name in names if name in columns] for names in (IDS, EMAILS, MOODLE_IDS, CANVAS_IDS)
    )
    if not ids and not emails:
        known = ", ".join(("id", "username", "SIS User ID", "email"))
        raise IntakeError(f"the roster {path} has no column with identifiers; name a column {known} or similar")
    people: list[Person] = []
    lines: dict[str, int] = {}
    for line, row in rows:
        cells = [one_line(cell, 200) for cell in row] + [""] * (len(header) - len(row))
        name = _name(cells, columns)
        if not any(cells) or (name.casefold() == "points possible"):  # a row in the exports of Canvas
            continue
        participants = {i: match[1] for i in ids if (match := PARTICIPANT.fullmatch(cells[i]))}
        cells = [participants.get(i, cell) for i, cell in enumerate(cells)]
        keys = [cells[i] for i in [*ids, *emails] if cells[i]]
        if not keys:
            raise IntakeError(f"the roster {path} has no identifier in line {line}; fill it in")
        if (earlier := lines.get(normal(keys[0]))) is not None:
            raise IntakeError(
                f"the roster {path} has '{keys[0][:60]}' in line {earlier} and in line {line}; remove one"
            )
        lines[normal(keys[0])] = line
        email = next((cells[i] for i in emails if cells[i]), "")
        of_moodle = (*participants.values(), *(cells[i] for i in moodle))
        login = next((cells[columns[one]] for one in LOGINS if one in columns and cells[columns[one]]), "")
        of_canvas = tuple(cells[i] for i in canvas)
        people.append(Person(keys[0], name, email, tuple(keys[1:]), of_moodle, of_canvas, login))
    if not people:
        raise IntakeError(f"the roster {path} has only a header; give one row per student")
    return people


def _rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of the table, each with the number of its first line; IntakeError if it is not a CSV."""
    first = text.lstrip("\r\n").split("\n", 1)[0]
    # strict: otherwise an unclosed quotation mark hides the following rows
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    line = 1
    try:
        for row in rows:
            yield line, row
            line = rows.line_num + 1
    except csv.Error as problem:
        raise IntakeError(
            f"the roster {path} is not a CSV from line {line} on ({problem}); close the quotation mark there"
        ) from None


def _name(cells: list[str], columns: dict[str, int]) -> str:
    whole = next((cells[columns[n]] for n in NAMES if n in columns and cells[columns[n]]), "")
    parts = [next((cells[columns[n]] for n in names if n in columns), "") for names in (FIRST, LAST)]
    return whole or " ".join(part for part in parts if part)


def _forms(name: str) -> tuple[str, ...]:
    """The forms of a name that platforms use: "Ada B. Example", "Example, Ada B.", "exampleadab"."""
    if "," in name:
        last, _, first = name.partition(",")
        return (name, squeezed(name), f"{first} {last}", squeezed(first + last))
    *others, end = name.split() or [""]
    return (name, squeezed(name), squeezed(" ".join((end, *others))))


def agree(name: str, other: str) -> bool:
    """Whether two names could be of one person: the words of one are among those of the other, ignoring accents.

    One of them may be without spaces, as in names of files of Canvas.
    """
    one, two = (_words(text) for text in (name, other))
    return set(one) <= set(two) or set(two) <= set(one) or _made_of(one, two) or _made_of(two, one)


def _words(name: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", normal(name)) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def _made_of(squeezed_words: list[str], words: list[str]) -> bool:
    """Whether the first name, without spaces, consists of words of the second one."""
    rest = "".join(squeezed_words)
    for word in sorted(words, key=len, reverse=True):
        rest = rest.replace(word, "", 1)
    return not rest


def normal(text: str) -> str:
    """A text in the form in which identifiers and names are compared: NFKC, casefolded, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def squeezed(name: str) -> str:
    """A name as Canvas writes it in names of files: letters and digits, casefolded."""
    return "".join(c for c in normal(name) if c.isalnum())
