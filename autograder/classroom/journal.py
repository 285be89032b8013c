"""The journal of a batch: an append-only list of finished grades, one line of JSON each.

The first line of `journal.jsonl` is its version; each further line has a grade's key and the hash of its record. The
record is in `grades/<key>.json`, on the disk before the line is written. If the process is killed or the disk is full,
at most the last line is incomplete; it is ignored and overwritten. Entries are never changed: the key depends on the
file, the tests and the seed, so a grade under other conditions has another key.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pydantic import JsonValue

from assignment.files import write_whole

VERSION = 1

try:
    import fcntl
except ImportError:  # not on Windows, where two batches in one folder are not prevented
    fcntl = None  # type: ignore[assignment]


class JournalError(OSError):
    """The journal cannot be used or written; the message is one line that says what to do."""


@dataclass(frozen=True)
class Entry:
    """One line: key of the grade, hash of its record, and facts for people who read the journal."""

    key: str
    record: str
    facts: dict[str, JsonValue]


class Journal:
    """The journal in the output folder of a batch. Use as a context manager: one process can open it at a time.

    Args:
        folder: the output folder, which is created if necessary.

    Raises:
        JournalError: the folder cannot be written, another run uses it, or the journal has another version.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.torn = 0  # bytes of an incomplete last line
        self.damaged = 0  # other lines that cannot be read
        try:
            (folder / "grades").mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as problem:
            raise unwritable(self.folder, problem) from None
        try:
            self._take_lock()
            for rest in (folder / "grades").glob(".*.[0-9]*"):  # of a run that was killed while it wrote
                rest.unlink()
            self._file = os.open(folder / "journal.jsonl", os.O_RDWR | os.O_CREAT, 0o600)
            self._end = self._read()
        except OSError as problem:
            os.close(self._lock)
            raise unwritable(self.folder, problem) from None

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
        os.close(self._lock)

    def record(self, key: str) -> str | None:
        """The record with this key, as it was added; None if it is missing or damaged."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        try:
            text = self._path(key).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        return text if digest(text) == entry.record else None

    def add(self, key: str, record: str, facts: dict[str, JsonValue]) -> None:
        """Write a grade to the disk; JournalError if that fails, and the journal is unchanged."""
        entry = Entry(key, digest(record), facts)
        try:
            write_whole(self._path(key), record)
            self._append({"key": key, "record": entry.record, **facts})
        except OSError as problem:
            raise unwritable(self.folder, problem) from None
        self.entries[key] = entry

    def _append(self, tree: dict[str, JsonValue]) -> None:
        data = json.dumps(tree, allow_nan=False).encode() + b"\n"
        try:
            os.lseek(self._file, self._end, os.SEEK_SET)
            done = 0
            while done < len(data):
                done += os.write(self._file, data[done:])
            os.ftruncate(self._file, self._end + len(data))
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise
        self._end += len(data)

    def _read(self) -> int:
        """Read all complete lines; return the offset of the next one."""
        end = 0
        with open(self._file, "rb", closefd=False) as file:
            file.seek(0)
            while line := file.readline():
                if not line.endswith(b"\n"):
                    self.torn = len(line)
                    break
                tree = _parsed(line)
                if end == 0:
                    self._check(tree)
                elif isinstance(key := tree.pop("key", None), str) and isinstance(
                    record := tree.pop("record", None), str
                ):
                    self.entries[key] = Entry(key, record, tree)
                else:
                    self.damaged += 1
                end += len(line)
        os.ftruncate(self._file, end)
        if end == 0:
            self._end = 0
            self._append({"journal": VERSION})
            end = self._end
        return end

    def _check(self, header: dict[str, JsonValue]) -> None:
        if header.get("journal") != VERSION:
            found = header.get("journal")
            what = f"it has version {found}" if isinstance(found, int) else "it is not a journal of this program"
            raise JournalError(f"{self.folder / 'journal.jsonl'}: {what}; name another folder with --out")

    def _take_lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalError(
                f"{self.folder}: it is in use by another run; wait for that or name another folder with --out"
            ) from None

    def _path(self, key: str) -> Path:
        return self.folder / "grades" / f"{key}.json"


def unwritable(path: Path, problem: OSError) -> JournalError:
    """The error that says that a path cannot be written."""
    if isinstance(problem, JournalError):
        return problem
    reason = problem.strerror or str(problem) or type(problem).__name__
    return JournalError(
        f"{path}: it cannot be written ({reason}); correct that and repeat the command, finished grades are kept"
    )


def _parsed(line: bytes) -> dict[str, JsonValue]:
    try:
        tree = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
