"""Omit students whose account is not certain, with notes for the instructor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from assignment.text import one_line
from autograder.exports.results import Result
from autograder.intake.classes import DUPLICATE, UNLISTED

SHOWN_NOTES = 20
SHOWN_PEOPLE = 20
UNCLEAR = {UNLISTED: "not in the roster", DUPLICATE: "not clear whose it is"}


def certain(students: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Return the graded students whose identity is certain, and notes about all others.

    Without a roster only students with several submissions are uncertain.
    """
    unclear = [result for result in students if result.row.standing in UNCLEAR]
    known = [result for result in students if result.row.standing not in UNCLEAR]
    notes = [f"{result.row.key}: no grade ({result.row.problem}); omitted" for result in known if not result.row.graded]
    if unclear:
        few = [f"{one_line(result.row.key, 60)} ({UNCLEAR[result.row.standing]})" for result in unclear[:SHOWN_PEOPLE]]
        more = f" and {len(unclear) - SHOWN_PEOPLE} more" if len(unclear) > SHOWN_PEOPLE else ""
        notes.append(f"omitted, correct the roster or the submissions and run the batch again: {', '.join(few)}{more}")
    return [result for result in known if result.row.graded], notes


def print_notes(notes: Sequence[str], console: Console) -> None:
    """Print notes, a line each, and the number of those beyond the first ones."""
    for note in notes[:SHOWN_NOTES]:
        console.print(Text(f"  {one_line(note, 2000)}", "yellow"), soft_wrap=True)
    if len(notes) > SHOWN_NOTES:
        console.print(f"  … and {len(notes) - SHOWN_NOTES} more", highlight=False)
