"""Files that are written whole or not at all, and files of strangers, read without running anything of theirs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` when the block ends well.

    It is written beside `path` and moved there at the end: who is killed or finds the disk full leaves the earlier
    file as it was.
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


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with replacing(path) as file:
        file.write(text.encode())


def read_numbers(path: str | Path) -> Any:
    """Read what `torch.save` wrote, on the CPU: numbers, tensors and text, never code.

    Raises:
        FileNotFoundError, IsADirectoryError: no such file. Many others: damaged, or a pickle with other things in it.
    """
    import torch  # costs seconds; who writes a text file needs none of it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a foreign pickle torch says that it is one; so does whoever calls this
        return torch.load(path, map_location="cpu", weights_only=True)
