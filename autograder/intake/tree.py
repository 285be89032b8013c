"""List the files of a folder or archive, with those of the archives in it; links are not followed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.intake.archives import (
    BULK,
    STUDENT,
    ArchiveError,
    Caps,
    is_archive,
    is_hidden,
    is_ignored,
    is_wanted,
    printable,
    unpack,
)
from autograder.intake.errors import IntakeError

MOST_FILES = 500_000
JOURNAL = b'{"journal": '  # the beginning of a batch's journal
DEEPEST = 16  # nested folders and archives


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes:
        name: its path in the download, with "/"; an archive counts as a folder.
        path: where its bytes are; None if they were not read, such as those of a type that is not graded.
        problem: why its bytes were not read although its type is graded, "" otherwise.
        upload: number of the upload, higher is later; 0 if the platform has no numbers.
    """

    name: str
    path: Path | None
    problem: str = ""
    upload: int = 0

    def below(self, parts: int) -> Entry:
        """The same file without the first `parts` parts of its name."""
        return replace(self, name="/".join(self.name.split("/")[parts:]))


@dataclass
class Tree:
    """The files of a download.

    Attributes:
        name: of the folder or archive. entries: all files, by name. archives: names of unpacked archives.
        refused: archives that were not unpacked, and why. clones: folders that are git repositories.
        notes: on ignored files, for the instructor.
    """

    name: str
    entries: list[Entry] = field(default_factory=list)
    archives: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    clones: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def below(self, folder: str) -> Tree:
        """The tree of one folder of the top level, with names relative to it."""
        start = f"{folder}/"

        def within(names: set[str]) -> set[str]:
            return {name[len(start) :] for name in names if name.startswith(start)}

        return Tree(
            name=folder,
            entries=[entry.below(1) for entry in self.entries if entry.name.startswith(start)],
            archives=within(self.archives),
            refused={n[len(start) :]: why for n, why in self.refused.items() if n.startswith(start)},
            clones=within(self.clones),
            notes=self.notes,
        )

    def tops(self) -> list[str]:
        """The first parts of all names, sorted, including archives that were refused."""
        return sorted({name.split("/")[0] for name in (*(entry.name for entry in self.entries), *self.refused)})


def read_tree(source: Path, scratch: Path) -> Tree:
    """List a folder, an archive or a single file; archives are unpacked below the empty folder `scratch`.

    Raises:
        IntakeError: it does not exist, the archive itself cannot be unpacked, or it is the output of a batch.
    """
    try:
        if is_batch_output(source):
            raise IntakeError(f"{source} is the output of a batch; give the folder of the hand-ins")
        if source.is_dir():
            tree = Tree(source.resolve().name)
            _walk(source, tree, scratch)
        elif not source.exists():
            raise IntakeError(f"{source} does not exist; check the path")
        elif is_archive(source.name):
            tree = Tree(source.name)
            _open(source, "", tree, scratch, BULK)
        else:
            tree = Tree(source.stem, [Entry(source.name, source)])
    except PermissionError as problem:
        raise IntakeError(f"{problem.filename or source} cannot be read (no permission); check its owner") from None
    except ArchiveError as problem:
        raise IntakeError(f"{source}: {problem.what}; download it again, or unpack it and give the folder") from None
    tree.entries.sort(key=lambda entry: entry.name)
    return tree


def is_batch_output(folder: Path) -> bool:
    """Whether this folder is the output of a batch: it contains the journal."""
    journal = folder / "journal.jsonl"
    try:
        if not journal.is_file():
            return False
        with journal.open("rb") as file:
            return file.read(len(JOURNAL)) == JOURNAL
    except OSError:
        return False


def _walk(source: Path, tree: Tree, scratch: Path) -> None:
    for name, path in _files(source, "", tree, 0):
        if len(tree.entries) > MOST_FILES:
            raise IntakeError(f"{source} holds more than {MOST_FILES:,} files; give the folder with the hand-ins alone")
        if is_archive(name):
            _nested(path, name, tree, scratch)
        else:
            tree.entries.append(Entry(name, path if is_wanted(name) else None))


def _files(folder: Path, prefix: str, tree: Tree, depth: int) -> Iterator[tuple[str, Path]]:
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as problem:
        if depth == 0:
            raise IntakeError(f"{folder} cannot be read ({problem.strerror}); check its permissions") from None
        tree.notes.append(f"{prefix.rstrip('/')} cannot be read ({problem.strerror})")
        tree.entries.append(Entry(f"{prefix}the folder", None, f"cannot be read ({problem.strerror})"))
        return
    if any(entry.name == ".git" for entry in found):
        tree.clones.add(prefix.rstrip("/"))
    found = [entry for entry in found if not is_ignored(entry.name) and not (is_hidden(entry.name) and entry.is_dir())]
    if depth and not found:
        tree.entries.append(Entry(f"{prefix}the folder", None, "is empty, apart from files of tools"))
    for entry in found:
        name = f"{prefix}{printable(entry.name)}"
        if entry.is_symlink():
            tree.entries.append(Entry(name, None, "is a link, and links are not followed"))
        elif entry.is_dir():
            if is_batch_output(Path(entry.path)):
                tree.notes.append(f"{name}: the output of a batch; ignored")
            elif depth < DEEPEST:
                yield from _files(Path(entry.path), f"{name}/", tree, depth + 1)
            else:
                _too_deep(name, tree)
        elif entry.is_file():
            yield name, Path(entry.path)
        else:
            tree.entries.append(Entry(name, None, "is not a regular file"))


def _too_deep(folder: str, tree: Tree) -> None:
    tree.notes.append(f"{folder}: deeper than {DEEPEST} folders; ignored")
    tree.entries.append(Entry(folder, None, f"is deeper than {DEEPEST} folders"))


def _nested(path: Path, name: str, tree: Tree, scratch: Path) -> None:
    """Unpack a student's archive; an error in it is reported for that student only."""
    before = len(tree.entries)
    try:
        _open(path, f"{name}/", tree, scratch, STUDENT)
        tree.archives.add(name)
        if len(tree.entries) == before:
            tree.entries.append(Entry(f"{name}/the archive", None, "is empty, apart from files of tools"))
    except ArchiveError as problem:
        tree.refused[name] = str(problem)
    except PermissionError:
        tree.refused[name] = "cannot be read (no permission)"


def _open(path: Path, prefix: str, tree: Tree, scratch: Path, caps: Caps) -> None:
    entries: list[Entry] = []
    nested: list[Entry] = []
    deep: dict[str, str] = {}
    for member in unpack(path, Path(tempfile.mkdtemp(dir=scratch)), caps):
        entry = Entry(f"{prefix}{member.name}", member.path, member.problem)
        if member.clone:
            if caps is BULK:  # a clone in a student's archive is an ordinary folder
                tree.clones.add(entry.name)
        elif entry.name.count("/") > DEEPEST:
            parts = entry.name.split("/")
            deep.setdefault(parts[0], "/".join(parts[: DEEPEST + 1]))  # one note for each student
        else:
            (nested if is_archive(member.name) and member.path is not None else entries).append(entry)
    tree.entries += entries
    for folder in deep.values():
        _too_deep(folder, tree)
    for entry in nested:
        if caps is STUDENT:
            tree.entries.append(Entry(entry.name, None, "is an archive in an archive, which is not opened"))
        elif entry.path is not None:
            _nested(entry.path, entry.name, tree, scratch)
