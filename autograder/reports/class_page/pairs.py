"""Similar submissions of a class: found in a process of its own and cached beside class.json."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assignment.files import write_whole
from assignment.manifest import Manifest
from assignment.text import one_line
from autograder.classroom.class_file import StudentRow
from autograder.grading.reference_files import reference, template
from autograder.reports import similar
from autograder.reports.class_page.reading import read_sources

FILE = "similar.json"
SECONDS = 120.0  # for all files; one takes 0.04
MORE_SECONDS = 30.0  # for starting, reading and writing, before the process is killed


@dataclass(frozen=True)
class Pair:
    """Two similar files: the keys of their authors, and how similar they are."""

    first: list[str]
    second: list[str]
    shares: tuple[float, float]
    where: tuple[str, ...]


@dataclass
class Alike:
    """Similar files of a class.

    Attributes:
        same: groups of keys whose files differ only in names, comments and layout. more: number of further pairs.
        notes: why pairs may be missing.
    """

    pairs: list[Pair] = field(default_factory=list)
    same: list[list[str]] = field(default_factory=list)
    more: int = 0
    notes: list[str] = field(default_factory=list)


def find(folder: Path, rows: Sequence[StudentRow], manifest: Manifest, seconds: float = SECONDS) -> Alike:
    """Compare all different files of a class; failures become notes, since grades do not depend on this."""
    sources = read_sources(folder, rows, manifest)
    owners: dict[str, list[str]] = {sha: [] for sha in sources}
    for row in rows:
        if row.sha256 in owners:
            owners[row.sha256].append(row.key)
    who = list(owners.values())
    if len(sources) < 2:
        return Alike()
    stamp = _stamp(list(sources))
    found = _cached(folder / FILE, stamp)
    if found is None:
        try:
            found = _compare(list(sources.values()), seconds)
        except subprocess.TimeoutExpired:
            return Alike(notes=["The files could not be compared in the time given."])
        except (OSError, ValueError, KeyError, TypeError):
            return Alike(notes=["The files could not be compared: the process ended early."])
        if not found.unfinished:
            write_whole(folder / FILE, json.dumps({"for": stamp, "found": found.to_json()}) + "\n")
    try:
        return _named(found, who)
    except IndexError:
        return Alike(notes=[f"{FILE} is damaged; remove it to have the files compared again."])


def _named(found: similar.Found, who: list[list[str]]) -> Alike:
    notes = [f"Pairs may be missing: {found.unfinished}."] if found.unfinished else []
    for reason in sorted({*found.skipped.values()}):
        skipped = [one_line(key, 80) for place, why in found.skipped.items() if why == reason for key in who[place]]
        some = ", ".join(skipped[:10]) + (f" and {len(skipped) - 10} more" if len(skipped) > 10 else "")
        notes.append(f"Not compared ({one_line(reason, 80)}): {some}.")
    return Alike(
        pairs=[Pair(who[p.first], who[p.second], p.shares, tuple(map(one_line, p.where))) for p in found.pairs],
        same=[[key for place in places for key in who[place]] for places in found.same],
        more=found.more,
        notes=notes,
    )


def _stamp(hashes: list[str]) -> str:
    """A hash of everything that the result depends on: files, template, reference and the code that compares."""
    code = Path(similar.__file__).read_text(encoding="utf-8")
    return hashlib.sha256("\0".join([code, reference(), template(), *hashes]).encode()).hexdigest()


def _cached(path: Path, stamp: str) -> similar.Found | None:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        return similar.Found.from_json(tree["found"]) if tree["for"] == stamp else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _compare(files: list[str], seconds: float) -> similar.Found:
    asked = {"files": files, "known": [reference(), template()], "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", "autograder.reports.similar"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
        timeout=seconds + MORE_SECONDS,
        check=False,
    )
    return similar.Found.from_json(json.loads(done.stdout))
