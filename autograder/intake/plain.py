"""Downloads with one folder, archive or file per student: BRUTE's zips, clones of GitHub Classroom, own folders."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from autograder.intake.archives import OTHER, TAR, ZIP, is_archive
from autograder.intake.choice import KINDS
from autograder.intake.errors import IntakeError
from autograder.intake.hand_ins import Download, HandIn, grouped, of_top, refused_below, unless_usable
from autograder.intake.roster import Roster
from autograder.intake.tree import Tree

# A login at GitHub; "1-ada" is more likely the end of "lab-1" and the login "ada".
LOGIN = re.compile(r"(?!\d+-)[A-Za-z0-9][A-Za-z0-9-]{1,38}")
TO_BE_SURE = "name the folder of the clones ASSIGNMENT-submissions, or give a roster with the logins"


def plain(tree: Tree, levels: list[Tree], expected: str, roster: Roster | None) -> Download:
    """Read each folder, archive and file of one level as the submission of one student.

    Args:
        tree: of the download. levels: it, and the folder inside it as long as there is only one.
        expected: name of the file that the assignment asks for. roster: with the logins in the names of clones.

    Raises:
        IntakeError: there is no submission.
    """
    level = _level_of_students(levels, PurePosixPath(expected).stem.casefold())
    if level is None:
        where = tree.name
        return Download("one hand-in", [HandIn(_stem(where), "", where, tuple(levels[-1].entries))], tree.notes)
    clones = [top for top in level.tops() if top in level.clones]
    prefix, said = _cut(clones, level.name, roster)
    hand_ins = []
    for top, entries in grouped(level).items():
        folder = any("/" in entry.name for entry in entries) and top not in level.archives
        if not folder and not is_archive(top) and PurePosixPath(top).suffix.lower() not in KINDS:
            continue  # such as a list or a note of the instructor
        files, why = of_top(level, top)
        key = (top.removeprefix(prefix) or top) if top in clones else top if folder else _stem(top)
        hand_ins.append(HandIn(key, "", top, files, problem=unless_usable(files, why or refused_below(level, top))))
    if not hand_ins:
        raise IntakeError(f"{tree.name} holds no hand-in; give a folder with files, notebooks or archives of students")
    return Download("github-classroom" if clones else "folders", hand_ins, [*level.notes, *said])


def _level_of_students(levels: list[Tree], stem: str) -> Tree | None:
    """The level on which each folder, archive or file is one student's; None if there is only one student.

    It is the first level with more than one entry, or the one above if that level contains the expected file itself.
    """
    last = levels[-1]
    usable = {entry.name.split("/")[0] for entry in last.entries if PurePosixPath(entry.name).suffix.lower() in KINDS}
    files = [top for top in usable if PurePosixPath(top).suffix.lower() in KINDS]
    if any(PurePosixPath(top).stem.casefold() == stem for top in files) and len(files) == len(usable):
        return levels[-2] if len(levels) > 1 else None
    return last


def _cut(clones: list[str], folder: str, roster: Roster | None) -> tuple[str, list[str]]:
    """The prefix before the login in the names of all clones, and notes about it.

    It is the name of the folder that contains them; else the prefix that leaves the roster's logins; else the longest
    common prefix up to a "-" that leaves valid logins. It is empty if two prefixes fit the roster.
    """
    own = f"{_unpacked(folder).removesuffix('-submissions')}-"
    if clones and all(name.startswith(own) for name in clones):
        return own, [f"'{own}', with which all clones begin, is read as the name of the assignment"]
    if len(clones) < 2:
        return "", []
    starts = [clones[0][: dash.end()] for dash in re.finditer("-", clones[0])]
    cuts = [start for start in starts if all(name.startswith(start) for name in clones)]
    known = _in_roster(clones, ["", *cuts], roster)
    most = max(known.values(), default=0)
    fitting = [cut for cut, number in known.items() if number == most]
    if not most:
        fitting = [cut for cut in cuts if all(LOGIN.fullmatch(name.removeprefix(cut)) for name in clones)][-1:]
    if len(fitting) > 1 or (cuts and not fitting):
        return "", [f"where the login begins in '{clones[0]}' is unclear, so the whole name is used; {TO_BE_SURE}"]
    prefix = "".join(fitting)
    if not prefix or most == len(clones):
        return prefix, []
    note = f"'{prefix}', with which all clones begin, is read as the name of the assignment"
    return prefix, [f"{note}; if that is wrong, {TO_BE_SURE}"]


def _in_roster(clones: list[str], cuts: list[str], roster: Roster | None) -> dict[str, int]:
    """The number of identifiers of the roster that each prefix leaves."""
    if roster is None:
        return {}
    return {cut: sum(bool(roster.by_identifier(name.removeprefix(cut))) for name in clones) for cut in cuts}


def _stem(name: str) -> str:
    return _unpacked(name) if is_archive(name) else PurePosixPath(name).stem


def _unpacked(name: str) -> str:
    """The name of a folder, or of an archive without its ending."""
    ending = next((ending for ending in (*TAR, *ZIP, *OTHER) if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]
