"""Whose file is it? What the learning platforms call files and folders in their bulk downloads.

Each platform has a rule that recognises its own names; where none does, each folder, archive or file on the top level
is a student's. Nothing is guessed: a name that fits no rule is a problem that the instructor reads.

Here are the rules of Gradescope and nbgrader, which write more than names; `named.py` and `plain.py` have the others.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from typing import Any
from zoneinfo import ZoneInfo

from autograder.intake.errors import IntakeError
from autograder.intake.hand_ins import (
    Download,
    HandIn,
    Stamp,
    grouped,
    left_alone,
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
    """Find out who handed in what.

    Args:
        tree: what was handed over. expected: name of the file that the assignment asks for.
        assignment: which one, where nbgrader's folder holds several. roster: the class list, if there is one.

    Raises:
        IntakeError: it holds no hand-in, is of two platforms, or needs `assignment`.
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
    """The one folder that everything lies in, "" if there is none."""
    tops = tree.tops()
    inside = len(tops) == 1 and any("/" in entry.name for entry in tree.entries) and tops[0] not in tree.archives
    return tops[0] if inside else ""


def _gradescope(tree: Tree) -> Download:
    """`submission_123456/` and `submission_metadata.yml`, which says whose they are; a group shares one."""
    entry = next(entry for entry in tree.entries if entry.name == GRADESCOPE)
    metadata = _yaml(entry)
    groups = grouped(tree)
    notes = [
        note for top in groups if top not in metadata and top != GRADESCOPE for note in left_alone(top, groups[top])
    ]
    hand_ins = []
    for folder, facts in metadata.items():
        facts = _symbols(facts)
        named = facts.get("submitters")
        people = [_symbols(person) for person in named] if isinstance(named, list) else []
        if not people:
            notes.append(f"{folder}: the metadata name nobody; left alone")
        files, why = of_top(tree, str(folder))
        why = why or refused_below(tree, str(folder))
        problem = "" if files else "the metadata name this submission, but its folder is not there"
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
        reason = " ".join(str(problem).split())[:120]
        raise IntakeError(f"{GRADESCOPE} cannot be read ({reason}); export the submissions again") from None
    if not isinstance(tree, dict) or not all(isinstance(facts, dict) for facts in tree.values()):
        raise IntakeError(f"{GRADESCOPE} holds something else than submissions; export them again")
    return {str(folder): facts for folder, facts in tree.items()}


def _symbols(tree: Any) -> dict[str, Any]:
    """A mapping with Ruby's `:name` keys as plain ones."""
    return {str(key).removeprefix(":"): value for key, value in tree.items()} if isinstance(tree, dict) else {}


def _word(value: Any) -> str:
    """A text or number of the metadata on one line; "" for anything else, which may be of any size when written out."""
    return " ".join(str(value).split())[:200] if isinstance(value, (str, int)) and value else ""


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
    """A point in time that a platform wrote; None for anything that is not clearly one, its time zone included."""
    if isinstance(value, datetime.datetime):
        return value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)  # YAML's times are UTC
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
