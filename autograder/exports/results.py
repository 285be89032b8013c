"""What `batch` and `grade` wrote, as the exports need it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.batch import EARLIER, STUDENTS, SUMMARY
from autograder.exports import ExportError
from autograder.lateness import after_loss
from autograder.summary import GRADED, SCHEMA

Tree = dict[str, Any]
MOST_BYTES = 256 << 20
RECORD = "record.json"
IN_A_CLASS = frozenset("students platform possible tasks missing".split())
IN_A_ROW = frozenset("standing late points bonus submitted attempts p_at_1 flags misconceptions tasks".split())


@dataclass(frozen=True)
class Result:
    """One student.

    Attributes:
        key, name, email: who. state: "graded", or why there is no grade; `problem` says it in words.
        row: of class.json. folder: where the record is, None if there is none. file: the record's name in it.
    """

    key: str
    name: str
    email: str
    state: str
    problem: str
    row: Tree
    folder: Path | None
    file: str = RECORD

    @property
    def graded(self) -> bool:
        """Whether there is a grade."""
        return self.state == GRADED

    @property
    def standing(self) -> str:
        """What the batch found out about who it is: one of the words of `intake.classes`, "" if there was no batch."""
        return str(self.row.get("standing") or "")

    @property
    def login(self) -> str:
        """The login that the roster gives, "" if it gives none."""
        return str(self.row.get("login") or "")

    def final(self, bonus: bool = True) -> float:
        """Points after what lateness costs, bonus points included unless they are not wanted."""
        return round(self.row["final"]["points"] + (self.row["final"]["bonus"] if bonus else 0.0), 6)

    @property
    def loss(self) -> float:
        """The part of the points that lateness took."""
        return float((self.row["late"] or {}).get("loss") or 0.0)

    @property
    def path(self) -> Path:
        """The record's file, which is there for who has a grade."""
        return (self.folder or Path()) / self.file

    def record(self) -> Tree:
        """The record; ExportError if it is gone."""
        return read_record(self.path, "run the batch again, it writes it anew") if self.folder else {}


@dataclass(frozen=True)
class Results:
    """A class. `possible`: ordinary points; `tree`: all of class.json."""

    students: list[Result]
    platform: str
    possible: float
    tree: Tree


def read_results(folder: Path) -> Results:
    """Read the folder that `batch --out` wrote; ExportError if it is none."""
    path = folder / SUMMARY
    if not folder.is_dir() or not path.is_file():
        raise ExportError(f"{folder} holds no {SUMMARY}; give the folder that 'batch --out' wrote")
    tree = _json(path, "check its permissions")
    if not isinstance(tree, dict) or tree.get("schema") != SCHEMA:
        raise ExportError(f"{path} is no summary of schema {SCHEMA}; run the batch again with this grader")
    try:
        if missing := IN_A_CLASS - set(tree):
            raise KeyError(*missing)
        students = [_result(row, folder) for row in tree["students"]]
        return Results(students, str(tree["platform"]), float(tree["possible"]["points"]), tree)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ExportError(f"{path} is not whole ({type(problem).__name__}); run the batch again") from None


def _result(row: Tree, folder: Path) -> Result:
    if missing := IN_A_ROW - set(row):
        raise KeyError(*missing)
    float(row["final"]["points"]) + float(row["final"]["bonus"])
    own = folder / row["folder"]
    kept = own if row["state"] == GRADED else None
    return Result(str(row["key"]), str(row["name"]), str(row["email"]), row["state"], str(row["problem"]), row, kept)


def of_record(path: Path) -> Result:
    """The Result of one record, which may be of a single `grade`."""
    record = read_record(path, "check the path")
    try:
        hand_in = record.get("hand_in") or {}
        late = hand_in.get("late")
        loss = (late or {}).get("loss")
        final = {"points": after_loss(record["points"], loss), "bonus": after_loss(record["bonus"], loss)}
        row = {"late": late, "final": final, "points": record["points"], "bonus": record["bonus"], "folder": ""}
        row["standing"] = hand_in.get("standing", "")
        owner = str(record["submission"]["owner"])
        key = str(hand_in.get("key") or owner)
        name = owner if owner != key else ""  # a batch writes the name there if it knows it
        return Result(key, name, "", GRADED, "", row, path.parent, path.name)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ExportError(f"{path} is no whole record ({type(problem).__name__}); grade again") from None


def graded_in(paths: Sequence[Path]) -> list[Result]:
    """Everybody in these folders of batches, folders of records, and records.

    What lies in a batch's folder goes by its class.json: records of earlier runs may lie there, too.

    Raises:
        ExportError: there is none, one cannot be read, or one is of an earlier run.
    """
    found: list[Result] = []
    for path in paths:
        home = _batch_around(path)
        found += _named(path, home) if home else _below(path)
    return found


def _named(path: Path, home: Path) -> list[Result]:
    """Whoever class.json names of what is at or below a path in the batch's folder `home`."""
    place = path.resolve()
    students = read_results(home).students
    if place in (home, home / STUDENTS):
        return students
    own = [result for result in students if (home / result.row["folder"]) in (place, place.parent)]
    if not own:
        raise ExportError(f"{path} is of an earlier run, {home / SUMMARY} does not name it; give who is in the class")
    return own


def _below(path: Path) -> list[Result]:
    """Everybody whose record is at or below a path; a batch's folder on the way is taken as a whole."""
    records = sorted(path.rglob(RECORD)) if path.is_dir() else [path]
    if not records:
        raise ExportError(f"{path} holds no {RECORD}; give what 'grade --out' or 'batch --out' wrote")
    found: list[Result] = []
    seen: set[Path] = set()
    for record in records:
        home = _batch_around(record)
        if home is None:
            found.append(of_record(record))
        elif home not in seen:
            seen.add(home)
            found += read_results(home).students
    return found


def _batch_around(path: Path) -> Path | None:
    """The batch's folder that this is, or that this student's folder or record lies in; None if there is none."""
    place = path.resolve()
    if (place / SUMMARY).is_file():
        return place
    above = [folder for folder in (place, *place.parents[:2]) if folder.name in (STUDENTS, EARLIER)]
    return next((folder.parent for folder in above if (folder.parent / SUMMARY).is_file()), None)


def read_record(path: Path, advice: str) -> Tree:
    """Read a record; ExportError, in one line, if it is none, with the advice if it is not there."""
    record = _json(path, advice)
    if not isinstance(record, dict) or not {"submission", "points", "bonus", "tasks", "measured"} <= set(record):
        raise ExportError(f"{path} is no record of this grader; give the record.json of --out")
    return record


def tests_of(record: Tree) -> Iterator[tuple[Tree, Tree]]:
    """All (task, test) entries of a record."""
    for task in record["tasks"]:
        for test in task["tests"]:
            yield task, test


def _json(path: Path, advice: str) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ExportError(f"{path} is too large to be one of ours")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ExportError(f"{path} cannot be read ({problem.strerror}); {advice}") from None
    except (ValueError, RecursionError):
        raise ExportError(f"{path} is not JSON; give what 'grade --out' or 'batch --out' wrote") from None
