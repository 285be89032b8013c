"""Read one submitted file; whatever is wrong with it is an IntakeError of one line."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from assignment import source as sources
from assignment.manifest import Manifest
from autograder.intake.errors import IntakeError
from autograder.intake.notebook import NOTEBOOK_MB, Notebook, assemble


@dataclass(frozen=True)
class Submission:
    """One submitted file.

    Attributes:
        name: of the file, for reports. owner: its author, "" if unknown. source: its text. sha256: of its bytes.
        notebook: where the lines come from if the text was assembled from a notebook.
    """

    name: str
    owner: str
    source: str
    sha256: str
    notebook: Notebook | None = None


def read_submission(path: Path, manifest: Manifest, owner: str = "") -> Submission:
    """Read a `.py` or `.ipynb` file; IntakeError if it is missing, empty, too large, not a file or not text."""
    limit = NOTEBOOK_MB << 20 if is_notebook(path.name) else manifest.limits.source_kb << 10
    return submission_of(read_bytes(path, limit, manifest.file), path.name, manifest, owner)


def submission_of(data: bytes, name: str, manifest: Manifest, owner: str = "") -> Submission:
    """Make a submission of the bytes of a `.py` or `.ipynb` file; IntakeError if they cannot be graded."""
    sha256 = hashlib.sha256(data).hexdigest()
    if not is_notebook(name):
        return Submission(name, owner, decode(data, name), sha256)
    source, notebook = assemble(data, name, manifest)
    return Submission(name, owner, source, sha256, notebook)


def is_notebook(name: str) -> bool:
    """Whether a file of this name is read as a notebook."""
    return name.lower().endswith(".ipynb")


def read_bytes(path: Path, limit: int, expected: str) -> bytes:
    """Read a regular file of at most `limit` bytes."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise IntakeError(f"{path} is a folder; give the file, for example {path / expected}")
        if not stat.S_ISREG(status.st_mode):
            raise IntakeError(f"{path} is not a regular file; give the student's {expected}")
        if status.st_size > limit:
            advice = (
                "clear the outputs of all cells and save it" if is_notebook(path.name) else "hand in the code alone"
            )
            raise IntakeError(f"{path} has {status.st_size / 1e6:.1f} MB, the limit is {limit / 1e6:.1f} MB; {advice}")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        raise IntakeError(f"{path} does not exist; check the path") from None
    except OSError as problem:
        raise IntakeError(f"{path} cannot be read ({problem.strerror}); check its permissions") from None
    if len(data) > limit:
        raise IntakeError(f"{path} grew over the limit of {limit / 1e6:.1f} MB while it was read; try again")
    if not data.strip():
        raise IntakeError(f"{path} is empty; hand in the filled-in {expected}")
    return data


def decode(data: bytes, name: str) -> str:
    """Decode Python source by its byte-order mark or coding line, UTF-8 otherwise."""
    try:
        return sources.decode(data, name)
    except sources.SourceError as problem:
        raise IntakeError(str(problem)) from None
