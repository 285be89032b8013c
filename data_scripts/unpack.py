"""Unpacking an archive that may be anything: only files and folders, only inside, only so many and so much."""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from data_scripts.errors import Damaged, Problem

PIECE = 1 << 20


def unpack(archive: Path, target: Path, most_bytes: int, most_files: int) -> None:
    """Unpack a .tar, .tar.gz, .tgz or .zip into the folder `target`.

    Raises:
        Damaged: cut short or no archive; or it holds a link, a device, a name that leads outside, more files or more
            bytes than allowed. What was unpacked until then stays in `target`, which is the caller's to remove.
        OSError: `target` cannot be written.
    """
    from tqdm import tqdm

    total = files = 0
    try:
        for name, content in tqdm(_members(archive), f"unpacking {archive.name}", unit=" files", disable=None):
            path = target / _inside(archive, name)
            files += 1
            if files > most_files:
                raise Damaged(f"{archive.name} holds more than {most_files:,} files, as no such data set does")
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                while piece := content.read(PIECE):
                    total += len(piece)
                    if total > most_bytes:
                        raise Damaged(f"{archive.name} unpacks to more than {most_bytes:,} bytes, as no such set does")
                    file.write(piece)
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError) as problem:
        raise _cut(archive, problem) from None
    except OSError as problem:
        if problem.errno is None:  # gzip's errors are of this kind, the disk's have a number
            raise _cut(archive, problem) from None
        raise


def _cut(archive: Path, problem: Exception) -> Problem:
    reason = str(problem).partition("\n")[0].rstrip(": ")  # tarfile lists on further lines what else it tried
    return Damaged(f"{archive} is half-downloaded or damaged ({reason}); fetch it again")


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every file of an archive; folders are left to the files in them."""
    if zipfile.is_zipfile(archive):
        yield from _of_zip(archive)
    else:
        yield from _of_tar(archive)


def _of_tar(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise Damaged(f"{archive.name}: '{_shown(member.name)}' is a link or a device; nothing of it was used")
            content = tar.extractfile(member)
            if content is not None:
                yield member.name, content


def _of_zip(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            if entry.is_dir():
                continue
            if (mode := entry.external_attr >> 16) and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise Damaged(
                    f"{archive.name}: '{_shown(entry.filename)}' is a link or a device; nothing of it was used"
                )
            if entry.flag_bits & 1:
                raise Damaged(f"{archive.name}: '{_shown(entry.filename)}' is encrypted; fetch the official file")
            with zipped.open(entry) as content:
                yield entry.filename, content


def _inside(archive: Path, name: str) -> Path:
    """A member's place below the target; Damaged where its name would lead elsewhere."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    wrong = not parts or ".." in parts or parts[0].startswith("/") or any(":" in part or "\0" in part for part in parts)
    if wrong or any(len(os.fsencode(part)) > 255 for part in parts):
        raise Damaged(f"{archive.name}: '{_shown(name)}' leads outside its folder; nothing of it was used")
    return Path(*parts)


def _shown(name: str) -> str:
    return name.encode("unicode_escape").decode()[:80]
