"""The report of a student whose submission has no grade: the reason, and what to submit."""

from __future__ import annotations

from assignment.manifest import Manifest
from assignment.text import one_line
from autograder.classroom.class_file import UNUSABLE
from autograder.reports.feedback import Feedback, Notice, Step


def feedback(state: str, problem: str, name: str, manifest: Manifest) -> Feedback:
    """Return the feedback of a student without a grade.

    Args:
        state: UNUSABLE or CRASHED. problem: the reason, in one line for the instructor.
        name: name of the submitted file, "" if it is not clear which.
    """
    notice = Notice("Nothing could be graded", f"{one_line(problem)}.")
    text = (
        f"Submit your {manifest.file} or your notebook (.ipynb): one file, not empty, text in UTF-8. "
        f"Before that, check that `python -m assignment check {manifest.file}` can read it."
    )
    step = Step("Submit it again", text, "")
    if state != UNUSABLE:  # the messages of the grader do not help its author
        notice = Notice(
            "Your file could not be graded automatically",
            "The grader stopped while it ran your file; it is graded by hand.",
        )
        step = Step("Check it yourself", f"Does `python -m assignment check {manifest.file}` finish?", "")
    return Feedback(
        title=manifest.title,
        version=manifest.version,
        file=one_line(name, 80) or "your submission",
        graded=False,
        whole=True,
        points=0.0,
        possible=manifest.points,
        bonus=0.0,
        bonus_possible=manifest.bonus_points,
        summary="There is no grade yet.",
        late="",
        notices=(notice,),
        tasks=(),
        next_step=step,
        retrieval=None,
        checkpoint=None,
    )
