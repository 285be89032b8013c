"""What `batch` and `grade` wrote, as the exports need it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.batch import SUMMARY
from autograder.exports import ExportError
from autograder.summary import GRADED, SCHEMA

Tree = dict[str, Any]
MOST_BYTES = 256 << 20


@dataclass(frozen=True)
class Result:
    """One student.

    Attributes:
        key, name, email: who. state: "graded", or why there is no grade; `problem` says it in words.
        row: of class.json. folder: where the record is, None if there is none.
    """

    key: str
    name: str
    email: str
    state: str
    problem: str
    row: Tree
    folder: Path | None

    @property
    def graded(self) -> bool:
        """Whether there is a grade."""
        return self.state == GRADED

    def final(self, bonus: bool = True) -> float:
        """Points after what lateness costs, bonus points included unless they are not wanted."""
        return round(self.row["final"]["points"] + (self.row["final"]["bonus"] if bonus else 0.0), 6)

    @property
    def loss(self) -> float:
        """The part of the points that lateness took."""
        return float((self.row["late"] or {}).get("loss") or 0.0)

    def record(self) -> Tree:
        """The record; ExportError if it is gone."""
        return read_record(self.folder / "record.json") if self.folder else {}


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
    tree = _json(path)
    if not isinstance(tree, dict) or tree.get("schema") != SCHEMA:
        raise ExportError(f"{path} is no summary of schema {SCHEMA}; run the batch again with this grader")
    try:
        students = [_result(row, folder) for row in tree["students"]]
        return Results(students, str(tree["platform"]), float(tree["possible"]["points"]), tree)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ExportError(f"{path} is not whole ({type(problem).__name__}); run the batch again") from None


def _result(row: Tree, folder: Path) -> Result:
    float(row["final"]["points"]) + float(row["final"]["bonus"])
    own = folder / row["folder"]
    kept = own if row["state"] == GRADED else None
    return Result(str(row["key"]), str(row["name"]), str(row["email"]), row["state"], str(row["problem"]), row, kept)


def of_record(path: Path) -> Result:
    """The Result of one record.json, which may be of a single `grade`."""
    record = read_record(path)
    try:
        hand_in = record.get("hand_in") or {}
        late = hand_in.get("late")
        kept = 1 - float((late or {}).get("loss") or 0.0)
        final = {"points": round(record["points"] * kept, 6), "bonus": round(record["bonus"] * kept, 6)}
        row = {"late": late, "final": final, "points": record["points"], "bonus": record["bonus"], "folder": ""}
        name = str(record["submission"]["owner"])
        return Result(str(hand_in.get("key") or name), name, "", GRADED, "", row, path.parent)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise ExportError(f"{path} is no whole record ({type(problem).__name__}); grade again") from None


def graded_in(paths: Sequence[Path]) -> list[Result]:
    """Everybody in these folders of batches, folders of records, and records."""
    found: list[Result] = []
    for path in paths:
        if (path / SUMMARY).is_file():
            found += read_results(path).students
            continue
        records = sorted(path.rglob("record.json")) if path.is_dir() else [path]
        if not records:
            raise ExportError(f"{path} holds no record.json; give what 'grade --out' or 'batch --out' wrote")
        found += map(of_record, records)
    return found


def read_record(path: Path) -> Tree:
    """Read a record.json; ExportError, in one line, if it is none."""
    record = _json(path)
    if not isinstance(record, dict) or not {"submission", "points", "bonus", "tasks", "measured"} <= set(record):
        raise ExportError(f"{path} is no record of this grader; give the record.json of --out")
    return record


def tests_of(record: Tree) -> Iterator[tuple[Tree, Tree]]:
    """All (task, test) entries of a record."""
    for task in record["tasks"]:
        for test in task["tests"]:
            yield task, test


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ExportError(f"{path} is too large to be one of ours")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise ExportError(f"{path} cannot be read ({problem.strerror}); check the path") from None
    except (ValueError, RecursionError):
        raise ExportError(f"{path} is not JSON; give what 'grade --out' or 'batch --out' wrote") from None
