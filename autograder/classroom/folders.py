"""The folders of a batch: input, output and scratch."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from autograder.classroom.journal import JournalError

try:
    import fcntl
except ImportError:  # not on Windows, where the scratch folders of killed runs are not removed
    fcntl = None  # type: ignore[assignment]

UNPACKED, LOCK = "dml-class-", ".lock"


class FolderError(ValueError):
    """Input and output overlap; the message is one line that says what to do."""


def keep_apart(source: Path, out: Path) -> None:
    """Raise FolderError if one of input and output contains the other."""
    read, written = source.resolve(), out.resolve()
    if read == written:
        raise FolderError(f"--out {out}: it is the input itself; name another folder")
    if read in written.parents:
        raise FolderError(f"--out {out}: it is inside the input {source}; name a folder outside of it")
    if written in read.parents:
        raise FolderError(f"--out {out}: the input {source} is inside it; name another folder")


def make_out(out: Path) -> Path:
    """Create the output folder; JournalError if that fails or the folder is not writable."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not os.access(out, os.W_OK | os.X_OK):
            raise PermissionError(None, "no permission")
    except (FileExistsError, NotADirectoryError):
        raise JournalError(f"--out {out}: it is a file or below one; name a folder") from None
    except OSError as problem:
        raise JournalError(f"--out {out}: it cannot be written ({problem.strerror}); name another folder") from None
    return out


def move_aside(folder: Path, into: Path) -> None:
    """Move a folder into another one, which is created; a number is added to its name if that is taken."""
    into.mkdir(parents=True, exist_ok=True)
    names = (folder.name if number == 1 else f"{folder.name}-{number}" for number in count(1))
    folder.rename(next(into / name for name in names if not os.path.lexists(into / name)))


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty private folder for unpacked archives, removed at the end, together with those of killed runs."""
    _remove_leftovers()
    with tempfile.TemporaryDirectory(prefix=UNPACKED) as name:
        lock = _locked(Path(name))
        try:
            inside = Path(name) / "files"
            inside.mkdir()
            yield inside
        finally:
            if lock is not None:
                os.close(lock)


def _locked(folder: Path) -> int | None:
    """Lock the folder for the lifetime of this process; the lock file gets its name once the lock is held."""
    if fcntl is None:
        return None
    lock = os.open(folder / ".new", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.rename(folder / ".new", folder / LOCK)
    return lock


def _remove_leftovers() -> None:
    """Remove this user's scratch folders whose lock is free."""
    for folder in Path(tempfile.gettempdir()).glob(f"{UNPACKED}*") if fcntl is not None else ():
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
