"""Files that are written whole or not at all, and files of others, read without running code from them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that replaces `path` when the block ends without an error.

    The text goes to a temporary file in the same folder, is synced to the disk and renamed: if the process is killed or
    the disk is full, the earlier file is intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; text in UTF-8."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def read_numbers(path: str | Path) -> Any:
    """Read a file of `torch.save` on the CPU: numbers, tensors and text, never code.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file. Other exceptions: damaged, or a pickle of anything
        else.
    """
    import torch  # takes seconds to import, and writing needs none of it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of foreign pickles; the caller reports them
        return torch.load(path, map_location="cpu", weights_only=True)
