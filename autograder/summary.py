"""The class in numbers: one row per student, and what the rows say together. It becomes `class.json`.

Schema 1. Rows hold what a page of the class shows; everything else about one student is in the record in their folder.
Texts that students' processes or files chose are as hostile here as in a record.
"""

from __future__ import annotations

import datetime
import platform
import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from assignment.checking.outcome import FAILED, PASSED, SKIPPED
from assignment.manifest import Manifest
from autograder.intake.classes import Class, Student
from autograder.lateness import after_loss
from autograder.reports.words import counted, state_of

SCHEMA = 1
GRADED, UNUSABLE, FELL = "graded", "unusable", "fell"  # a grade; nothing to grade; it brought its sandbox down
KINDS = {UNUSABLE: "nothing to grade", FELL: "grade by hand"}  # the states without a grade, in words
Tree = dict[str, Any]


class Summary:
    """Takes in students as their grades come; tells how the class stands at any time.

    `deadline`: whether hand-ins are late after one.
    """

    def __init__(self, manifest: Manifest, deadline: bool = False) -> None:
        self.manifest, self.deadline = manifest, deadline
        self.rows: dict[str, Tree] = {}
        self._tests: dict[tuple[str, str], Tree] = {}
        self._misconceptions: dict[str, set[str]] = defaultdict(set)

    def add(self, student: Student, record: Tree | None, state: str = GRADED, problem: str = "") -> Tree:
        """Take in a student: with a record, or without one and the reason why. Return the row."""
        row = _row(student, record, state, problem)
        if record is not None:
            for task in record["tasks"]:
                for test in task["tests"]:
                    self._count(student.key, task["id"], test)
            row["misconceptions"] = sorted({t["misconception"] for k in record["tasks"] for t in k["tests"]} - {""})
        self.rows[student.key] = row
        return row

    def _count(self, student: str, task: str, test: Tree) -> None:
        about = {"task": task, "name": test["name"], "behaviour": test["behaviour"]}
        entry = self._tests.setdefault((task, test["name"]), {**about, PASSED: 0, FAILED: 0, SKIPPED: 0})
        entry[test["status"]] += 1
        if test["misconception"]:
            self._misconceptions[test["misconception"]].add(student)

    def running(self) -> str:
        """The class so far, in one line."""
        points = [row["points"] for row in self.rows.values() if row["state"] == GRADED]
        if not points:
            return "no grades yet"
        full = sum(value >= self.manifest.points for value in points)
        without = len(self.rows) - len(points)
        text = f"mean {statistics.fmean(points):.1f}, median {statistics.median(points):g} of {self.manifest.points:g}"
        return f"{text}, {full} full" + (f", {without} without a grade" if without else "")

    def tree(self, handed: Class, facts: Tree, measured: Tree) -> Tree:
        """The whole summary. `facts`: of the run, the same each time; `measured`: what differs from run to run."""
        rows = [self.rows[student.key] for student in handed.students if student.key in self.rows]
        return {
            "schema": SCHEMA,
            "assignment": {"title": self.manifest.title, "version": self.manifest.version},
            "possible": {"points": self.manifest.points, "bonus": self.manifest.bonus_points},
            "platform": handed.platform,
            **facts,
            "students": rows,
            "missing": [{"key": one.id, "name": one.name, "email": one.email} for one in handed.missing],
            "problems": self.problems(handed),
            "tasks": [self._task(task.id, rows) for task in self.manifest.tasks],
            "tests": sorted(self._tests.values(), key=lambda t: (-t["failed"], t["passed"], t["task"], t["name"])),
            "misconceptions": [
                {"id": name, "count": len(keys), "students": sorted(keys)}
                for name, keys in sorted(self._misconceptions.items(), key=lambda pair: (-len(pair[1]), pair[0]))
            ],
            "identical": _identical(handed.students),
            "measured": {
                "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "machine": f"{platform.system()} {platform.machine()}",
                **measured,
            },
        }

    def problems(self, handed: Class) -> list[Tree]:
        """Everything that an instructor has to look at, in one list."""
        return (_untimed(handed.students) if self.deadline else []) + _problems(handed, self.rows)

    def _task(self, task_id: str, rows: list[Tree]) -> Tree:
        task = self.manifest.task(task_id)
        own = [row["tasks"][task_id] for row in rows if task_id in row["tasks"]]
        states: dict[str, int] = defaultdict(int)
        for entry in own:
            states[entry["state"]] += 1
        mean = round(statistics.fmean(entry["earned"] for entry in own), 6) if own else None
        facts = {
            "id": task.id,
            "number": task.number,
            "title": task.title,
            "bonus": task.bonus,
            "possible": task.points,
        }
        return {**facts, "graded": len(own), "mean": mean, "states": dict(sorted(states.items()))}


