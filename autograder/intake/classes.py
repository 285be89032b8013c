"""Read a whole class: who handed in what, which file is graded, and what is unclear."""

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
    """One submitted file: `where` it was in the download, and the `path` of its bytes now."""

    name: str
    where: str
    path: Path
    sha256: str

    def read(self, manifest: Manifest, owner: str = "") -> Submission:
        """Read the file; IntakeError if it cannot be graded."""
        try:
            return replace(read_submission(self.path, manifest, owner), name=self.name)
        except IntakeError as problem:
            raise IntakeError(
                str(problem).replace(str(self.path), self.name).replace(self.path.name, self.name)
            ) from None


@dataclass(frozen=True)
class Student:
    """One student and their submission.

    Attributes:
        key: the roster's identifier, or the platform's without a roster. name, email, login: "" if unknown.
        folder: name of the folder for reports. standing: "listed", "unlisted" (not in the roster), "duplicate" (several
            submissions or several people could be meant), "no roster".
        where: path of the submission in the download. latest: the file that is graded, None if there is none.
        earlier: previous attempts, oldest first. submitted: ISO 8601, "" if unknown. late: None if on time.
        problem: why there is nothing to grade. notes: for the instructor.
        unclear: why the author is unclear, and what to do; "" unless "unlisted" or "duplicate".
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
    """The students with a submission, the people of the roster without one, and notes on ignored files."""

    platform: str
    students: list[Student]
    missing: list[Person]
    notes: list[str]


def read_class(
    source: Path, scratch: Path, manifest: Manifest, late: Rule, roster: Roster | None = None, assignment: str = ""
) -> Class:
    """Read the download of a learning platform: a folder, an archive, a single file.

    Args:
        source: of the download. scratch: an empty private folder for unpacked archives; the files are read later.
        late: the rule for late submissions. roster: the class list, if there is one.
        assignment: which one, if nbgrader's folder has several.

    Raises:
        IntakeError: it cannot be read or contains no submission. OSError: `scratch` cannot be written.
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
    """The owners, with different keys for several submissions of one owner."""
    same: dict[str, list[str]] = defaultdict(list)
    for hand_in, owner in zip(hand_ins, owners, strict=True):
        same[normal(owner.key)].append(hand_in.where)
    found = []
    for hand_in, owner in zip(hand_ins, owners, strict=True):
        if len(all_of := same[normal(owner.key)]) > 1:
            key = f"{owner.key} ({hand_in.where})"
            several = (
                f"'{owner.key}' has several hand-ins ({', '.join(all_of)}): each is graded, this one as '{key}', "
                "but none is chosen; keep only the right one and run the batch again"
            )
            unclear = "; ".join(filter(None, (owner.unclear, several)))
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
        raise IntakeError(f"{entry.name} {entry.problem or 'was not unpacked'}")
    digest = hashlib.sha256()
    try:
        with entry.path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as problem:
        raise IntakeError(f"{entry.name} cannot be read ({problem.strerror}); check its permissions") from None
    return Attempt(PurePosixPath(entry.name).name, f"{where}/{entry.name}", entry.path, digest.hexdigest())


def folder_name(key: str, taken: Iterable[str] = ()) -> str:
    """A name for a student's folder that is valid on every file system, and readable if the key allows it.

    `taken`: casefolded names that are in use.
    """
    plain = re.sub(r"[^A-Za-z0-9._@+-]+", "_", key).strip("._ ")[:SLUG]
    if plain and plain == key and plain.casefold() not in taken:
        return plain
    return f"{plain or 'student'}-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
