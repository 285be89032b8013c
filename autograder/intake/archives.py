"""Unpack untrusted archives: only files that can be graded, within limits, under names of our own.

The size of a zip's directory is checked before it is read; a tar is read once, as a stream whose bytes are counted.
Unpacked files are named by numbers. Links and devices are never created, and archives in a student's archive are not
opened.
"""

from __future__ import annotations

import bz2
import errno
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from assignment.text import one_line

ZIP, TAR = (".zip",), (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
OTHER = (".rar", ".7z", ".tar.zst", ".gz", ".bz2", ".xz")  # recognised, but not opened
METADATA = ("submission_metadata.yml", "timestamp.txt")
IGNORED = re.compile(r"__MACOSX|\._.*|\.DS_Store|\.git|__pycache__|\.ipynb_checkpoints|Thumbs\.db|desktop\.ini|\.venv")
HIDDEN = re.compile(r"\.[^.].*")
MB = 1 << 20
FILE_CAPS = {".py": 2 * MB, ".ipynb": 64 * MB, ".yml": 64 * MB, ".txt": 64 << 10}
PIECE = 1 << 18
LONGEST_NAME = 1024
UTF_8 = 0x800  # flag of a zip entry whose name is UTF-8
ENTRY_BYTES = 512  # largest mean size of an entry in a zip's directory
XZ_MEMORY = 96 * MB
RATIO, RATIO_FROM = 150, 8 * MB
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)  # LZMA may need gigabytes of memory
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.EIO)
BROKEN = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, struct.error, ValueError,
          RuntimeError, NotImplementedError, OverflowError, IndexError, KeyError)  # fmt: skip


HAND_IN_THE_CODE, PACK_AGAIN = "hand in the code alone", "pack it again"


