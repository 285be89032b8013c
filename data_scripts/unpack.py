"""Unpack an untrusted archive: only files and folders, only inside the target, within limits of number and size."""

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

PIECE = 1 << 20  # bytes
ADVICE = "download the official archive"


def unpack(archive: Path, target: Path, most_bytes: int, most_files: int) -> None:
    """Unpack a .tar, .tar.gz, .tgz or .zip into the folder `target`.

    Raises:
        Damaged: truncated or not an archive; or it contains a link, a device, a path outside the target, or more files
            or bytes than allowed. Files unpacked so far stay in `target`; the caller removes it.
        OSError: `target` cannot be written.
    """
    from tqdm import tqdm

    total = files = 0
    try:
        for name, content in tqdm(_members(archive), f"unpacking {archive.name}", unit=" files", disable=None):
            path = target / _inside(archive, name)
            files += 1
            if files > most_files:
                raise Damaged(f"{archive.name}: more than {most_files:,} files, its limit; {ADVICE}")
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb") as file:
                while piece := content.read(PIECE):
                    total += len(piece)
                    if total > most_bytes:
                        raise Damaged(f"{archive.name}: unpacks to more than {most_bytes:,} bytes, its limit; {ADVICE}")
                    file.write(piece)
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError) as problem:
        raise _cut(archive, problem) from None
    except OSError as problem:
        if problem.errno is None:  # errors of gzip have no number, those of the disk have one
            raise _cut(archive, problem) from None
        raise


def _cut(archive: Path, problem: Exception) -> Problem:
    reason = str(problem).partition("\n")[0].rstrip(": ")  # tarfile adds lines about other formats that it tried
    return Damaged(f"{archive}: incomplete or damaged ({reason}); download it again")


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and content of every file of an archive; folders are implied by their files."""
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
                raise Damaged(f"{archive.name}: '{_shown(member.name)}' is a link or a device; {ADVICE}")
            content = tar.extractfile(member)
            if content is not None:
                yield member.name, content


def _of_zip(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as zipped:
        for entry in zipped.infolist():
            if entry.is_dir():
                continue
            if (mode := entry.external_attr >> 16) and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise Damaged(f"{archive.name}: '{_shown(entry.filename)}' is a link or a device; {ADVICE}")
            if entry.flag_bits & 1:
                raise Damaged(f"{archive.name}: '{_shown(entry.filename)}' is encrypted; {ADVICE}")
            with zipped.open(entry) as content:
                yield entry.filename, content


def _inside(archive: Path, name: str) -> Path:
    """Return a member's path relative to the target; raise Damaged if it would be outside."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    wrong = not parts or ".." in parts or parts[0].startswith("/") or any(":" in part or "\0" in part for part in parts)
    if wrong or any(len(os.fsencode(part)) > 255 for part in parts):
        raise Damaged(f"{archive.name}: '{_shown(name)}' is a path outside its folder; {ADVICE}")
    return Path(*parts)


def _shown(name: str) -> str:
    return name.encode("unicode_escape").decode()[:80]
