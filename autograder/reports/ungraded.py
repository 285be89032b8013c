"""The page of a student whose hand-in has no grade: why that is so, and what to hand in."""

from __future__ import annotations

from assignment.manifest import Manifest
from assignment.text import one_line
from autograder.classroom.class_file import UNUSABLE
from autograder.reports.feedback import Feedback, Notice, Step


def feedback(state: str, problem: str, name: str, manifest: Manifest) -> Feedback:
    """Say to a student why there is no grade.

    Args:
        state: of the summary, UNUSABLE or FELL. problem: why, for the instructor, in one line.
        name: of the file that was handed in, "" if it is not clear which.
    """
    told = Notice("Nothing could be graded", f"{one_line(problem)}.")
    text = (
        f"Hand in the filled-in {manifest.file}, or your notebook (.ipynb): one file, not empty, text in UTF-8. "
        f"Before that, `python -m assignment check {manifest.file}` shows whether it can be read."
    )
    step = Step("Hand it in again", text, "")
    if state != UNUSABLE:  # what went wrong in the grader is nothing that its author could mend
        told = Notice("Your file could not be graded automatically", "Grading it broke off; it is looked at by hand.")
        step = Step("Check it at home", f"Does `python -m assignment check {manifest.file}` come to an end?", "")
    return Feedback(
        title=manifest.title,
        version=manifest.version,
        file=one_line(name, 80) or "your hand-in",
        graded=False,
        whole=True,
        points=0.0,
        possible=manifest.points,
        bonus=0.0,
        bonus_possible=manifest.bonus_points,
        summary="There is no grade yet.",
        late="",
        notices=(told,),
        tasks=(),
        next_step=step,
        retrieval=None,
        checkpoint=None,
    )
