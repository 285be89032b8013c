"""Moodle and Canvas, whose downloads have the student in the name of each file."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from pathlib import PurePosixPath

from autograder.intake.hand_ins import Download, HandIn, grouped, ignored, unless_usable
from autograder.intake.tree import Entry, Tree

MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL)
STUDENT = (
    r"(?:(?P<name>\w+?)_)??(?P<late>LATE_)?(?P<id>\d+|anon_[A-Za-z0-9]+)_"
    r"(?:question_(?P<question>\d+)_)?(?P<upload>\d+)_"  # a question of a quiz
)
CANVAS = re.compile(STUDENT + r"(?P<file>.+\.\w+)")  # a download with such a name is one of Canvas
CANVAS_FILE = re.compile(STUDENT + r"(?P<file>.+)")  # in such a download: files without an ending as well
BLIND = "participant"  # everybody's name in Moodle with anonymous marking


def matching(tree: Tree, rule: re.Pattern[str]) -> list[str]:
    """Names on the top level that fit a platform's rule."""
    return [top for top in tree.tops() if rule.fullmatch(top)]


def moodle(tree: Tree) -> Download:
    """`Full Name_12345_assignsubmission_file_/dml.py`, or the same as one name without folders."""
    students: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    refused: dict[tuple[str, str], str] = {}
    notes: list[str] = []
    for top, entries in grouped(tree).items():
        match = MOODLE.fullmatch(top)
        if match is None:
            notes += ignored(top, entries)
            continue
        student, file = (match["id"], match["name"]), match["file"] or ""
        if match["kind"] != "file":
            continue  # an online text or a comment
        students[student] += [
            replace(e, name=f"{file}{'/' if file else ''}{e.below(1).name}" if "/" in e.name else file or top)
            for e in entries
        ]
        for name, why in tree.refused.items():
            if name == top or name.startswith(f"{top}/"):
                refused[student] = f"{PurePosixPath(name).name}: {why}"
    hand_ins = []
    for (key, name), files in students.items():
        problem = unless_usable(files, refused.get((key, name), ""))
        known = "" if name.rpartition("-")[2].casefold() == BLIND else name
        hand_ins.append(HandIn(key, known, f"{name}_{key}", tuple(files), problem=problem))
    return Download("moodle", hand_ins, notes + tree.notes)


def canvas(tree: Tree) -> Download:
    """`lastnamefirst_LATE_12345_67890_dml-2.py`: user, upload, and the file's name with a number by Canvas."""
    students: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    late: dict[tuple[str, str], bool] = defaultdict(bool)
    questions: dict[tuple[str, str], set[str]] = defaultdict(set)
    refused: dict[tuple[str, str], str] = {}
    notes: list[str] = []
    for top, entries in grouped(tree).items():
        match = CANVAS_FILE.fullmatch(top)
        if match is None:
            notes += ignored(top, entries)
            continue
        student = (match["id"], match["name"] or "")
        late[student] |= bool(match["late"])
        questions[student] |= {match["question"]} - {None}
        students[student] += [
            replace(e, name="/".join((match["file"], *e.name.split("/")[1:])), upload=int(match["upload"]))
            for e in entries
        ]
        if why := tree.refused.get(top, ""):
            refused[student] = f"{match['file']}: {why}"
    hand_ins = []
    for (key, name), files in students.items():
        problem = unless_usable(files, refused.get((key, name), "")) or _of_one(questions[key, name])
        where = f"{name}_{key}" if name else key
        hand_ins.append(HandIn(key, name, where, tuple(files), late=late[key, name], problem=problem))
    return Download("canvas", hand_ins, notes + tree.notes)


def _of_one(questions: set[str]) -> str:
    """Why files for several questions of a quiz are not graded: it is unknown which one is the assignment."""
    if len(questions) < 2:
        return ""
    return f"files of several questions were handed in ({', '.join(sorted(questions))}); keep those of one question"
