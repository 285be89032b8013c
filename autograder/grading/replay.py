"""Repeat a grade from its record, and say whether it is the same bit for bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from assignment.manifest import Manifest
from autograder.grading.record import Record, RecordError, Tree, from_json, to_json
from autograder.intake import IntakeError, Submission
from autograder.intake.submission import read_submission

KEPT = "handed_in"  # what a batch calls the bytes that it keeps beside a record
MOST_BYTES = 256 << 20
OTHER = ("measured", "hand_in")  # what differs from run to run, and what a batch knows about the person
MOST_DIFFERENCES = 20


class ReplayError(IntakeError):
    """The record cannot be replayed; the message is one line that says what to do."""


@dataclass(frozen=True)
class Past:
    """A recorded grade: the record, and the file that was graded."""

    record: Record
    file: Path

    @property
    def seed(self) -> int:
        """The seed of all its inputs."""
        return self.record.seed

    def named(self, submission: Submission) -> Submission:
        """The submission under the name and of the owner that the record states."""
        return replace(submission, name=self.record.submission.name, owner=self.record.submission.owner)

    @property
    def tasks(self) -> tuple[str, ...] | None:
        """Ids of the tasks that were asked for, None for all."""
        return self.record.asked_tasks


def read_past(path: Path, file: Path | None = None) -> Past:
    """Read a record, and find the file that it is about: `file`, or the one that a batch kept beside the record.

    Raises:
        ReplayError: it is not a record, the file is missing, or it is not the one that was graded.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ReplayError(f"{path} is too large for a record; give the record.json of a grade")
        record = from_json(path.read_bytes())
    except OSError as problem:
        raise ReplayError(f"the record {path} cannot be read ({problem.strerror}); check the path") from None
    except RecordError as problem:
        raise ReplayError(f"{path} is not a record ({problem}); give the record.json of a grade") from None
    if file is None:
        kept = sorted(path.parent.glob(f"{KEPT}.*"))
        if not kept:
            name = record.submission.name
            raise ReplayError(f"the graded file is not beside {path}; give it, too: grade {name} --replay {path}")
        file = kept[0]
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as problem:
        raise ReplayError(f"{file} cannot be read ({problem.strerror}); check the path") from None
    if found != record.submission.sha256:
        raise ReplayError(f"{file} is not the file of {path}: its SHA-256 differs; give the one that was graded")
    return Past(record, file)


def source_beside(record: Path, manifest: Manifest) -> str:
    """The text that was graded, if it lies beside the record; "" if not, or if it can no longer be read."""
    for kept in sorted(record.parent.glob(f"{KEPT}.*"))[:1]:
        try:
            return read_submission(kept, manifest).source
        except IntakeError:
            return ""
    return ""


def differences(old: Record, new: Record) -> list[str]:
    """Where two records of one file differ, as paths with both values; none if they are the same bit for bit.

    What a record says about the person and the place is left out: owner, name of the file, times and memory.
    """
    return list(_walk(_comparable(old), _comparable(new), ""))


def _comparable(record: Record) -> Tree:
    tree = {key: value for key, value in json.loads(to_json(record)).items() if key not in OTHER}
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
