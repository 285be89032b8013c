"""Write an export's files; where that cannot succeed, the error says what of the path is in the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from assignment.files import write_whole

IN_THE_WAY = (FileExistsError, NotADirectoryError)  # what mkdir raises where a file has the name of a folder


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; OSError, naming the folder or what is in its way, if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except IN_THE_WAY:
        file = next(path for path in (folder, *folder.parents) if os.path.lexists(path) and not path.is_dir())
        what = "it" if file == folder else file
        raise NotADirectoryError(errno.ENOTDIR, f"{what} is a file; a folder is needed there", str(folder)) from None
    except FileNotFoundError:  # its parents are made, too: it is /proc or the like
        raise OSError(errno.EINVAL, "no folder can be made there; choose another place", str(folder)) from None


def write_file(path: Path, text: str) -> None:
    """Write a file, whole or not at all; OSError, naming it, if that is not possible."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; give the name of a file", str(path))
    try:
        write_whole(path, text)
    except FileNotFoundError:
        raise OSError(errno.EINVAL, "no file can be made there; choose another place", str(path)) from None
    except OSError as problem:  # it names the temporary file beside it
        raise OSError(problem.errno, problem.strerror, str(path)) from None
