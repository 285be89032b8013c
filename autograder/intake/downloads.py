"""Whose file is it? What the learning platforms call files and folders in their bulk downloads.

Each platform has a rule that recognises its own names; where none does, each folder, archive or file on the top level
is a student's. Nothing is guessed: a name that fits no rule is a problem that the instructor reads.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from autograder.intake.archives import OTHER, TAR, ZIP, is_archive
from autograder.intake.choice import KINDS
from autograder.intake.submission import IntakeError
from autograder.intake.tree import Entry, Tree

MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_(?P<file>.*))?", re.DOTALL)
CANVAS = re.compile(
    r"(?:(?P<name>\w+?)_)??(?P<late>LATE_)?(?P<id>\d+|anon_[A-Za-z0-9]+)_(?P<upload>\d+)_(?P<file>.+\.\w+)"
)
GRADESCOPE, STAMP = "submission_metadata.yml", "timestamp.txt"
YAML_BYTES = 64 << 20
Stamp = datetime.datetime


@dataclass(frozen=True)
class HandIn:
    """What one student handed in.

    Attributes:
        key: what the platform calls the student. name, email: "" if unknown.
        where: the folder, archive or file in what was handed over. files: with names below `where`.
        submitted: when, None if the platform does not say. late: whether the platform calls it late; None likewise.
        problem: why nothing can be taken from it, "" otherwise.
    """

    key: str
    name: str
    where: str
    files: tuple[Entry, ...]
    email: str = ""
    submitted: Stamp | None = None
    late: bool | None = None
    problem: str = ""


@dataclass(frozen=True)
class Download:
    """All hand-ins, the platform that they come from, and what was left alone."""

    platform: str
    hand_ins: list[HandIn]
    notes: list[str]


def read_download(tree: Tree, expected: str, assignment: str = "") -> Download:
    """Find out who handed in what.

    Args:
        tree: what was handed over. expected: name of the file that the assignment asks for.
        assignment: which one, where nbgrader's folder holds several.

    Raises:
        IntakeError: it holds no hand-in, is of two platforms, or needs `assignment`.
    """
    levels = [tree]
    while len(levels) < 4 and (only := _only_folder(levels[-1])):
        levels.append(levels[-1].below(only))
    for level in levels:
        if any(entry.name == GRADESCOPE and entry.path for entry in level.entries):
            return _gradescope(level)
        moodle, canvas = (_matching(level, rule) for rule in (MOODLE, CANVAS))
        if moodle and canvas:
            raise IntakeError(
                f"{tree.name} mixes downloads of Moodle ('{moodle[0]}') and of Canvas ('{canvas[0]}'); grade them apart"
            )
        if moodle or canvas:
            return _moodle(level) if moodle else _canvas(level)
        if any(_is_nbgrader(entry.name) for entry in level.entries):
            return _nbgrader(level, assignment)
    return _plain(tree, levels, expected)


def _only_folder(tree: Tree) -> str:
    """The one folder that everything lies in, "" if there is none."""
    tops = tree.tops()
    inside = len(tops) == 1 and any("/" in entry.name for entry in tree.entries) and tops[0] not in tree.archives
    return tops[0] if inside else ""


def _matching(tree: Tree, rule: re.Pattern[str]) -> list[str]:
    return [top for top in tree.tops() if rule.fullmatch(top)]


def _of(tree: Tree, top: str) -> tuple[tuple[Entry, ...], str]:
    """Files below a name of the top level, or that file itself, and why an archive of that name was refused."""
    below = tuple(entry.below(1) for entry in tree.entries if entry.name.startswith(f"{top}/"))
    return below or tuple(entry for entry in tree.entries if entry.name == top), tree.refused.get(top, "")


def _grouped(tree: Tree) -> dict[str, list[Entry]]:
    """All files by their name on the top level."""
    groups: dict[str, list[Entry]] = {top: [] for top in tree.tops()}
    for entry in tree.entries:
        groups[entry.name.split("/")[0]].append(entry)
    return groups


def _moodle(tree: Tree) -> Download:
    """`Full Name_12345_assignsubmission_file_/dml.py`, or the same in one name without folders."""
    students: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    refused: dict[tuple[str, str], str] = {}
    notes: list[str] = []
    for top, entries in _grouped(tree).items():
        match = MOODLE.fullmatch(top)
        if match is None:
            notes += _left_alone(top, entries)
            continue
        student, file = (match["id"], match["name"]), match["file"] or ""
        if match["kind"] != "file":
            continue  # a text that was typed into a field, a comment
        students[student] += [
            Entry(f"{file}{'/' if file else ''}{e.below(1).name}" if "/" in e.name else file or top, e.path, e.problem)
            for e in entries
        ]
        for name, why in tree.refused.items():
            if name == top or name.startswith(f"{top}/"):
                refused[student] = f"{PurePosixPath(name).name}: {why}"
    hand_ins = [
        HandIn(key, name, f"{name}_{key}", tuple(files), problem=_unless_usable(files, refused.get((key, name), "")))
        for (key, name), files in students.items()
    ]
    return Download("moodle", hand_ins, notes + tree.notes)


def _canvas(tree: Tree) -> Download:
    """`lastnamefirst_LATE_12345_67890_dml-2.py`: user, upload and the file's name with Canvas's own number."""
    students: dict[str, list[tuple[int, Entry]]] = defaultdict(list)
    facts: dict[str, tuple[str, bool]] = {}
    refused: dict[str, str] = {}
    notes: list[str] = []
    for top, entries in _grouped(tree).items():
        match = CANVAS.fullmatch(top)
        if match is None:
            notes += _left_alone(top, entries)
            continue
        key = match["id"]
        facts[key] = (match["name"] or "", bool(match["late"]) or facts.get(key, ("", False))[1])
        students[key] += [
            (int(match["upload"]), Entry("/".join((match["file"], *e.name.split("/")[1:])), e.path, e.problem))
            for e in entries
        ]
        if why := tree.refused.get(top, ""):
            refused[key] = f"{match['file']}: {why}"
    hand_ins = []
    for key, uploads in students.items():
        files = [entry for _, entry in sorted(uploads, key=lambda upload: upload[0])]
        name, late = facts[key]
        problem = _unless_usable(files, refused.get(key, ""))
        where = f"{name}_{key}" if name else key
        hand_ins.append(HandIn(key, name, where, tuple(files), late=late, problem=problem))
    return Download("canvas", hand_ins, notes + tree.notes)


def _gradescope(tree: Tree) -> Download:
    """`submission_123456/` and `submission_metadata.yml`, which says whose they are; a group shares one."""
    entry = next(entry for entry in tree.entries if entry.name == GRADESCOPE)
    metadata = _yaml(entry)
    groups = _grouped(tree)
    notes = [
        note for top in groups if top not in metadata and top != GRADESCOPE for note in _left_alone(top, groups[top])
    ]
    hand_ins = []
    for folder, facts in metadata.items():
        facts = _symbols(facts)
        named = facts.get("submitters")
        people = [_symbols(person) for person in named] if isinstance(named, list) else []
        if not people:
            notes.append(f"{folder}: the metadata name nobody; left alone")
        files, why = _of(tree, str(folder))
        nested = [f"{n.split('/')[-1]}: {w}" for n, w in tree.refused.items() if n.startswith(f"{folder}/")]
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
                    problem=problem or _unless_usable(files, why or "; ".join(nested)),
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
        refused = [f"{n.split('/')[-1]}: {w}" for n, w in tree.refused.items() if n.startswith(f"{where}/")]
        problem = _unless_usable(files, "; ".join(refused))
        hand_ins.append(HandIn(student, "", where, tuple(files), submitted=submitted, problem=problem))
    return Download("nbgrader", hand_ins, tree.notes)


def _plain(tree: Tree, levels: list[Tree], expected: str) -> Download:
    """A folder, an archive or a file for each student: BRUTE's zips, clones of GitHub Classroom, anything by hand."""
    level = _level_of_students(levels, PurePosixPath(expected).stem.casefold())
    if level is None:
        where = tree.name
        return Download("one hand-in", [HandIn(_stem(where), "", where, tuple(levels[-1].entries))], tree.notes)
    clones = [top for top in level.tops() if top in level.clones]
    prefix = _prefix(clones, level.name)
    notes = list(level.notes)
    if prefix:
        notes.append(f"'{prefix}', which all clones begin with, is taken for the name of the assignment")
    hand_ins = []
    for top, entries in _grouped(level).items():
        folder = any("/" in entry.name for entry in entries) and top not in level.archives
        if not folder and not is_archive(top) and PurePosixPath(top).suffix.lower() not in KINDS:
            continue  # a list, a note of the instructor's
        files, why = _of(level, top)
        nested = (f"{n.split('/')[-1]}: {w}" for n, w in level.refused.items() if n.startswith(f"{top}/"))
        key = (top.removeprefix(prefix) or top) if top in clones else top if folder else _stem(top)
        hand_ins.append(HandIn(key, "", top, files, problem=_unless_usable(files, why or "; ".join(nested))))
    if not hand_ins:
        raise IntakeError(f"{tree.name} holds no hand-in: no Python file, notebook, archive or folder of one")
    return Download("github-classroom" if clones else "folders", hand_ins, notes)


