"""Make the class page of a batch."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from assignment.files import write_whole
from assignment.manifest import Manifest
from autograder.classroom.class_file import read_class_file
from autograder.reports.class_page import pairs, plots, reading, render
from autograder.reports.class_page.facts import Facts, collect
from autograder.reports.class_page.pseudonyms import pseudonyms as drawn

PAGE, SHARED = "class.html", "class-shared.html"


def make(folder: Path, manifest: Manifest, *, pseudonyms: bool = False, out: Path | None = None) -> Path:
    """Write the page and return its path.

    Args:
        folder: of a batch. out: file of the page; by default class.html there, class-shared.html with pseudonyms.
        pseudonyms: make a page for the class, with statistics and P@1 under pseudonyms, and no names.

    Raises:
        ClassFileError: the folder is not one of a batch, or damaged. OSError: the page cannot be written.
    """
    class_file = read_class_file(folder)
    out = out or folder / (SHARED if pseudonyms else PAGE)
    rows = class_file.students
    names = drawn(folder, [row.key for row in rows]) if pseudonyms else None
    flags, unread = reading.read_flags(folder, rows) if not pseudonyms else ({}, [])
    facts = collect(class_file, flags, unread, _relative(out, folder), names)
    alike = pairs.find(folder, rows, manifest) if not pseudonyms else pairs.Alike()
    text = render.render(facts, _plots(facts), alike)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, text)
    return out


def _relative(page: Path, folder: Path) -> PurePosixPath:
    try:
        return PurePosixPath(Path(os.path.relpath(folder, page.parent)).as_posix())
    except ValueError:  # another drive on Windows
        return PurePosixPath(folder.resolve().as_posix())


def _plots(facts: Facts) -> list[plots.Plot]:
    found = [plots.points(facts.points, facts.possible)] if facts.points and facts.possible else []
    found += [plots.p_at_1(facts.p_at_1)] if facts.p_at_1 else []
    if facts.seconds and len(facts.seconds) == len(facts.peak_mb):
        found.append(plots.effort(facts.seconds, facts.peak_mb))
    return found
