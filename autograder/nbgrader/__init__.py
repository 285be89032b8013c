"""The assignment as an nbgrader course, and grades on their way into nbgrader's gradebook (see ../NBGRADER.md).

Nothing here is needed to grade a file; `nbgrader` itself is imported only by the modules that talk to it.
"""

from __future__ import annotations

from assignment.manifest import Manifest, Task

HELPERS = "helpers"  # the cell for helper functions; its comment speaks about the notebook as a whole


class CourseError(Exception):
    """The course or its gradebook cannot be used; the message is one line that says what to do."""


def check_cell(task: str) -> str:
    """nbgrader's id of the cell that holds a task's points."""
    return f"check-{task}"


def answer_cell(question: str) -> str:
    """nbgrader's id of the cell that holds the answer to a question."""
    return f"answer-{question}"


def home_of(task: Task, names: list[str]) -> str:
    """The cell below which a task is checked: of the names it needs the one that the notebook defines last."""
    return max((name for name in task.names if name in names), key=names.index)


def course_id(manifest: Manifest) -> str:
    """What assignment and notebook are called in the course."""
    return manifest.file.removesuffix(".py")
