"""A whole class: who handed in what, which file of it is graded, and everything that is not clear about it."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from assignment.manifest import Manifest
from autograder.intake.choice import choose
from autograder.intake.downloads import read_download
from autograder.intake.errors import IntakeError
from autograder.intake.hand_ins import HandIn
from autograder.intake.lateness import Late, Rule
from autograder.intake.owners import ASIDE, DUPLICATE, LISTED, UNLISTED, Owner, owner_of
from autograder.intake.roster import Person, Roster, normal
from autograder.intake.submission import Submission, read_submission
from autograder.intake.tree import Entry, read_tree

__all__ = [
    "ASIDE",
    "DUPLICATE",
    "LISTED",
    "UNLISTED",
    "Attempt",
    "Class",
    "Student",
    "folder_name",
    "read_class",
]
SLUG = 48


@dataclass(frozen=True)
class Attempt:
    """One file that was handed in. `where` it was in what was handed over; `path`: where its bytes are now."""

    name: str
    where: str
    path: Path
    sha256: str

    def read(self, manifest: Manifest, owner: str = "") -> Submission:
        """The Submission that it is; IntakeError if it is no text."""
        try:
            return replace(read_submission(self.path, manifest, owner), name=self.name)
        except IntakeError as problem:
            raise IntakeError(
                str(problem).replace(str(self.path), self.name).replace(self.path.name, self.name)
            ) from None


@dataclass(frozen=True)
class Student:
    """One student and what they handed in.

    Attributes:
        key: the roster's identifier, or the platform's where no roster says better. name, email, login: "" if unknown.
        folder: name of the folder for reports. standing: "listed", "unlisted" (not in the roster), "duplicate" (of
            several hand-ins or people it is not clear who is who), "no roster".
        where: the hand-in in what was handed over. latest: the file that is graded, None if there is none.
        earlier: former attempts, oldest first. submitted: ISO 8601, "" if unknown. late: None if in time.
        problem: why there is nothing to grade. notes: what the instructor should know.
        unclear: what is not clear about who it is, and what to do; "" unless "unlisted" or "duplicate".
    """

    key: str
    name: str
    email: str
    folder: str
    standing: str
    where: str
    latest: Attempt | None
    earlier: tuple[Attempt, ...] = ()
    submitted: str = ""
    late: Late | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()
    unclear: str = ""
    login: str = ""


@dataclass(frozen=True)
class Class:
    """All students with a hand-in, those of the roster of whom nothing can be one, and what was left alone."""

    platform: str
    students: list[Student]
    missing: list[Person]
    notes: list[str]


def read_class(
    source: Path, scratch: Path, manifest: Manifest, late: Rule, roster: Roster | None = None, assignment: str = ""
) -> Class:
    """Read what a learning platform gave: a folder, an archive, a single file.

    Args:
        source: where it is. scratch: an empty private folder that archives are unpacked in; the files are read later.
        late: the rule for late hand-ins. roster: the class list, if there is one.
        assignment: which one, where nbgrader's folder holds several.

    Raises:
        IntakeError: it cannot be read, or holds nothing. OSError: `scratch` cannot be written.
    """
    tree = read_tree(source, scratch)
    download = read_download(tree, manifest.file, assignment, roster)
    owners = [owner_of(hand_in, download.platform, roster) for hand_in in download.hand_ins]
    students: list[Student] = []
    taken: set[str] = set()
    for hand_in, owner in sorted(
        zip(download.hand_ins, _apart(download.hand_ins, owners), strict=True), key=lambda pair: pair[1].key
    ):
        folder = folder_name(owner.key, taken)
        taken.add(folder.casefold())
        students.append(_student(hand_in, owner, folder, manifest, late))
    found = {person.id for owner in owners for person in owner.candidates}
    missing = [person for person in roster.people if person.id not in found] if roster else []
    return Class(download.platform, students, missing, download.notes)


def _apart(hand_ins: Sequence[HandIn], owners: Sequence[Owner]) -> list[Owner]:
    """The owners, with a key of its own for each of several hand-ins that are of one."""
    same: dict[str, list[str]] = defaultdict(list)
    for hand_in, owner in zip(hand_ins, owners, strict=True):
        same[normal(owner.key)].append(hand_in.where)
    found = []
    for hand_in, owner in zip(hand_ins, owners, strict=True):
        if len(all_of := same[normal(owner.key)]) > 1:
            key = f"{owner.key} ({hand_in.where})"
            told = (
                f"'{owner.key}' has several hand-ins ({', '.join(all_of)}): each is graded, this one as '{key}', "
                "but none is taken for the right one; keep that alone and run the batch again"
            )
            unclear = "; ".join(filter(None, (owner.unclear, told)))
            owner = replace(owner, key=key, standing=DUPLICATE, unclear=unclear)
        found.append(owner)
    return found


def _student(hand_in: HandIn, owner: Owner, folder: str, manifest: Manifest, late: Rule) -> Student:
    latest: Attempt | None = None
    earlier: tuple[Attempt, ...] = ()
    problem, notes = hand_in.problem, owner.notes
    if not problem:
        try:
            choice = choose(hand_in.files, manifest.file)
            notes = (*notes, *choice.notes)
            latest = _attempt(choice.latest, hand_in.where)
            earlier = tuple(_attempt(entry, hand_in.where) for entry in choice.earlier if entry.path is not None)
        except IntakeError as found:
            problem = str(found)
    return Student(
        key=owner.key,
        name=owner.name,
        email=owner.email,
        folder=folder,
        standing=owner.standing,
        where=hand_in.where,
        latest=latest,
        earlier=earlier,
        submitted=hand_in.submitted.isoformat() if hand_in.submitted else "",
        late=late.judge(hand_in.submitted, hand_in.late),
        problem=problem,
        notes=notes,
        unclear=owner.unclear,
        login=owner.login,
    )


def _attempt(entry: Entry, where: str) -> Attempt:
    if entry.path is None:
        raise IntakeError(f"{entry.name} {entry.problem or 'was not taken'}")
    digest = hashlib.sha256()
    try:
        with entry.path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as problem:
        raise IntakeError(f"{entry.name} cannot be read ({problem.strerror}); check its permissions") from None
    return Attempt(PurePosixPath(entry.name).name, f"{where}/{entry.name}", entry.path, digest.hexdigest())


def folder_name(key: str, taken: Iterable[str] = ()) -> str:
    """A name for a student's folder that every file system takes, readable where the key allows it.

    `taken`: names, without case, that others have already.
    """
    plain = re.sub(r"[^A-Za-z0-9._@+-]+", "_", key).strip("._ ")[:SLUG]
    if plain and plain == key and plain.casefold() not in taken:
        return plain
    return f"{plain or 'student'}-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
