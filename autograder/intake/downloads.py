"""Read bulk downloads of learning platforms: who handed in which files.

Each platform has a rule that recognises its names of files and folders; otherwise each folder, archive or file on the
top level is one student's. Nothing is guessed: a name that fits no rule is reported to the instructor.

This module has the rules of Gradescope and nbgrader, which add metadata; `named.py` and `plain.py` have the others.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from typing import Any
from zoneinfo import ZoneInfo

from assignment.text import one_line
from autograder.intake.errors import IntakeError
from autograder.intake.hand_ins import (
    Download,
    HandIn,
    Stamp,
    grouped,
    ignored,
    of_top,
    refused_below,
    unless_usable,
)
from autograder.intake.named import CANVAS, MOODLE, canvas, matching, moodle
from autograder.intake.plain import plain
from autograder.intake.roster import Roster
from autograder.intake.tree import Entry, Tree

GRADESCOPE, STAMP = "submission_metadata.yml", "timestamp.txt"
YAML_BYTES = 64 << 20


def read_download(tree: Tree, expected: str, assignment: str = "", roster: Roster | None = None) -> Download:
    """Determine who handed in what.

    Args:
        tree: of the download. expected: name of the file that the assignment asks for.
        assignment: which one, if nbgrader's folder has several. roster: the class list, if there is one.

    Raises:
        IntakeError: no submission, files of two platforms, or several assignments without `assignment`.
    """
    levels = [tree]
    while len(levels) < 4 and (only := _only_folder(levels[-1])):
        levels.append(levels[-1].below(only))
    for level in levels:
        if any(entry.name == GRADESCOPE and entry.path for entry in level.entries):
            return _gradescope(level)
        of_moodle, of_canvas = (matching(level, rule) for rule in (MOODLE, CANVAS))
        if of_moodle and of_canvas:
            both = f"Moodle ('{of_moodle[0]}') and of Canvas ('{of_canvas[0]}')"
            raise IntakeError(f"{tree.name} mixes downloads of {both}; grade them apart")
        if of_moodle or of_canvas:
            return moodle(level) if of_moodle else canvas(level)
        if any(_is_nbgrader(entry.name) for entry in level.entries):
            return _nbgrader(level, assignment)
    return plain(tree, levels, expected, roster)


def _only_folder(tree: Tree) -> str:
    """The folder that contains everything, "" if there is none."""
    tops = tree.tops()
    inside = len(tops) == 1 and any("/" in entry.name for entry in tree.entries) and tops[0] not in tree.archives
    return tops[0] if inside else ""


def _gradescope(tree: Tree) -> Download:
    """`submission_123456/` and `submission_metadata.yml` with the authors; a group shares one folder."""
    entry = next(entry for entry in tree.entries if entry.name == GRADESCOPE)
    metadata = _yaml(entry)
    groups = grouped(tree)
    notes = [note for top in groups if top not in metadata and top != GRADESCOPE for note in ignored(top, groups[top])]
    hand_ins = []
    for folder, facts in metadata.items():
        facts = _symbols(facts)
        named = facts.get("submitters")
        people = [_symbols(person) for person in named] if isinstance(named, list) else []
        if not people:
            notes.append(f"{folder}: the metadata name no author; ignored")
        files, why = of_top(tree, str(folder))
        why = why or refused_below(tree, str(folder))
        problem = "" if files else "the metadata name this submission, but its folder is missing; export again"
        for person in people:
            sid, name, email = (_word(person.get(k)) for k in ("sid", "name", "email"))
            hand_ins.append(
                HandIn(
                    key=sid or email or name or str(folder),
                    name=name,
                    email=email,
                    where=str(folder),
                    files=files,
                    submitted=moment(facts.get("created_at")),
                    problem=problem or unless_usable(files, why),
                )
            )
    return Download("gradescope", hand_ins, notes + tree.notes)


def _yaml(entry: Entry) -> dict[str, dict]:
    import yaml

    if entry.path is None or entry.path.stat().st_size > YAML_BYTES:
        raise IntakeError(f"{GRADESCOPE} {entry.problem or 'is too large'}; export the submissions again")
    try:
        tree = yaml.load(entry.path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise IntakeError(
            f"{GRADESCOPE} cannot be read ({one_line(problem, 120)}); export the submissions again"
        ) from None
    if not isinstance(tree, dict) or not all(isinstance(facts, dict) for facts in tree.values()):
        raise IntakeError(f"{GRADESCOPE} does not list submissions; export them again")
    return {str(folder): facts for folder, facts in tree.items()}


def _symbols(tree: Any) -> dict[str, Any]:
    """A mapping whose Ruby keys `:name` become `name`."""
    return {str(key).removeprefix(":"): value for key, value in tree.items()} if isinstance(tree, dict) else {}


def _word(value: Any) -> str:
    """A text or number of the metadata as one line; "" for anything else."""
    return one_line(value, 200) if isinstance(value, (str, int)) and value else ""


def _is_nbgrader(name: str) -> bool:
    parts = name.split("/")
    return (parts[0] == "submitted" and len(parts) >= 4) or (len(parts) == 3 and parts[2] == STAMP)


def _nbgrader(tree: Tree, assignment: str) -> Download:
    """`submitted/<student>/<assignment>/<file>` with nbgrader's timestamp.txt."""
    if any(entry.name.startswith("submitted/") for entry in tree.entries):
        tree = tree.below("submitted")
    students: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in tree.entries:
        parts = entry.name.split("/")
        if len(parts) >= 3:
            students[parts[0]][parts[1]].append(entry.below(2))
    assignments = sorted({name for own in students.values() for name in own})
    if not assignments:
        raise IntakeError(f"{tree.name} holds no hand-in of nbgrader; its files are submitted/STUDENT/ASSIGNMENT/FILE")
    if assignment and assignment not in assignments:
        raise IntakeError(f"there is no assignment '{assignment}' in {tree.name}; there are: {', '.join(assignments)}")
    if not assignment and len(assignments) > 1:
        raise IntakeError(f"{tree.name} holds several assignments; choose with --assignment: {', '.join(assignments)}")
    chosen = assignment or assignments[0]
    hand_ins = []
    for student, own in students.items():
        files = own.get(chosen)
        if not files:
            continue
        stamp = next((entry.path for entry in files if entry.name == STAMP), None)
        submitted = moment(stamp.read_text(encoding="utf-8", errors="replace")) if stamp else None
        where = f"{student}/{chosen}"
        problem = unless_usable(files, refused_below(tree, where))
        hand_ins.append(HandIn(student, "", where, tuple(files), submitted=submitted, problem=problem))
    return Download("nbgrader", hand_ins, tree.notes)


def moment(value: object) -> Stamp | None:
    """A time written by a platform; None for anything that is not a date and time with a time zone."""
    if isinstance(value, datetime.datetime):
        return value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)  # times in YAML are UTC
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())[:80]
    zone: datetime.tzinfo | None = None
    head, _, last = text.rpartition(" ")
    try:
        if head and re.fullmatch(r"[A-Za-z_]+(/[A-Za-z_]+)*", last):
            zone = datetime.timezone.utc if last in ("UTC", "GMT", "Z") else ZoneInfo(last)
            text = head
        elif head and re.fullmatch(r"[+-]\d\d:?\d\d", last):
            text = f"{head}{last[:3]}:{last[-2:]}"
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, OSError, KeyError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)) if found.tzinfo or zone else None
