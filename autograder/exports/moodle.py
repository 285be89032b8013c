"""Moodle: the offline grading worksheet of an assignment, filled with grades and feedback comments.

In Moodle: the assignment's settings have "Feedback comments" and "Offline grading worksheet" ticked; "Download grading
worksheet" gives the file, "Upload grading worksheet" takes it back. Moodle knows the columns by their English names, so
download it with the language set to English.
"""

from __future__ import annotations

import html
from collections.abc import Callable

from autograder.exports import ExportError
from autograder.exports.filling import Filled, factor, fill, need
from autograder.exports.results import Result, Results
from autograder.exports.sheet import Cell, Finder, Sheet, Student, guarded, number, parsed

WHAT = "grading worksheet of Moodle (download it in English)"
OTHER_IDS = ("id number", "username", "student id")
NO = ("no", "n", "0")


def fill_moodle(
    results: Results, sheet: Sheet, comment: Callable[[Result], list[str]], bonus: bool = True, scale: bool = False
) -> Filled:
    """Fill the grade and the comment of everybody who has a grade.

    Moodle refuses more than the maximum grade, so bonus points count up to it.

    Args:
        results: the class. sheet: as Moodle gave it. comment: lines of the comment for one student.
        bonus: whether bonus points count. scale: whether points become parts of another maximum.

    Raises:
        ExportError: it is another sheet. OptionError: the maximum differs and `scale` is False.
    """
    header = [name.casefold() for name in sheet.header]
    who, grade, most = need(sheet.header, ("Identifier", "Grade", "Maximum Grade"), sheet.name, WHAT)
    names = [header.index(n) for n in ("full name",) if n in header]
    emails = [header.index(n) for n in ("email address",) if n in header]
    ids = [who, *(i for i, n in enumerate(header) if n in OTHER_IDS)]
    comments = header.index("feedback comments") if "feedback comments" in header else None
    allowed = header.index("grade can be changed") if "grade can be changed" in header else None
    rows = [row for row in sheet.rows[1:] if len(row) > max(who, grade, most)]
    if not rows:
        raise ExportError(f"{sheet.name} has a header and nobody in it; download it again")
    worth = _worth(rows, most, sheet.name)
    times = factor(worth, results.whole.possible.points, scale, sheet.name)

    def put(result: Result, row: list[Cell]) -> str:
        if allowed is not None and row[allowed].value.strip().casefold() in NO:
            return "Moodle says that the grade cannot be changed; the row is left as it was"
        row[grade].fill(number(min(result.final(bonus) * times, worth), like=row[most].value))
        if comments is not None:
            row[comments].fill(as_html(comment(result)))
        return ""

    finder = Finder([_student(row, ids, names, emails) for row in rows])
    return fill(results, sheet, finder, max(grade, most, comments or 0, allowed or 0), put)


def as_html(lines: list[str]) -> str:
    """Lines of plain text as Moodle shows them: one cell, one line of the file, nothing that is markup or a formula."""
    return guarded("<br>".join(html.escape(guarded(line, 1000)) for line in lines), 20_000)


def _student(row: list[Cell], ids: list[int], names: list[int], emails: list[int]) -> Student:
    keys = [row[i].value.strip().removeprefix("Participant ") for i in ids if i < len(row)]
    name, email = (next((row[i].value.strip() for i in places if i < len(row)), "") for places in (names, emails))
    return Student(row, tuple(key for key in keys if key), name, email)


def _worth(rows: list[list[Cell]], most: int, name: str) -> float:
    found = {parsed(row[most].value) for row in rows}
    if None in found:
        raise ExportError(f"{name} has no number as maximum grade: grade the assignment in points, not on a scale")
    if len(found) > 1:
        raise ExportError(f"{name} has rows with different maximum grades; download it again")
    return next((value for value in found if value is not None), 0.0)
