"""What the walkthrough notebooks share: the student's file, data, short training runs, images with alternative text.

A notebook calls `ready(dml, "descriptor")` before it uses a task. If the task is still to do, a box names it and the
command that checks it, and the notebook goes on.
"""

from assignment.walkthrough.material import Trained, View, describe, load, train
from assignment.walkthrough.pictures import (
    compare,
    grid,
    picture,
    pixels,
    rows_of_images,
    show,
    table,
)
from assignment.walkthrough.student import note, ready, student

__all__ = [
    "Trained",
    "View",
    "compare",
    "describe",
    "grid",
    "load",
    "note",
    "picture",
    "pixels",
    "ready",
    "rows_of_images",
    "show",
    "student",
    "table",
    "train",
]
