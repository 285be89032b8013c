"""Who is left out where a line means a person's account, and how the instructor hears of it."""

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
    """Those who have a grade and of whom the batch knows who they are; notes that name everybody else.

    Without a roster the batch doubts nobody but who handed in twice.
    """
    unclear = [result for result in students if result.row.standing in UNCLEAR]
    known = [result for result in students if result.row.standing not in UNCLEAR]
    notes = [
        f"{result.row.key}: has no grade ({result.row.problem}); left out" for result in known if not result.row.graded
    ]
    if unclear:
        few = [f"{one_line(result.row.key, 60)} ({UNCLEAR[result.row.standing]})" for result in unclear[:SHOWN_PEOPLE]]
        more = f" and {len(unclear) - SHOWN_PEOPLE} more" if len(unclear) > SHOWN_PEOPLE else ""
        notes.append(f"left out, correct the roster or the hand-ins and run the batch again: {', '.join(few)}{more}")
    return [result for result in known if result.row.graded], notes


def tell(notes: Sequence[str], console: Console) -> None:
    """Print notes, a line each, and of very many only how many more there are."""
    for note in notes[:SHOWN_NOTES]:
        console.print(Text(f"  {one_line(note, 2000)}", "yellow"), soft_wrap=True)
    if len(notes) > SHOWN_NOTES:
        console.print(f"  … and {len(notes) - SHOWN_NOTES} more", highlight=False)
