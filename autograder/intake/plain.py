"""A folder, an archive or a file for each student: BRUTE's zips, clones of GitHub Classroom, anything by hand."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from autograder.intake.archives import OTHER, TAR, ZIP, is_archive
from autograder.intake.choice import KINDS
from autograder.intake.errors import IntakeError
from autograder.intake.hand_ins import Download, HandIn, grouped, of_top, refused_below, unless_usable
from autograder.intake.roster import Roster
from autograder.intake.tree import Tree

# What a login at GitHub looks like; "1-ada" is rather the end of "lab-1" and Ada.
LOGIN = re.compile(r"(?!\d+-)[A-Za-z0-9][A-Za-z0-9-]{1,38}")
TO_BE_SURE = "call the folder around the clones NAME-submissions after the assignment, or give a roster with the logins"


def plain(tree: Tree, levels: list[Tree], expected: str, roster: Roster | None) -> Download:
    """Take each folder, archive and file of the level of students for one of them.

    Args:
        tree: what was handed over. levels: it, and its folder as long as everything lies in one.
        expected: name of the file that the assignment asks for. roster: its logins tell where a clone's name has one.

    Raises:
        IntakeError: there is no such thing.
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
            continue  # a list, a note of the instructor's
        files, why = of_top(level, top)
        key = (top.removeprefix(prefix) or top) if top in clones else top if folder else _stem(top)
        hand_ins.append(HandIn(key, "", top, files, problem=unless_usable(files, why or refused_below(level, top))))
    if not hand_ins:
        raise IntakeError(f"{tree.name} holds no hand-in: no Python file, notebook, archive or folder of one")
    return Download("github-classroom" if clones else "folders", hand_ins, [*level.notes, *said])


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


def _cut(clones: list[str], folder: str, roster: Roster | None) -> tuple[str, list[str]]:
    """What stands before the login in the names of all clones, and a note that says so.

    It is the assignment as the folder around them is called; else what leaves the roster's logins; else the longest
    part up to a shared "-" that leaves what can be a login. Nothing is cut off where two cuts fit the roster.
    """
    own = f"{_unpacked(folder).removesuffix('-submissions')}-"
    if clones and all(name.startswith(own) for name in clones):
        return own, [f"'{own}', which all clones begin with, is taken for the name of the assignment"]
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
        return "", [f"where the login begins in '{clones[0]}' is not clear, so nothing is cut off; {TO_BE_SURE}"]
    prefix = "".join(fitting)
    if not prefix or most == len(clones):
        return prefix, []
    told = f"'{prefix}', which all clones begin with, is taken for the name of the assignment"
    return prefix, [f"{told}; where that is wrong, {TO_BE_SURE}"]


def _in_roster(clones: list[str], cuts: list[str], roster: Roster | None) -> dict[str, int]:
    """How many identifiers of the roster each cut leaves."""
    if roster is None:
        return {}
    return {cut: sum(bool(roster.by_identifier(name.removeprefix(cut))) for name in clones) for cut in cuts}


def _stem(name: str) -> str:
    return _unpacked(name) if is_archive(name) else PurePosixPath(name).stem


def _unpacked(name: str) -> str:
    """The name of a folder, or of an archive without its ending."""
    ending = next((ending for ending in (*TAR, *ZIP, *OTHER) if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]
