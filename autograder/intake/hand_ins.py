"""The common form of all platforms' downloads, and helpers shared by the rules for their names."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.intake.archives import is_archive
from autograder.intake.choice import KINDS
from autograder.intake.tree import Entry, Tree

Stamp = datetime.datetime


@dataclass(frozen=True)
class HandIn:
    """The submission of one student.

    Attributes:
        key: the platform's name or number of the student. name, email: "" if unknown.
        where: the folder, archive or file in the download. files: with names below `where`.
        submitted, late: None if the platform does not provide them. problem: why it cannot be read, "" otherwise.
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
    """All submissions, the platform that they come from, and notes on ignored files."""

    platform: str
    hand_ins: list[HandIn]
    notes: list[str]


def of_top(tree: Tree, top: str) -> tuple[tuple[Entry, ...], str]:
    """The files below a name of the top level, or that file; and why an archive of that name was refused."""
    below = tuple(entry.below(1) for entry in tree.entries if entry.name.startswith(f"{top}/"))
    return below or tuple(entry for entry in tree.entries if entry.name == top), tree.refused.get(top, "")


def grouped(tree: Tree) -> dict[str, list[Entry]]:
    """All files by their name on the top level."""
    groups: dict[str, list[Entry]] = {top: [] for top in tree.tops()}
    for entry in tree.entries:
        groups[entry.name.split("/")[0]].append(entry)
    return groups


def refused_below(tree: Tree, folder: str) -> str:
    """Why archives below a folder were refused, "" if none was."""
    return "; ".join(f"{n.split('/')[-1]}: {why}" for n, why in tree.refused.items() if n.startswith(f"{folder}/"))


def ignored(top: str, entries: Iterable[Entry]) -> list[str]:
    """A note about a name that does not fit the platform's rule, if it contains something that could be graded."""
    usable = any(PurePosixPath(entry.name).suffix.lower() in KINDS for entry in entries) or is_archive(top)
    return [f"'{top[:120]}' is not named as the platform names hand-ins; ignored"] if usable else []


def unless_usable(files: Iterable[Entry], why: str) -> str:
    """Why an archive was refused, if nothing else can be graded."""
    return "" if any(PurePosixPath(entry.name).suffix.lower() in KINDS for entry in files) else why
