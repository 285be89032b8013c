"""What a student reads about being late: the points before, and those that count."""

from __future__ import annotations

from assignment.text import points
from autograder.grading.record import Record
from autograder.intake.lateness import after_loss


def told(record: Record) -> str:
    """One or two sentences, "" for a record of a hand-in that was in time or of whose time nothing is known."""
    late = record.hand_in.late if record.hand_in else None
    if late is None:
        return ""
    if late.loss is None:
        return "Your platform calls this hand-in late, but does not say by how much: nothing is taken off here."
    when = f"Handed in late, on day {late.days} after the deadline"
    if not late.loss:
        return f"{when}: nothing is taken off."
    before = _both(record.points, record.bonus)
    after = _both(after_loss(record.points, late.loss), after_loss(record.bonus, late.loss))
    return f"{when}: {100 * late.loss:g} % are taken off. Before: {before}. After, and this counts: {after}."


def _both(ordinary: float, bonus: float) -> str:
    unit = "point" if ordinary == 1 else "points"
    return f"{points(ordinary)} {unit}" + (f" and {points(bonus)} bonus" if bonus else "")
