"""What the walkthrough notebooks share: the student's file, data with a stand-in, short trainings, pictures with words.

A notebook asks `ready(dml, "descriptor")` before it uses a task. Where the task is still to do, a box says which one it
is and how to check it, and the notebook goes on.
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
