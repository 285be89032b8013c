"""Fill grades into a platform's sheet: the common part of Moodle and Canvas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from autograder.exports import ExportError, OptionError
from autograder.exports.results import Result, Results
from autograder.exports.sheet import Cell, Finder, Sheet
from autograder.intake.roster import agree


@dataclass
class Filled:
    """A filled sheet.

    Attributes:
        text: contents of the file to upload. filled: number of filled rows. replaced: how many of these had another
            grade. notes: lines for the instructor about students whose row was not changed.
    """

    text: str = ""
    filled: int = 0
    replaced: int = 0
    notes: list[str] = field(default_factory=list)


Put = Callable[[Result, list[Cell]], str]  # fills a row; returns "" or why it cannot be filled


def fill(results: Results, sheet: Sheet, finder: Finder, grade: int, put: Put) -> Filled:
    """Call `put` with the row of each graded student; other rows are not changed.

    Args:
        results: the class. sheet: the platform's sheet. finder: finds its rows. grade: number of the grade's column.

    Raises:
        ExportError: no student of the class is in the sheet.
    """
    done = Filled()
    fits = [
        finder.find(keys_of(result, results.whole.platform), result.row.name, result.row.email)
        for result in results.students
    ]
    if results.students and not any(fits):
        raise ExportError(f"{sheet.name}: no student of this class is in it; give the sheet of this course")
    taken = Counter(id(rows[0]) for rows in fits if len(rows) == 1)
    for result, rows in zip(results.students, fits, strict=True):
        who = result.row.key if not result.row.name else f"{result.row.key} ({result.row.name})"
        if why := _obstacle(result, rows, taken, grade) or _contradiction(result, finder.name_of(rows[0])):
            done.notes.append(f"{who}: {why}")
            continue
        (row,) = rows
        before = row[grade].value.strip()
        if why := put(result, row):
            done.notes.append(f"{who}: {why}")
            continue
        done.filled += 1
        done.replaced += before not in ("", "-", row[grade].value.strip())
    done.text = sheet.text()
    return done


def _obstacle(result: Result, rows: list[list[Cell]], taken: Counter[int], grade: int) -> str:
    """Why a student's row cannot be filled, "" if it can."""
    if not rows:
        return "not in the sheet, neither by identifier nor by e-mail nor by name"
    if len(rows) > 1:
        return f"{len(rows)} rows of the sheet match; fill in the right one by hand"
    if taken[id(rows[0])] > 1:
        return "several submissions match the same row; fill it in by hand"
    if not result.row.graded:
        return f"no grade ({result.row.problem}); the row is not changed"
    return "" if len(rows[0]) > grade else "the sheet's row is too short; download the sheet again"


def _contradiction(result: Result, name: str) -> str:
    """Why a row may be another student's: an identifier of the roster may equal another student's platform number."""
    if not result.row.name or not name or agree(result.row.name, name):
        return ""
    return f"the row with this identifier is of '{name}'; fill in the right one by hand"


def keys_of(result: Result, platform: str) -> tuple[str, ...]:
    """The identifiers of a student: that of the platform's file names, then that of the roster."""
    if platform not in ("moodle", "canvas") or not result.folder:
        return (result.row.key,)
    hand_in = result.record().hand_in
    where = hand_in.where if hand_in else ""
    return (where.rpartition("_")[2], result.row.key)


def factor(worth: float | None, possible: float, scale: bool, where: str) -> float:
    """The factor for points on a platform with the maximum `worth`; OptionError if it is not 1 and `scale` is False."""
    if worth is None or worth == possible or possible <= 0:
        return 1.0
    if not scale:
        raise OptionError(
            f"{where}: its maximum is {worth:g}, the assignment has {possible:g}; change it there or add --scale"
        )
    return worth / possible


def need(header: Sequence[str], names: Sequence[str], sheet: str, what: str) -> list[int]:
    """The numbers of these columns; ExportError if one is missing."""
    folded = [name.casefold() for name in header]
    missing = [name for name in names if name.casefold() not in folded]
    if missing:
        raise ExportError(f"{sheet}: it is not a {what}, it has no column '{missing[0]}'; download it again")
    return [folded.index(name.casefold()) for name in names]
