"""Read a file of weights as bytes, without interpreting them."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass, field
from pathlib import Path

from autograder.intake.errors import IntakeError


@dataclass(frozen=True)
class Upload:
    """A file of weights.

    Attributes:
        name: of the file, for reports. size: of the file, in bytes. data: its bytes, b"" if it is over the limit.
        sha256: of `data`, "" if it is over the limit.
    """

    name: str
    size: int
    sha256: str
    data: bytes = field(repr=False)


def read_upload(path: Path, limit: int) -> Upload:
    """Read a regular file, or only the size of one over `limit` bytes; IntakeError if it is not a regular file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise IntakeError(f"{path} is not a regular file; give a file of weights, such as the best.pt of a run")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise IntakeError(f"{path} does not exist; check the path") from None
    except OSError as problem:
        raise IntakeError(f"{path} cannot be read ({problem.strerror}); check its permissions") from None
    if len(data) > limit:
        return Upload(path.name, max(status.st_size, len(data)), "", b"")
    return Upload(path.name, len(data), hashlib.sha256(data).hexdigest(), data)
