"""Choose which of a student's files is graded and which are earlier attempts; ambiguity is an error, not a guess."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from autograder.intake.errors import IntakeError
from autograder.intake.tree import Entry

KINDS = (".py", ".ipynb")
WEIGHTS = (".pt", ".pth", ".ckpt", ".safetensors")
NUMBERED = r"(?:[ _-]*\(?(\d{1,4})\)?)?"  # what browsers and platforms append: dml-2.py, dml (1).py
DATED = re.compile(r"\d")


@dataclass(frozen=True)
class Choice:
    """The file to grade, the earlier attempts (oldest first), and what the instructor should know."""

    latest: Entry
    earlier: tuple[Entry, ...] = ()
    notes: tuple[str, ...] = ()


def choose(files: Sequence[Entry], expected: str) -> Choice:
    """Choose among one student's files; `expected` is the name that the assignment asks for.

    A file of that name is chosen, or the only Python file or notebook; numbered names (`dml-2.py`) are later attempts.
    Of several folders the topmost one is used, or the last one if their names are numbered or dated. If the platform
    numbers uploads, the highest number is the latest attempt.

    Raises:
        IntakeError: there is no file to grade, or several could be meant.
    """
    stem = PurePosixPath(expected).stem
    named = re.compile(re.escape(stem) + NUMBERED, re.IGNORECASE)
    usable = [entry for entry in files if PurePosixPath(entry.name).suffix.lower() in KINDS]
    notes = [f"{entry.name} is not graded here; use `grade --checkpoint`" for entry in files if _weights(entry)]
    found = [entry for entry in usable if named.fullmatch(PurePosixPath(entry.name).stem)]
    if not found:
        level = min((entry.name.count("/") for entry in usable), default=0)
        found = [entry for entry in usable if entry.name.count("/") == level]
        if not found:
            raise IntakeError(_none(files, expected))
        if len(found) > 1:
            raise IntakeError(f"several files could be meant ({_listed(found)}); call the right one {expected}")
        notes.append(f"{found[0].name} is taken for {expected}")
        return _readable(Choice(found[0], (), tuple(notes)))
    folders: dict[str, list[Entry]] = {}
    for entry in found:
        folders.setdefault(str(PurePosixPath(entry.name).parent), []).append(entry)
    order = _ordered(folders, expected, notes)
    attempts = [entry for folder in order for entry in _numbered(folders[folder], named, notes)]
    return _readable(Choice(attempts[-1], tuple(attempts[:-1]), tuple(notes)))


def _ordered(folders: dict[str, list[Entry]], expected: str, notes: list[str]) -> list[str]:
    """The folders with attempts, the latest last."""
    level = min(len(PurePosixPath(folder).parts) for folder in folders)
    upper = [folder for folder in folders if len(PurePosixPath(folder).parts) == level]
    if deeper := [folder for folder in folders if folder not in upper]:
        notes.append(f"copies in folders were ignored: {', '.join(sorted(deeper))[:200]}")
    uploads = {folder: max(entry.upload for entry in folders[folder]) for folder in upper}
    if len(set(uploads.values()) - {0}) == len(upper):
        return sorted(upper, key=lambda folder: uploads[folder])
    if len(upper) > 1 and not all(DATED.search(PurePosixPath(folder).name) for folder in upper):
        listed = ", ".join(sorted(entry.name for folder in upper for entry in folders[folder]))[:200]
        raise IntakeError(f"several files could be meant ({listed}); keep one {expected}")
    return sorted(upper, key=_natural)


def _numbered(entries: list[Entry], named: re.Pattern[str], notes: list[str]) -> list[Entry]:
    """Files of one folder by upload, then by number; within an attempt the Python file comes last."""
    uploads: dict[str, int] = {}  # `dml.py` and `dml.ipynb` are separate uploads of one attempt
    for entry in entries:
        stem = PurePosixPath(entry.name).stem
        uploads[stem] = max(entry.upload, uploads.get(stem, 0))

    def rank(entry: Entry) -> tuple[int, int, int, int]:
        stem, suffix = PurePosixPath(entry.name).stem, PurePosixPath(entry.name).suffix.lower()
        match = named.fullmatch(stem)
        number = int(match.group(1) or 0) if match else 0
        return uploads[stem], number, -KINDS.index(suffix), entry.upload

    ordered = sorted(entries, key=rank)
    if len(ordered) > 1:
        notes.append(f"of {_listed(ordered)} the last one is graded")
    return ordered


def _readable(choice: Choice) -> Choice:
    if choice.latest.path is None:
        raise IntakeError(f"{choice.latest.name} {choice.latest.problem or 'was not unpacked'}")
    return choice


def _natural(text: str) -> list[tuple[int, int, str]]:
    """A key that sorts "2" before "10"."""
    return [(0, int(p), "") if p.isdigit() and p.isascii() else (1, 0, p) for p in re.split(r"(\d+)", text) if p]


def _weights(entry: Entry) -> bool:
    return entry.name.lower().endswith(WEIGHTS)


def _none(files: Sequence[Entry], expected: str) -> str:
    """The message that nothing can be graded, with the files there and what is wrong with them."""
    found = [f"{entry.name} {entry.problem}" for entry in files if entry.problem]
    found += [entry.name for entry in files if not entry.problem]
    listed = ", ".join(found[:6]) + (", …" if len(found) > 6 else "")
    return f"no Python file or notebook was handed in ({listed[:200] or 'nothing at all'}); hand in {expected}"


def _listed(files: Sequence[Entry]) -> str:
    return (", ".join(entry.name for entry in files[:6]) + (", …" if len(files) > 6 else ""))[:200]
