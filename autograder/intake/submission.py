"""Read one submitted file; whatever is wrong with it is an IntakeError of one line."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
import stat
import tokenize
from dataclasses import dataclass
from pathlib import Path

from assignment.manifest import Manifest
from assignment.text import one_line
from autograder.intake.errors import IntakeError
from autograder.intake.notebook import NOTEBOOK_MB, Notebook, assemble

NO_TEXTS = (
    "punycode",
    "idna",
    "undefined",
    "unicode_escape",
    "raw_unicode_escape",
)  # not for source files


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
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise IntakeError(f"{name} is encoded as UTF-16, which Python does not read; save it as UTF-8")
    if (position := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, position) + 1
        raise IntakeError(f"{name} holds a null byte in line {line}, so it is not Python text; save it as UTF-8")
    encoding = "utf-8"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name.replace("-", "_") in NO_TEXTS:
            raise LookupError
        text = data.decode(encoding)
        text.encode()
    except SyntaxError as problem:
        raise IntakeError(f"{name}: {one_line(problem.msg, 120)}; save it as UTF-8") from None
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise IntakeError(f"{name}: line {line} has bytes that are not {problem.encoding}; save it as UTF-8") from None
    except (LookupError, UnicodeError):  # such as rot13, a codec that is not for source files
        raise IntakeError(f"{name}: its coding line says '{one_line(encoding, 120)}'; save it as UTF-8") from None
    if "\0" in text:
        raise IntakeError(f"{name} holds a null byte, so it is not Python text; save it as UTF-8")
    if encoding not in ("utf-8", "utf-8-sig"):  # the text is encoded as UTF-8 from here on
        text = re.sub(r"coding[:=]\s*[-\w.]+", "encoded", text, count=1)
    return text.removeprefix("\ufeff")