class ArchiveError(ValueError):
    """The archive cannot be used; the message is one line.

    Attributes:
        what: what is wrong with it. advice: what its author can do, who is not always the reader of the message.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}; {advice}")
        self.what, self.advice = what, advice


@dataclass(frozen=True)
class Caps:
    """Limits of one archive: files and folders, unpacked bytes (of a tar: bytes read), its own bytes, compression."""

    files: int
    unpacked: int
    packed: int
    ratio: int


STUDENT = Caps(files=5_000, unpacked=256 * MB, packed=256 * MB, ratio=RATIO)
BULK = Caps(files=400_000, unpacked=200 << 30, packed=100 << 30, ratio=1 << 30)


@dataclass(frozen=True)
class Member:
    """One file of an archive, or one folder that is a git repository.

    Attributes:
        name: with "/". path: of the unpacked file, None if it was not unpacked. problem: why not.
        clone: whether this is the folder `name`, a clone; "" is the archive itself.
    """

    name: str
    path: Path | None
    problem: str = ""
    clone: bool = False


def is_archive(name: str) -> bool:
    """Whether the name is that of an archive, including kinds that are not unpacked."""
    return name.lower().endswith((*ZIP, *TAR, *OTHER))


def is_wanted(name: str) -> bool:
    """Whether a file of this name can be graded or is metadata of a platform."""
    return name.lower().endswith((".py", ".ipynb")) or name.rsplit("/", 1)[-1] in METADATA


def is_ignored(part: str) -> bool:
    """Whether a file or folder of this name is created by operating systems or tools."""
    return IGNORED.fullmatch(part) is not None


def is_hidden(folder: str) -> bool:
    """Whether a folder of this name is hidden, such as `.idea` and `.vscode`, which contain no submissions."""
    return HIDDEN.fullmatch(folder) is not None


def unpack(archive: Path, target: Path, caps: Caps) -> Iterator[Member]:
    """Yield the files of an archive and unpack those that are wanted into the folder `target`.

    Raises:
        ArchiveError: not an archive, truncated, encrypted, or over a limit. OSError: `target` cannot be written.
    """
    lower = archive.name.lower()
    if lower.endswith(OTHER) and not lower.endswith((*TAR, *ZIP)):
        raise ArchiveError(f"archives of type {archive.suffix} are not opened", "hand in a .zip")
    if archive.stat().st_size > caps.packed:
        raise ArchiveError(f"the archive has more than {caps.packed // MB} MB", HAND_IN_THE_CODE)
    found = _zip(archive, caps) if lower.endswith(ZIP) else _tar(archive, caps)
    seen: set[str] = set()
    clones: set[str] = set()
    try:
        for number, (name, content) in enumerate(found):
            if number >= caps.files:
                raise ArchiveError(f"the archive holds more than {caps.files:,} files", HAND_IN_THE_CODE)
            parts = _parts(name)
            if ".git" in parts and (clone := "/".join(parts[: parts.index(".git")])) not in clones:
                clones.add(clone)
                yield Member(clone, None, clone=True)
            if not parts or any(map(is_ignored, parts)) or any(map(is_hidden, parts[:-1])):
                continue
            clean = "/".join(parts)
            if clean in seen and is_wanted(clean):
                raise ArchiveError(f"the archive holds '{_shown(clean)}' twice", PACK_AGAIN)
            seen.add(clean)
            if isinstance(content, str) or not (is_wanted(clean) or is_archive(clean)):
                yield Member(clean, None, content if isinstance(content, str) else "")
                continue
            path = target / f"{number:06d}{_suffix(clean)}"
            yield Member(clean, *_copied(content, path, FILE_CAPS.get(_suffix(clean), caps.packed)))
    except BROKEN as problem:
        if isinstance(problem, ArchiveError):
            raise
        raise ArchiveError(f"the archive is damaged ({_reason(problem)})", PACK_AGAIN) from None
    except OSError as problem:
        if problem.errno not in DISK:  # raised by a decompressor, or by an invalid seek
            raise ArchiveError(f"the archive is damaged ({_reason(problem)})", PACK_AGAIN) from None
        raise


def _copied(content: _Reads, path: Path, limit: int) -> tuple[Path | None, str]:
    size = 0
    with path.open("xb") as file:
        while piece := content.read(PIECE):
            size += len(piece)
            if size > limit:
                break
            file.write(piece)
    if size <= limit:
        return path, ""
    path.unlink()
    return None, f"has more than {limit / MB:g} MB"


def _zip(archive: Path, caps: Caps) -> Iterator[tuple[str, _Reads | str]]:
    """Files of a zip: name, and content or the reason why it is not read."""
    with archive.open("rb") as file:
        size = _contents_size(file)
        if size is not None and size > caps.files * ENTRY_BYTES:
            raise ArchiveError(f"the archive holds more than {caps.files:,} files", HAND_IN_THE_CODE)
        total = 0
        with zipfile.ZipFile(file) as zipped:
            for entry in zipped.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16) if entry.create_system == 3 else 0
                name = _name_in_zip(entry)
                if entry.is_dir():
                    continue
                if kind not in (0, stat.S_IFREG):
                    yield name, "is a link or a device"
                elif entry.flag_bits & 1:
                    yield name, "is encrypted; pack it without a password"
                elif entry.compress_type not in METHODS:
                    yield name, "is compressed in a way that is not read; pack it as an ordinary zip"
                else:
                    with zipped.open(entry) as content:
                        counted = _Counted(content, caps, archive.stat().st_size, total)
                        yield name, counted
                        total = counted.total


def _name_in_zip(entry: zipfile.ZipInfo) -> str:
    """The name of an entry, as UTF-8 if possible: `zip` with LANG=C writes UTF-8 without setting the flag."""
    if entry.flag_bits & UTF_8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:  # another code page, which the zip does not name
        return entry.filename


def _contents_size(file: IO[bytes]) -> int | None:
    """Size of a zip's directory in bytes, from its end record (also of Zip64); None if there is none."""
    file.seek(0, 2)
    length = file.tell()
    file.seek(max(0, length - 66_000))
    tail = file.read()
    file.seek(0)
    found = tail.rfind(b"PK\5\6")
    if found < 0 or found + 22 > len(tail):
        return None
    (size,) = struct.unpack_from("<L", tail, found + 12)
    wide = tail.rfind(b"PK\6\6", 0, found)
    if wide >= 0 and wide + 48 <= len(tail):
        (size,) = struct.unpack_from("<Q", tail, wide + 40)
    return int(size)


