"""Check that a student bundle holds nothing of the instructors' files.

`bundle.ALLOWED` lists what students receive. This scan is the second check. A file of the bundle is a leak if

* it contains a canary, a string that only instructors' files contain;
* it, or a member of the archive that it is, equals an instructors' file byte for byte;
* it shares `SOLUTION_RUN` consecutive tokens with a marked block of the reference (a shorter block: all of them), or
  `RUN` with another Python file of the instructors, unless the template or the manifest publishes them;
* it is a text file that cannot be read as UTF-8.

Tokens are words and signs without quotes, commas and backslashes, with and without comments: indentation, wrapping and
the quoting of notebooks make no difference. Renamed variables and numbers written in another way are not found.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from assignment.manifest import Manifest
from autograder.release.markers import find_blocks

CANARIES = ("hidden_tests", "### BEGIN SOLUTION", "### BEGIN REFERENCE")
SOLUTION_RUN, RUN = 16, 28  # tokens; hidden and public tests share shorter runs, such as imports and small matrices
LEAST_HASHED = 512  # bytes; shorter files may be equal by chance, such as ten labels in an archive
BINARY = {".zip", ".npz", ".npy", ".png", ".jpg"}
PRINTABLE = re.compile(rb"[\t\n\r -~]{8,}")
TOKEN = re.compile(r"""\w+|-+|[^\w\s"'\\,]""")  # a ruled line is one token


@dataclass(frozen=True)
class Finding:
    """A leak: the file of the bundle, and what is wrong with it."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass(frozen=True)
class Secrets:
    """What a bundle must not contain, each with where it comes from.

    Attributes:
        runs: consecutive tokens by their number. hashes: SHA-256 of files and of members of archives.
    """

    runs: Mapping[int, Mapping[tuple[str, ...], str]]
    hashes: Mapping[str, str]


def collect(reference: str, files: Mapping[str, bytes], published: str, manifest: Manifest) -> Secrets:
    """Collect the secrets.

    Args:
        reference: text of the reference. files: the instructors' files by path. published: what students read anyway.
        manifest: names the tasks of the marked blocks.
    """
    lines = reference.splitlines()
    solutions = {
        f"solution/dml.py:{block.begin}": "\n".join(lines[block.begin : block.end - 1])
        for block in find_blocks(reference, manifest)
    }
    tests = {path: data.decode("utf-8", "replace") for path, data in files.items() if path.endswith(".py")}
    runs: dict[int, dict[tuple[str, ...], str]] = defaultdict(dict)
    for path, text in solutions.items():
        tokens = _tokens(text)
        length = min(SOLUTION_RUN, len(tokens[-1]))
        runs[length] |= dict.fromkeys(_runs(tokens, length), path)
    for path, text in tests.items():
        runs[RUN] |= dict.fromkeys(_runs(_tokens(text), RUN), path)
    for length, secret in runs.items():
        for run in _runs(_tokens(published), length):
            secret.pop(run, None)
    hashes = {
        hashlib.sha256(content).hexdigest(): inner
        for path, data in files.items()
        for inner, content in _members(path, data)
        if len(content) >= LEAST_HASHED
    }
    return Secrets(runs, hashes)


def scan(files: Mapping[str, bytes], secrets: Secrets) -> list[Finding]:
    """Scan the files of a bundle (contents by path); an empty list means that it is clean."""
    findings = [
        Finding(inner, what)
        for path, data in sorted(files.items())
        for inner, content in _members(path, data)
        for what in _leaks(inner, content, secrets)
    ]
    return list(dict.fromkeys(findings))


def _leaks(path: str, data: bytes, secrets: Secrets) -> Iterator[str]:
    if origin := secrets.hashes.get(hashlib.sha256(data).hexdigest()):
        yield f"is the instructors' file {origin}"
    if PurePosixPath(path).suffix in BINARY:
        data = b"\n".join(PRINTABLE.findall(data))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        yield "is not UTF-8 text, so it cannot be scanned"
        return
    yield from (f"contains '{canary}', which only instructors' files contain" for canary in CANARIES if canary in text)
    tokens = _tokens(text)
    for length, runs in secrets.runs.items():
        found = {runs[run]: run for run in sorted(_runs(tokens, length) & runs.keys())}
        yield from (f"contains code of {origin}, such as '{' '.join(run)}'" for origin, run in found.items())


def _tokens(text: str) -> tuple[list[str], list[str]]:
    """The tokens of a text with its comments and without them."""
    text = text.replace("\\n", "\n").replace("\\t", "\t")  # of strings in JSON and in Python
    return TOKEN.findall(text), TOKEN.findall(re.sub(r"#.*", "", text))


def _runs(tokens: tuple[list[str], list[str]], length: int) -> set[tuple[str, ...]]:
    """All runs of `length` tokens."""
    return {run for version in tokens for run in zip(*(version[at:] for at in range(length)), strict=False)}


def _members(path: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The file itself, or all members of the archive that it is."""
    yield path, data
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield from _members(f"{path}!{name}", archive.read(name))
