"""Repeat a grade from its record and compare the records bit for bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from assignment.manifest import Manifest
from autograder.grading.record import Record, RecordError, Tree, read_record, to_json
from autograder.intake import IntakeError, Submission
from autograder.intake.submission import read_submission

KEPT = "handed_in"  # a batch copies the submitted file beside its record, under this name and its own extension
NOT_COMPARED = ("measured", "hand_in")  # differ from run to run, or are about the student
MOST_DIFFERENCES = 20


class ReplayError(IntakeError):
    """The record cannot be replayed; the message is one line that says what to do."""


@dataclass(frozen=True)
class Past:
    """A recorded grade: the record and the graded file."""

    record: Record
    file: Path

    @property
    def seed(self) -> int:
        """The seed of all inputs."""
        return self.record.seed

    def named(self, submission: Submission) -> Submission:
        """The submission with the name and the owner of the record."""
        return replace(submission, name=self.record.submission.name, owner=self.record.submission.owner)

    @property
    def tasks(self) -> tuple[str, ...] | None:
        """Ids of the chosen tasks, None for all."""
        return self.record.asked_tasks


def read_past(path: Path, file: Path | None = None) -> Past:
    """Read a record and the path of the graded file: `file`, or the copy that a batch keeps beside the record.

    Raises:
        ReplayError: it is not a record, the file is missing, or another file was graded.
    """
    try:
        record = read_record(path)
    except OSError as problem:
        raise ReplayError(f"{path}: the record cannot be read ({problem.strerror}); check the path") from None
    except RecordError as problem:
        raise ReplayError(f"{path}: it is not a record ({problem}); give the record.json of a grade") from None
    if file is None:
        kept = sorted(path.parent.glob(f"{KEPT}.*"))
        if not kept:
            name = record.submission.name
            raise ReplayError(f"{path}: the graded file is not beside it; add the file: grade {name} --replay {path}")
        file = kept[0]
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as problem:
        raise ReplayError(f"{file}: it cannot be read ({problem.strerror}); check the path") from None
    if found != record.submission.sha256:
        raise ReplayError(f"{file}: its SHA-256 is not that of the record {path}; give the file that was graded")
    return Past(record, file)


def source_beside(record: Path, manifest: Manifest) -> str:
    """The source of the graded file beside the record; "" if there is none or it cannot be read."""
    for kept in sorted(record.parent.glob(f"{KEPT}.*"))[:1]:
        try:
            return read_submission(kept, manifest).source
        except IntakeError:
            return ""
    return ""


def differences(old: Record, new: Record) -> list[str]:
    """Differences of two records of one file, as paths with both values; empty if they are equal bit for bit.

    Owner, name of the file, times and memory are not compared.
    """
    return list(_walk(_comparable(old), _comparable(new), ""))


def _comparable(record: Record) -> Tree:
    tree = {key: value for key, value in json.loads(to_json(record)).items() if key not in NOT_COMPARED}
    tree["submission"] = {"sha256": record.submission.sha256}
    return tree


def _walk(old: JsonValue, new: JsonValue, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in (*old, *(key for key in new if key not in old)):
            yield from _walk(old.get(key, "nothing"), new.get(key, "nothing"), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            name = before.get("id") or before.get("name") if isinstance(before, dict) else None
            yield from _walk(before, after, f"{path}[{name or number}]")
    elif json.dumps(old) != json.dumps(new):
        yield f"{path}: {json.dumps(old)[:120]} → {json.dumps(new)[:120]}"
