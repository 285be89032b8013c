"""Write the files of an export; errors name the part of the path that is in the way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from assignment.files import write_whole

NO_FOLDER = (FileExistsError, NotADirectoryError)  # raised by mkdir if a file has the name of a folder


def make_folder(folder: Path) -> None:
    """Create a folder and its parents; OSError, naming the folder or the file in its place, if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except NO_FOLDER:
        file = next(path for path in (folder, *folder.parents) if os.path.lexists(path) and not path.is_dir())
        what = "it" if file == folder else file
        raise NotADirectoryError(errno.ENOTDIR, f"{what} is a file, not a folder", str(folder)) from None
    except FileNotFoundError:  # although its parents are created: /proc or the like
        raise OSError(errno.EINVAL, "no folder can be created there", str(folder)) from None


def write_file(path: Path, text: str) -> None:
    """Write a file completely or not at all; OSError, naming it, if that fails."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    try:
        write_whole(path, text)
    except FileNotFoundError:
        raise OSError(errno.EINVAL, "no file can be created there", str(path)) from None
    except OSError as problem:  # names the temporary file
        raise OSError(problem.errno, problem.strerror, str(path)) from None
