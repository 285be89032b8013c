"""Prove that a student bundle holds no solution, no hidden test and no expected value.

What is secret (`Secrets`):
  * every line of code in a marked block of the reference, and each longer expression in it on its own, so that
    `d = <expression>` is found where the reference says `squared = <expression>`;
  * every line of code in a hidden test but imports, headers and marks, and every sentence in its strings;
  * every hidden list of numbers and every single number of four or more digits;
  * every data file that lies beside the hidden tests, and the name of their folder: a file that knows it is an
    instructor's.

How texts are compared. A text becomes its sequence of words and signs; white space, line ends and the kind of quotes
disappear, comments are left out of the secret. So other indentation, spacing, wrapping and added comments change
nothing, and a pasted line is found in the middle of a longer one. Words stay whole: `self.dim = dim` does not match
`self.dim = dimension`. What a file may be is unwrapped first: JSON (notebooks) into its strings, Python into its string
constants, zip and npz into their members. Compiled Python is refused wherever it appears: no scan can read it.

What is no secret. A line counts only from `MIN_LINE` characters of code on: `else:` and `model.eval()` are nobody's
answer. A line or number that also stands outside the marked blocks (docstrings with worked values) is published anyway.
A line that every program of the kind holds has to be listed in `GENERIC`, by hand: that assignment/ happens to contain
it is no excuse, or pasting a solution there would license itself. Strings of hidden tests that stand in the manifest
(hints, titles) are public.

What it cannot find: a solution with other variable names throughout, or one that was encrypted.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import re
import tokenize
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from assignment.manifest import Manifest
from autograder.release.markers import find_blocks, outside_blocks

MIN_LINE = 16  # characters of code without spaces, in a solution
MIN_EXPRESSION = 24
MIN_TEST_LINE = 32  # a short call of a public name says nothing; a long one carries a hidden input
MIN_SENTENCE = 20
MIN_HASHED = 512  # bytes; a shorter file may be equal by chance (ten labels in an archive)
GENERIC = (
    "was_training = model.training",
    "model.train(was_training)",
    "with torch.no_grad():",
    "super().__init__()",
    "optimizer.zero_grad()",
    "optimizer.step()",
    "losses.mean().backward()",
    "for batch in loader:",
    "self.scale = scale",
    "self.margin = margin",
    "device = next(model.parameters()).device",
)
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w])")
TOKEN = re.compile(r"\w+|[^\w\s]")
COMPILED_SUFFIXES = {".pyc", ".pyo", ".so", ".pyd"}


@dataclass(frozen=True)
class Finding:
    """A secret in the bundle: the file, what kind of secret, and where it comes from."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


@dataclass
class Secrets:
    """What must not be in a bundle, each with the place it comes from.

    Attributes:
        code: token texts. numbers: sequences of numbers. hashes: SHA-256 of hidden data files.
    """

    code: dict[str, str] = field(default_factory=dict)
    numbers: dict[tuple[float, ...], str] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)


def collect(reference: str, hidden: Mapping[str, bytes], manifest: Manifest, manifest_text: str) -> Secrets:
    """Collect the secrets of a reference and of the files of the hidden tests (by their path)."""
    secrets = Secrets(code={"hidden_tests": "the name of the hidden tests' folder"})
    blocks = find_blocks(reference, manifest)
    public_text = outside_blocks(reference, blocks) + "\n" + manifest_text
    public = [tokens(text) for text in (public_text, *GENERIC)]
    public_numbers = [float_list(public_text)]
    tree = ast.parse(reference)
    comments = _comment_columns(reference)
    lines = reference.splitlines()
    for block in blocks:
        inside = range(block.begin + 1, block.end)
        for number in inside:
            _add(
                secrets,
                _code_of(lines[number - 1], comments.get(number)),
                MIN_LINE,
                public,
                f"solution/dml.py:{number}",
            )
        for node in ast.walk(tree):
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return)) and node.value and node.lineno in inside:
                text = ast.get_source_segment(reference, node.value) or ""
                _add(secrets, text, MIN_EXPRESSION, public, f"solution/dml.py:{node.lineno}")
    for path, data in hidden.items():
        if path.endswith(".py"):
            _collect_test(secrets, path, data.decode("utf-8"), public, public_numbers)
        elif not path.endswith(".ini"):
            for inner, content in _members(path, data):  # of an archive every part: it may come back in another one
                if len(content) >= MIN_HASHED:
                    secrets.hashes[hashlib.sha256(content).hexdigest()] = inner
    return secrets


def scan(files: Mapping[str, bytes], secrets: Secrets) -> list[Finding]:
    """Scan all files of a bundle (contents by path); an empty list means that it is clean."""
    findings: list[Finding] = []
    for path, data in sorted(files.items()):
        for inner, content in _members(path, data):
            findings += _scan_one(inner, content, secrets)
    return list(dict.fromkeys(findings))


