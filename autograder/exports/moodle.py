"""Moodle: fill grades and feedback comments into the offline grading worksheet of an assignment.

In Moodle, tick "Feedback comments" and "Offline grading worksheet" in the settings of the assignment; "Download grading
worksheet" writes the file, "Upload grading worksheet" reads it. Moodle only recognises the English column names, so
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
    """Fill the grade and the comment of each graded student.

    Moodle refuses more than the maximum grade, so bonus points count up to it.

    Args:
        results: the class. sheet: Moodle's worksheet. comment: returns the lines of a student's comment.
        bonus: whether to add bonus points. scale: whether to scale the points to the maximum of the sheet.

    Raises:
        ExportError: the sheet is not a grading worksheet. OptionError: the maximum differs and `scale` is False.
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
        raise ExportError(f"{sheet.name}: it has no rows of students; download it again")
    worth = _worth(rows, most, sheet.name)
    times = factor(worth, results.whole.possible.points, scale, sheet.name)

    def put(result: Result, row: list[Cell]) -> str:
        if allowed is not None and row[allowed].value.strip().casefold() in NO:
            return "Moodle says that the grade cannot be changed; the row is not changed"
        row[grade].fill(number(min(result.final(bonus) * times, worth), like=row[most].value))
        if comments is not None:
            row[comments].fill(as_html(comment(result)))
        return ""

    finder = Finder([_student(row, ids, names, emails) for row in rows])
    return fill(results, sheet, finder, max(grade, most, comments or 0, allowed or 0), put)


def as_html(lines: list[str]) -> str:
    """Lines of plain text as one cell for Moodle, without markup and formulas."""
    return guarded("<br>".join(html.escape(guarded(line, 1000)) for line in lines), 20_000)


def _student(row: list[Cell], ids: list[int], names: list[int], emails: list[int]) -> Student:
    keys = [row[i].value.strip().removeprefix("Participant ") for i in ids if i < len(row)]
    name, email = (next((row[i].value.strip() for i in columns if i < len(row)), "") for columns in (names, emails))
    return Student(row, tuple(key for key in keys if key), name, email)


def _worth(rows: list[list[Cell]], most: int, name: str) -> float:
    found = {parsed(row[most].value) for row in rows}
    if None in found:
        raise ExportError(f"{name}: its maximum grade is not a number; grade the assignment in points, not on a scale")
    if len(found) > 1:
        raise ExportError(f"{name}: its rows have different maximum grades; download it again")
    return next((value for value in found if value is not None), 0.0)
