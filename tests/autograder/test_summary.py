"""The class in numbers: what lateness without times, shared hand-ins, flags and missing functions become."""

from __future__ import annotations

from pathlib import Path

import pytest

from autograder.intake.classes import Attempt, Class, Student
from autograder.lateness import Late
from autograder.summary import FELL, UNUSABLE, Summary, flagged
from tests.autograder.class_folder import MANIFEST, record_of

NOON = "2026-05-31T12:00:00+02:00"


def student(key: str, *, where: str = "", sha: str = "", **more) -> Student:
    attempt = Attempt("dml.py", "dml.py", Path("dml.py"), sha or key)
    return Student(**{"key": key, "name": "", "email": "", "folder": key, "standing": "no roster",
                      "where": where or key, "latest": attempt, **more})  # fmt: skip


def tree_of(students: list[Student], records: dict[str, dict] | None = None, deadline: bool = False) -> dict:
    summary = Summary(MANIFEST, deadline)
    for one in students:
        summary.add(one, (records or {}).get(one.key, record_of()))
    return summary.tree(Class("folders", students, [], []), {}, {})


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (("", "", NOON), "a deadline is set, but 2 hand-ins have no time: none of them was called late"),
        (("", NOON, NOON), "a deadline is set, but 1 hand-in has no time: none of them was called late"),
        ((NOON, NOON, NOON), ""),
    ],
)
def test_a_deadline_that_cannot_be_applied_is_a_problem(times, says):
    students = [student(f"s-{n}", submitted=time) for n, time in enumerate(times)]
    students.append(student("called-late", late=Late(None, None)))  # has a problem of its own
    found = [p["message"] for p in tree_of(students, deadline=True)["problems"] if p["kind"] == "deadline"]
    assert found == [says] * bool(says)
    assert not [p for p in tree_of(students)["problems"] if p["kind"] == "deadline"]


def test_a_group_that_shares_a_hand_in_did_not_copy_it():
    partners = [student("ann", where="submission_1", sha="a"), student("bob", where="submission_1", sha="a")]
    copied = [student("eve", sha="e"), student("max", sha="e")]
    assert tree_of([*partners, *copied])["identical"] == [["eve", "max"]]
    assert tree_of([*partners, student("eve", sha="a")])["identical"] == [["ann", "bob", "eve"]]


def test_flags_are_counted_once_each():
    flags = ["line 3: import os", "line 9: import os", "line 4: eval"]
    assert flagged(flags) == ["import os", "eval"]
    (row,) = tree_of([student("s-1")], {"s-1": record_of(flags=flags)})["students"]
    assert row["flags"] == 2


def test_a_function_that_is_not_there_is_not_implemented():
    record = record_of(("triplet-loss", "gem"))
    for task in record["tasks"]:
        if task["id"] == "triplet-loss":
            task["tests"][0]["reason"] = "missing"
    tree = tree_of([student("s-1")], {"s-1": record})
    assert tree["students"][0]["tasks"]["triplet-loss"] == {"earned": 0.0, "state": "not-implemented"}
    assert tree["students"][0]["tasks"]["gem"]["state"] == "none"
    assert next(t for t in tree["tasks"] if t["id"] == "triplet-loss")["states"] == {"not-implemented": 1}


def test_who_has_no_grade_is_told_in_plain_words():
    summary, students = Summary(MANIFEST), [student("a"), student("b")]
    summary.add(students[0], None, UNUSABLE, "the file is empty")
    summary.add(students[1], None, FELL, "grading it broke off")
    kinds = [p["kind"] for p in summary.problems(Class("folders", students, [], []))]
    assert kinds == ["nothing to grade", "grade by hand"]