def _scan_one(path: str, data: bytes, secrets: Secrets) -> Iterator[Finding]:
    if PurePosixPath(path).suffix in COMPILED_SUFFIXES or _is_bytecode(data):
        yield Finding(path, "compiled Python, which cannot be read by the scan; leave it out")
        return
    if origin := secrets.hashes.get(hashlib.sha256(data).hexdigest()):
        yield Finding(path, f"is the hidden file {origin}")
    for text in _texts(path, data):
        haystack = f" {tokens(text)} "
        for needle, origin in secrets.code.items():
            if f" {needle} " in haystack:
                yield Finding(path, f"holds {origin}: {needle[:60]}")
        present = float_list(text)
        for sequence, origin in secrets.numbers.items():
            if _contains(present, sequence):
                yield Finding(path, f"holds the numbers of {origin}")


def tokens(text: str) -> str:
    """Words and signs of a text, joined by single spaces; both kinds of quotes become one."""
    return " ".join(TOKEN.findall(text.replace("'", '"')))


def float_list(text: str) -> list[float]:
    """All numbers written in a text, in order."""
    return [float(match.replace("−", "-")) for match in NUMBER.findall(text)]


def _add(secrets: Secrets, code: str, shortest: int, public: list[str], origin: str) -> None:
    needle = tokens(code)
    if len(needle.replace(" ", "")) >= shortest and not any(f" {needle} " in f" {text} " for text in public):
        secrets.code.setdefault(needle, origin)


def _comment_columns(source: str) -> dict[int, int]:
    stream = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.start[1] for token in stream if token.type == tokenize.COMMENT}


def _code_of(line: str, comment: int | None) -> str:
    return line[:comment].strip()


def _collect_test(secrets: Secrets, path: str, text: str, public: list[str], public_numbers: list[list[float]]) -> None:
    tree, lines, comments = ast.parse(text), text.splitlines(), _comment_columns(text)
    quiet: set[int] = set()  # lines of imports, marks and headers: every test has them
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            quiet |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            quiet |= set(range(first, node.body[0].lineno))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            _add(secrets, node.value, MIN_SENTENCE, public, f"a sentence of {path}:{node.lineno}")
        elif isinstance(node, (ast.List, ast.Tuple)):
            sequence = tuple(value for part in node.elts if (value := _number(part)) is not None)
            if 3 <= len(sequence) == len(node.elts) and len({x for x in sequence if x % 1}) >= 2:
                _add_numbers(secrets, sequence, public_numbers, f"{path}:{node.lineno}")
        elif isinstance(node, ast.Constant) and isinstance(node.value, float) and _digits(node.value) >= 4:
            _add_numbers(secrets, (node.value,), public_numbers, f"{path}:{node.lineno}")
    for number, line in enumerate(lines, start=1):
        if number not in quiet:
            _add(secrets, _code_of(line, comments.get(number)), MIN_TEST_LINE, public, f"{path}:{number}")


def _add_numbers(secrets: Secrets, sequence: tuple[float, ...], public_numbers: list[list[float]], origin: str) -> None:
    if not any(_contains(numbers, sequence) for numbers in public_numbers):
        secrets.numbers.setdefault(sequence, origin)


def _number(node: ast.expr) -> float | None:
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1.0, node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return sign * node.value
    return None


def _digits(value: float) -> int:
    return len(f"{value!r}".partition("e")[0].replace(".", "").strip("0-"))


def _contains(numbers: list[float], sequence: tuple[float, ...]) -> bool:
    size = len(sequence)
    starts = (i for i, value in enumerate(numbers) if value == sequence[0])
    return any(tuple(numbers[i : i + size]) == sequence for i in starts)


def _is_bytecode(data: bytes) -> bool:
    return data[2:4] == b"\r\n" and len(data) > 16 and data[16:17] in (b"\xe3", b"\x63")  # magic, then a code object


def _members(path: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The file itself and, where it is an archive, all that is in it."""
    yield path, data
    if data[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for name in archive.namelist():
                    yield from _members(f"{path}!{name}", archive.read(name))
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError):
            return


def _texts(path: str, data: bytes) -> Iterator[str]:
    """What can be read in a file: its text and what it quotes; of binary data the runs of printable characters."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        yield "\n".join(run.decode("ascii") for run in re.findall(rb"[\x09\x0a\x0d\x20-\x7e]{8,}", data))
        yield "\n".join(run.decode("utf-16-le") for run in re.findall(rb"(?:[\x09\x0a\x0d\x20-\x7e]\x00){8,}", data))
        return
    yield text
    if path.endswith(".py"):
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            return
        quoted = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        yield "\n".join(value for value in quoted if "\n" in value)
        return
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    yield "\n".join(_strings(document))


def _strings(document: object) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for part in document.values():
            yield from _strings(part)
    elif isinstance(document, list):
        yield from (part for item in document for part in _strings(item))
