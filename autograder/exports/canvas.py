"""Canvas: fill the column of one assignment in the gradebook, a CSV file.

In Canvas, Grades → Export writes the file, and Grades → Import reads it and shows the changes before it applies them.
"""

from __future__ import annotations

import difflib
import re

from autograder.exports import ExportError, OptionError
from autograder.exports.filling import Filled, factor, fill, need
from autograder.exports.results import Result, Results
from autograder.exports.sheet import Cell, Finder, Sheet, Student, number, parsed

WHAT = "gradebook of Canvas"
IDS = ("id", "sis user id", "sis login id", "integration id")
ASSIGNMENT = re.compile(r"(.+) \((\d+)\)")
POINTS, READ_ONLY = "points possible", "(read only)"
BEFORE_STUDENTS = 4  # rows: the header, sometimes how grades are posted, the points possible


def fill_canvas(
    results: Results, sheet: Sheet, column: str = "", title: str = "", bonus: bool = True, scale: bool = False
) -> Filled:
    """Fill the grades of one assignment. Canvas accepts more than the points possible.

    Args:
        results: the class. sheet: Canvas's gradebook. column: name or number of the assignment; "" if there is only
            one, or one called `title`. bonus: whether to add bonus points. scale: whether to scale the points to the
            maximum of the sheet.

    Raises:
        ExportError: the sheet is not a gradebook. OptionError: the column is ambiguous, or the maximum differs and
            `scale` is False.
    """
    need(sheet.header, ("Student", "ID", "Section"), sheet.name, WHAT)
    start = next((i for i, row in enumerate(sheet.rows[:BEFORE_STUDENTS]) if _first(row) == POINTS), None)
    if start is None:
        raise ExportError(
            f"{sheet.name}: it is not a {WHAT}, it has no row 'Points Possible'; export the gradebook again"
        )
    points = sheet.rows[start]
    grade = _column(sheet, points, column, title)
    most = points[grade].value if grade < len(points) else ""
    worth = parsed(most)
    times = factor(worth, results.whole.possible.points, scale, f"{sheet.name}, column '{sheet.header[grade]}'")
    header = [name.casefold() for name in sheet.header]
    student = header.index("student")
    ids = [header.index(name) for name in IDS if name in header]

    def put(result: Result, row: list[Cell]) -> str:
        row[grade].fill(number(result.final(bonus) * times, like=most))
        return ""

    rows = [row for row in sheet.rows[start + 1 :] if len(row) > student and row[student].value.strip()]
    keys = [tuple(k for k in (row[i].value.strip() for i in ids if i < len(row)) if k) for row in rows]
    finder = Finder([Student(row, key, row[student].value.strip(), "") for row, key in zip(rows, keys, strict=True)])
    return fill(results, sheet, finder, grade, put)


def _first(row: list[Cell]) -> str:
    return row[0].value.strip().casefold()


def _column(sheet: Sheet, points: list[Cell], column: str, title: str) -> int:
    """The number of the assignment's column; OptionError if it is ambiguous, ExportError if there is none."""
    closed = {i for i, cell in enumerate(points) if READ_ONLY in cell.value.casefold()}
    found = {
        i: match for i, name in enumerate(sheet.header) if i not in closed and (match := ASSIGNMENT.fullmatch(name))
    }
    names = [sheet.header[i] for i in found]
    if not found:
        raise ExportError(
            f"{sheet.name}: it has no column of an assignment ('name (number)'); create one in Canvas first"
        )
    wanted = column.strip() or title
    fits = [
        i for i, match in found.items() if wanted.casefold() in (match[0].casefold(), match[1].casefold(), match[2])
    ]
    if len(fits) == 1:
        return fits[0]
    if not column and len(found) == 1:
        return next(iter(found))
    if len(fits) > 1:
        raise OptionError(
            f"{sheet.name}: several columns are called '{wanted}'; give the number behind the name with --column"
        )
    near = difflib.get_close_matches(column, names, n=1, cutoff=0.3) if column else []
    few = ", ".join(f"'{name}'" for name in names[:5]) + (" …" if len(names) > 5 else "")
    advice = f"did you mean '{near[0]}'?" if near else f"choose with --column: {few}"
    raise OptionError(f"{sheet.name}: it has {f'no column {column!r}' if column else 'several assignments'}; {advice}")
