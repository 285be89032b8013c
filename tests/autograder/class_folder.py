"""A folder as `batch --out` writes it, made by the batch's own code from records that tests make up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from assignment.manifest import load
from autograder.classroom.class_file import UNUSABLE
from autograder.classroom.summary import Summary, hand_in, run_measured
from autograder.grading.record import SCHEMA, Record, to_json
from autograder.intake import roster
from autograder.intake.classes import ASIDE, Attempt, Class, Student, folder_name
from autograder.intake.lateness import Late
from tests.autograder.records import of_tree

MANIFEST = load()
SOURCE = "def triplet_loss(a, b, margin):\n    return a\n"
P_AT_1 = {"p_at_1_before": 0.4, "p_at_1_after": 0.6125}


@dataclass(frozen=True)
class Person:
    """Who handed in what. `lost`: tasks without points; None is a hand-in that cannot be graded."""

    key: str
    name: str = ""
    email: str = ""
    lost: tuple[str, ...] | None = ()
    late: Late | None = None
    where: str = ""


def record_of(lost: Sequence[str] = (), owner: str = "", **more: object) -> Record:
    """A whole record in which all tasks but `lost` are right."""
    tasks = [
        {
            "id": task.id,
            "number": task.number,
            "title": task.title,
            "bonus": task.bonus,
            "earned": 0.0 if task.id in lost else float(task.points),
            "possible": float(task.points),
            "state": "none" if task.id in lost else "all",
            "tests": [_test(task.id, task.points, task.id not in lost)],
        }
        for task in MANIFEST.tasks
    ]
    tree = {
        "schema": SCHEMA,
        "assignment": {"title": MANIFEST.title, "version": MANIFEST.version},
        "submission": {"name": "dml.py", "owner": owner, "sha256": "ab" * 32, "notebook": None},
        "seed": 7,
        "asked_tasks": None,
        "points": sum(task["earned"] for task in tasks if not task["bonus"]),
        "bonus": sum(task["earned"] for task in tasks if task["bonus"]),
        "possible": {"points": MANIFEST.points, "bonus": MANIFEST.bonus_points},
        "syntax": [],
        "flags": [],
        "import_problem": None,
        "checkpoint": None,
        "tasks": tasks,
        "wall": {"isolation": "bubblewrap", "seccomp": True, "torch": "2.15", "python": "3.11"},
        "measured": {
            "date": "2026-05-31T12:00:00+00:00",
            "machine": "Linux x86_64",
            "import_seconds": 0.1,
            "output_bytes": 12,
            "seconds": 2.5,
            "cpu_seconds": 2.0,
            "peak_mb": 10.0,
            "processes": 1,
            "test_seconds": {f"{task.id}/test_it": 0.25 for task in MANIFEST.tasks},
            "output": "SECRET-PRINT",
        },
        **more,
    }
    return of_tree(tree)


def _test(task: str, points: float, passed: bool) -> dict:
    return {
        "name": "test_it",
        "behaviour": f"it works for {task} <b>& more</b>",
        "points": points,
        "status": "passed" if passed else "failed",
        "reason": "" if passed else "unexpected",
        "problem": "" if passed else "has wrong values",
        "called": "" if passed else "triplet_loss(float32 (5,), float32 (5,), 0.2)",
        "returned": None if passed else {"dtype": "float32", "shape": [5], "first": [0.7351946] * 5},
        "expected": None if passed else {"dtype": "float32", "shape": [5], "first": [0.2468135] * 5},
        "exception": "",
        "message": "",
        "line": 0,
        "hint": "Think of the formula.",
        "shown": False,
        "misconception": "" if passed else "triplet-loss--no-hinge",
        "details": P_AT_1 if task == "improvement" and passed else {},
    }


def write_class(out: Path, people: Sequence[Person], platform: str = "folders", missing: Sequence[tuple] = ()) -> Path:
    """Write `out/class.json` and `out/students/*/record.json`."""
    summary = Summary(MANIFEST)
    students = []
    for person in people:
        attempt = None if person.lost is None else Attempt("dml.py", "dml.py", out / "dml.py", "ab" * 32)
        student = Student(
            person.key, person.name, person.email, folder_name(person.key), ASIDE, person.where or person.key,
            attempt, late=person.late, submitted="2026-05-31T12:00:00+02:00",
        )  # fmt: skip
        students.append(student)
        if person.lost is None:
            summary.add(student, None, UNUSABLE, "the file is empty")
            continue
        record = replace(record_of(person.lost, person.name or person.key), hand_in=hand_in(student))
        folder = out / "students" / student.folder
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(to_json(record))
        (folder / "handed_in.py").write_text(SOURCE)
        summary.add(student, record)
    members = Class(platform, students, [roster.Person(*one) for one in missing], [])
    class_file = summary.class_file(members, ("g", "a"), "bubblewrap", run_measured(1.0, 0, 0, 0))
    (out / "class.json").write_text(class_file.to_json())
    return out
