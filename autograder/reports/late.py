"""The sentence about lateness in a student's report."""

from __future__ import annotations

from assignment.text import points
from autograder.grading.record import Record
from autograder.intake.lateness import after_loss


def sentence(record: Record) -> str:
    """Points before and after the deduction for lateness; "" if the submission is in time or its time is unknown."""
    late = record.hand_in.late if record.hand_in else None
    if late is None:
        return ""
    if late.loss is None:
        return "Your platform says that this submission is late, but not by how much: nothing is deducted here."
    when = f"Submitted late, on day {late.days} after the deadline"
    if not late.loss:
        return f"{when}: nothing is deducted."
    before = _both(record.points, record.bonus)
    after = _both(after_loss(record.points, late.loss), after_loss(record.bonus, late.loss))
    return (
        f"{when}: {100 * late.loss:g} % are deducted. Before the deduction: {before}. After it: {after}; these count."
    )


def _both(ordinary: float, bonus: float) -> str:
    unit = "point" if ordinary == 1 else "points"
    return f"{points(ordinary)} {unit}" + (f" and {points(bonus)} bonus" if bonus else "")
