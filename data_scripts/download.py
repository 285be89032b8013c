"""Download files with pooch, resume interrupted downloads, and verify checksums."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from data_scripts.errors import Damaged, NoRoom, Problem, Unavailable

PIECE = 1 << 16  # bytes; an incomplete piece is lost when the connection breaks
TIMEOUT = 30  # seconds without a response
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def fetch(url: str, folder: Path, name: str, md5: str, advice: str) -> Path:
    """Return the path of the file `name` in `folder`; download it if it does not exist.

    An existing file is verified and never replaced. An interrupted download is kept as `name.part`, and the next call
    resumes it.

    Args:
        md5: checksum, "" if none is known. advice: what to do without a network; ends the error message.

    Raises:
        Unavailable: the server cannot be reached. Damaged: wrong checksum. NoRoom: the file cannot be written.
    """
    import pooch
    import requests

    path = folder / name
    if path.is_file():
        require_md5(path, md5)
        return path
    pooch.get_logger().setLevel("ERROR")  # it would print the hash of the file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(url, f"md5:{md5}" if md5 else None, name, folder, downloader=_resume(folder / f"{name}.part"))
    except ValueError as problem:
        raise Damaged(
            f"{name}: the download from {url} does not have the checksum md5 {md5}; try again later"
        ) from problem
    except requests.RequestException as problem:
        raise Unavailable(f"{name}: not available ({_short(problem)}); {advice}") from None
    except OSError as problem:
        raise no_room(problem, folder) from None
    return path


def _resume(part: Path) -> Callable[[str, Any, Any], None]:
    """Return a downloader for pooch that writes to `part` and renames it when it is complete."""

    def download(url: str, target: Any, _pooch: Any) -> None:
        import requests
        from tqdm import tqdm

        had = part.stat().st_size if part.is_file() else 0
        answer = _ask(url, had)
        if answer.status_code == 416:  # range not satisfiable: the partial file is not a beginning of this one
            had, answer = 0, _ask(url, 0)
        answer.raise_for_status()
        if answer.status_code != 206:
            had = 0
        length = int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else None
        whole = had + length if length is not None else None
        if length is not None and length > shutil.disk_usage(part.parent).free:
            raise OSError(errno.ENOSPC, f"{length / 1e9:.2f} GB needed")
        with (
            open(part, "ab" if had else "wb") as file,
            tqdm(desc=part.stem, initial=had, total=whole, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                bar.update(len(piece))
        if whole is not None and part.stat().st_size != whole:
            raise requests.ConnectionError(f"received only {part.stat().st_size:,} of {whole:,} bytes")
        os.replace(part, target)

    return download


def _ask(url: str, start: int) -> Any:
    import requests

    headers = {"Accept-Encoding": "identity"}  # so that length and range refer to the bytes of the file
    if start:
        headers["Range"] = f"bytes={start}-"
    return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)


def _short(problem: Exception) -> str:
    """The innermost reason of a chain of errors, on one line."""
    reason: Any = problem.args[0] if problem.args else problem
    text = " ".join(str(getattr(reason, "reason", reason)).split())
    return text.rpartition(": ")[2][:120] or type(problem).__name__


def no_room(problem: OSError, folder: Path) -> Problem:
    """Return the problem for an error while writing below `folder`."""
    why = f"{folder}: cannot be written ({problem.strerror or problem})"
    return NoRoom(f"{why}; free some space or choose another --root" if problem.errno in FULL else why)


def require_md5(path: Path, md5: str) -> None:
    """Raise Damaged if a file does not have the checksum `md5`; "" skips the check."""
    with open(path, "rb") as file:
        if md5 and (got := _md5(file)) != md5:
            raise Damaged(f"{path}: incomplete or changed (md5 {got} instead of {md5}); remove it and try again")


def require_unpacked_md5(path: Path, md5: str) -> None:
    """Like `require_md5`, for the uncompressed bytes of a gzip file (or the bytes of a plain one)."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            got = _md5(file)
    except (OSError, EOFError, zlib.error) as problem:
        raise Damaged(f"{path}: incomplete or damaged ({problem}); download it again") from None
    if got != md5:
        raise Damaged(f"{path}: differs from the official file (md5 {got} instead of {md5}); download it again")


def _md5(file: Any) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    stream: BinaryIO = file
    while piece := stream.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()
