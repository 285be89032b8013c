"""The assignment as an nbgrader course, and grades for nbgrader's gradebook (see ../NBGRADER.md).

Grading a file does not need this package; only the modules that use `nbgrader` import it.
"""

from __future__ import annotations

from assignment.manifest import Manifest, Task

HELPERS = "helpers"  # the cell for helper functions; its comment is about the whole notebook


class CourseError(Exception):
    """The course or its gradebook cannot be used; the message is one line."""


def check_cell(task: str) -> str:
    """nbgrader's id of the cell with a task's points."""
    return f"check-{task}"


def answer_cell(question: str) -> str:
    """nbgrader's id of the cell with the answer to a question."""
    return f"answer-{question}"


def home_of(task: Task, names: list[str]) -> str:
    """The definition below which a task is checked: the last one in the notebook that the task needs."""
    return max((name for name in task.names if name in names), key=names.index)


def course_id(manifest: Manifest) -> str:
    """The name of assignment and notebook in the course."""
    return manifest.file.removesuffix(".py")