def _tar(archive: Path, caps: Caps) -> Iterator[tuple[str, _Reads | str]]:
    """Files of a tar, compressed or not: name, and content or the reason why it is not read."""
    with archive.open("rb") as file:
        packed: Any = _Counted(_decompressed(file), caps, archive.stat().st_size)  # tarfile only calls read()
        with tarfile.open(fileobj=packed, mode="r|") as tar:
            for member in tar:
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    yield member.name, "is a link or a device"
                elif (content := tar.extractfile(member)) is not None:
                    yield member.name, content


class _Reads(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Counted:
    """A stream that raises ArchiveError when more bytes are read than the limits allow."""

    def __init__(self, stream: _Reads, caps: Caps, packed: int, total: int = 0) -> None:
        self.stream, self.caps, self.packed, self.total = stream, caps, packed, total

    def read(self, size: int = PIECE) -> bytes:
        data = self.stream.read(size)
        self.total += len(data)
        if self.total > self.caps.unpacked:
            raise ArchiveError(f"the archive unpacks to more than {self.caps.unpacked // MB} MB", HAND_IN_THE_CODE)
        if self.total > RATIO_FROM and self.total > self.caps.ratio * max(self.packed, 1):
            raise ArchiveError("the archive unpacks to hundreds of times its size", HAND_IN_THE_CODE)
        return data


def _decompressed(file: IO[bytes]) -> _Reads:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return _Stream(file, lambda: zlib.decompressobj(31))
    if magic.startswith(b"BZh"):
        return _Stream(file, bz2.BZ2Decompressor)
    if magic.startswith(b"\xfd7zXZ\0"):
        return _Stream(file, lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY))
    return file


class _Stream:
    """Decompresses a file in pieces, with bounded memory."""

    def __init__(self, file: IO[bytes], make: Any) -> None:
        self.file, self.make = file, make
        self.decompressor = make()
        self.rest = b""
        self.ended = False

    def read(self, size: int = PIECE) -> bytes:
        parts: list[bytes] = []
        while size > 0 and not self.ended:
            part = self._more(size)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _more(self, size: int) -> bytes:
        decompressor = self.decompressor
        if decompressor.eof:  # several compressed streams may follow each other
            self.rest = (decompressor.unused_data or self.file.read(PIECE)).lstrip(b"\0")
            self.ended = not self.rest
            self.decompressor = self.make()
            return b""
        waits = getattr(decompressor, "needs_input", not self.rest)
        data = self.rest if self.rest else self.file.read(PIECE) if waits else b""
        part = decompressor.decompress(data, size)
        if waits and not data and not part and not decompressor.eof:
            raise EOFError("it is truncated")
        self.rest = getattr(decompressor, "unconsumed_tail", b"")
        return part


def _parts(name: str) -> list[str]:
    """The parts of a member's name, printable; ArchiveError if the path leaves the archive."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in (".", "/")]
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name) or len(name) > LONGEST_NAME:
        raise ArchiveError(f"'{_shown(name)}' leads outside of the archive or is too long", PACK_AGAIN)
    return [printable(part) for part in parts]


def printable(name: str) -> str:
    """The name with "�" for each character that JSON or a terminal cannot show."""
    return "".join(c if c.isprintable() else "�" for c in name.encode("utf-8", "replace").decode())


def _suffix(name: str) -> str:
    lower = name.lower()
    return next((suffix for suffix in (*TAR, *ZIP, *OTHER, *FILE_CAPS) if lower.endswith(suffix)), "")


def _shown(name: str) -> str:
    return name.encode("unicode_escape").decode()[:80]


def _reason(problem: BaseException) -> str:
    return one_line(problem, 100) or type(problem).__name__