def hand_in(student: Student) -> Tree:
    """How a record tells where its file came from and what is taken off for lateness."""
    late = student.late
    return {
        "key": student.key,
        "where": student.where,
        "standing": student.standing,
        "submitted": student.submitted or None,
        "late": None if late is None else {"days": late.days, "loss": late.loss},
        "file": student.latest.where if student.latest else None,
        "earlier": [{"file": attempt.where, "sha256": attempt.sha256} for attempt in student.earlier],
        "notes": list(student.notes),
    }


def flagged(flags: Iterable[str]) -> list[str]:
    """The different things that a record's flags name, without their lines: "import os" of "line 3: import os"."""
    return list(dict.fromkeys(flag.partition(": ")[2] or flag for flag in flags))


def _row(student: Student, record: Tree | None, state: str, problem: str) -> Tree:
    measured = record["measured"] if record else {}
    points = record["points"] if record else 0.0
    bonus = record["bonus"] if record else 0.0
    tasks = record["tasks"] if record else []
    loss = student.late.loss if student.late else None
    details = [test["details"] for entry in tasks for test in entry["tests"] if test["details"]]
    return {
        "key": student.key,
        "name": student.name,
        "email": student.email,
        "login": student.login,
        "folder": f"students/{student.folder}",
        "standing": student.standing,
        "state": state,
        "problem": problem,
        "points": points,
        "bonus": bonus,
        "late": hand_in(student)["late"],
        "final": {"points": after_loss(points, loss), "bonus": after_loss(bonus, loss)},
        "tasks": {entry["id"]: {"earned": entry["earned"], "state": state_of(entry)} for entry in tasks},
        "misconceptions": [],
        "flags": len(flagged(record["flags"])) if record else 0,
        "p_at_1": next((d["p_at_1_after"] for d in details if isinstance(d.get("p_at_1_after"), (int, float))), None),
        "sha256": student.latest.sha256 if student.latest else "",
        "submitted": student.submitted or None,
        "attempts": len(student.earlier) + (student.latest is not None),
        "seconds": measured.get("seconds"),
        "cpu_seconds": measured.get("cpu_seconds"),
        "peak_mb": measured.get("peak_mb"),
        "processes": measured.get("processes"),
    }


def _identical(students: Iterable[Student]) -> list[list[str]]:
    """Keys of those who handed in the same bytes, but for groups that share one hand-in as their platform lets them."""
    same: dict[str, list[Student]] = defaultdict(list)
    for student in students:
        if student.latest is not None:
            same[student.latest.sha256].append(student)
    alike = (own for own in same.values() if len({student.where for student in own}) > 1)
    return sorted([student.key for student in own] for own in alike)


def _untimed(students: Iterable[Student]) -> list[Tree]:
    """The problem that a deadline cannot be applied where the platform gives no times."""
    number = sum(not student.submitted and student.late is None for student in students)
    if not number:
        return []
    told = f"{counted(number, 'hand-in has', 'hand-ins have')} no time: none of them was called late"
    return [{"kind": "deadline", "who": "", "message": f"a deadline is set, but {told}"}]


def _problems(handed: Class, rows: dict[str, Tree]) -> list[Tree]:
    found = [{"kind": "left alone", "who": "", "message": note} for note in handed.notes]
    for student in handed.students:
        row = rows.get(student.key)
        if row is not None and row["problem"]:
            found.append({"kind": KINDS[row["state"]], "who": student.key, "message": row["problem"]})
        if student.unclear:
            found.append({"kind": student.standing, "who": student.key, "message": student.unclear})
        if student.late is not None and student.late.loss is None:
            message = "is called late by the platform, which does not say by how much: nothing was taken off"
            found.append({"kind": "late", "who": student.key, "message": message})
        found += [{"kind": "note", "who": student.key, "message": note} for note in student.notes]
    return found