def _level_of_students(levels: list[Tree], stem: str) -> Tree | None:
    """The level whose folders, archives and files are one student's each; None if all of it is one student's.

    That is the first level with more than one thing, or the one above where that level itself holds the asked-for file.
    """
    last = levels[-1]
    usable = {entry.name.split("/")[0] for entry in last.entries if PurePosixPath(entry.name).suffix.lower() in KINDS}
    files = [top for top in usable if PurePosixPath(top).suffix.lower() in KINDS]
    if any(PurePosixPath(top).stem.casefold() == stem for top in files) and len(files) == len(usable):
        return levels[-2] if len(levels) > 1 else None
    return last


def _prefix(clones: list[str], folder: str) -> str:
    """What all clones begin with: the assignment, as the folder around them is called, else up to a shared "-"."""
    own = f"{folder.removesuffix('-submissions')}-"
    if clones and all(name.startswith(own) for name in clones):
        return own
    ends = (min(clones), max(clones)) if len(clones) > 1 else ("", "")
    same = [a == b for a, b in zip(*ends, strict=False)]
    common = ends[0][: same.index(False) if False in same else len(same)]
    return common[: common.rfind("-") + 1]


def _stem(name: str) -> str:
    lower = name.lower()
    ending = next((ending for ending in (*TAR, *ZIP, *OTHER) if lower.endswith(ending)), None)
    return name[: -len(ending)] if ending else PurePosixPath(name).stem


def _left_alone(top: str, entries: Iterable[Entry]) -> list[str]:
    """A note about a name that no rule of the platform fits, if something in it could have been graded."""
    usable = any(PurePosixPath(entry.name).suffix.lower() in KINDS for entry in entries) or is_archive(top)
    return [f"'{top[:120]}' is not named as the platform names hand-ins; left alone"] if usable else []


def _unless_usable(files: Iterable[Entry], why: str) -> str:
    """Why an archive was refused, where nothing beside it can be graded."""
    return "" if any(PurePosixPath(entry.name).suffix.lower() in KINDS for entry in files) else why


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
