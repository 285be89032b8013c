"""The class in numbers: what lateness without times, shared hand-ins, flags and missing functions become."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.classroom.class_file import CRASHED, UNUSABLE, ClassFile, RowTask
from autograder.classroom.summary import Summary, flagged, run_measured
from autograder.grading.record import Record
from autograder.intake.classes import Attempt, Class, Student
from autograder.intake.lateness import Late
from tests.autograder.class_folder import MANIFEST, record_of
from tests.autograder.records import of_tree, tree_of

NOON = "2026-05-31T12:00:00+02:00"


def student(key: str, *, where: str = "", sha: str = "", **more) -> Student:
    attempt = Attempt("dml.py", "dml.py", Path("dml.py"), sha or key)
    return Student(**{"key": key, "name": "", "email": "", "folder": key, "standing": "no roster",
                      "where": where or key, "latest": attempt, **more})  # fmt: skip


def class_file_of(
    students: list[Student], records: dict[str, Record] | None = None, deadline: str | None = None
) -> ClassFile:
    summary = Summary(MANIFEST, deadline)
    for one in students:
        summary.add(one, (records or {}).get(one.key, record_of()))
    return summary.class_file(Class("folders", students, [], []), ("g", "a"), "process", run_measured(1.0, 1, 1, 0))


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (("", "", NOON), "a deadline is set, but 2 submissions have no time and count as submitted in time"),
        (("", NOON, NOON), "a deadline is set, but 1 submission has no time and counts as submitted in time"),
        ((NOON, NOON, NOON), ""),
    ],
)
def test_a_deadline_that_cannot_be_applied_is_a_problem(times, says):
    students = [student(f"s-{n}", submitted=time) for n, time in enumerate(times)]
    students.append(student("called-late", late=Late(None, None)))  # has a problem of its own
    found = [p.message for p in class_file_of(students, deadline=NOON).problems if p.kind == "deadline"]
    assert found == [says] * bool(says)
    assert not [p for p in class_file_of(students).problems if p.kind == "deadline"]


def test_a_group_that_shares_a_hand_in_did_not_copy_it():
    partners = [student("ann", where="submission_1", sha="a"), student("bob", where="submission_1", sha="a")]
    copied = [student("eve", sha="e"), student("max", sha="e")]
    assert class_file_of([*partners, *copied]).identical == (("eve", "max"),)
    assert class_file_of([*partners, student("eve", sha="a")]).identical == (("ann", "bob", "eve"),)


def test_flags_are_counted_once_each():
    flags = ["line 3: import os", "line 9: import os", "line 4: eval"]
    assert flagged(flags) == ["import os", "eval"]
    (row,) = class_file_of([student("s-1")], {"s-1": record_of(flags=flags)}).students
    assert row.flags == 2


def test_a_function_that_is_not_there_is_not_implemented():
    tree = tree_of(record_of(("triplet-loss", "gem")))
    for task in tree["tasks"]:
        if task["id"] == "triplet-loss":
            task["tests"][0]["reason"] = "missing"
    found = class_file_of([student("s-1")], {"s-1": of_tree(tree)})
    assert found.students[0].tasks["triplet-loss"] == RowTask(0.0, "not-implemented")
    assert found.students[0].tasks["gem"].state == "none"
    assert next(t for t in found.tasks if t.id == "triplet-loss").states == {"not-implemented": 1}


def test_the_reason_without_a_grade_is_in_the_problems():
    summary, students = Summary(MANIFEST), [student("a"), student("b")]
    summary.add(students[0], None, UNUSABLE, "the file is empty")
    summary.add(students[1], None, CRASHED, "grading it broke off")
    kinds = [p.kind for p in summary.problems(Class("folders", students, [], []))]
    assert kinds == ["nothing to grade", "grade by hand"]
