"""Filter the texts of a record before a student reads them.

Class names, messages, shapes and counts that a student's process sends can carry hidden inputs. Only these pass: words
of the grader, numbers from a short list, and the student's source, which was written before any hidden input existed.
"""

from __future__ import annotations

import builtins
import math
import re
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from assignment.checking import probes
from assignment.manifest import Manifest
from assignment.text import ELLIPSIS, one_line
from autograder.grading.grade import HIDDEN_TESTS

MOST_LINES = 5000  # a larger line number is not shown: it could carry a hidden value
DTYPES = frozenset("bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 float32 float64 float".split())
LARGE_SIZES = frozenset([1000, 1024, 1280, 2048, 4096])  # larger sizes that real networks and data have
TORCH_EXCEPTIONS = frozenset("AcceleratorError AxisError LinAlgError OutOfMemoryError UFuncTypeError".split())
BUILTIN_EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)
NOT_FINITE = ("nan", "inf", "-inf")  # as `values.plain` writes them
WORDS = re.compile(r"[A-Za-z_]\w*|\d+|[ ()\[\].,=…]|.", re.DOTALL)
NUMBERS = re.compile(r"(line )?(?<![\w.])(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", re.IGNORECASE)


def vocabulary(manifest: Manifest) -> frozenset[str]:
    """All words of the hidden tests, the probes and the manifest."""
    names = {name for task in manifest.tasks for name in task.names}
    return _test_words().union(names, *manifest.aliases.values())


@cache
def _test_words() -> frozenset[str]:
    files = [*sorted(HIDDEN_TESTS.glob("*.py")), Path(probes.__file__ or "")]
    words = {word for path in files for word in re.findall(r"[A-Za-z_]\w*", path.read_text(encoding="utf-8"))}
    return DTYPES.union(words, "True False None dictionary gradient list number object text SGD Adam AdamW".split())


def called(text: str, known: frozenset[str]) -> str:
    """A description of a call with only known words and harmless sizes."""
    parts = WORDS.findall(one_line(text))
    safe = [
        part
        if part in known or part in " ()[].,=…"
        else number(part)
        if part.isdecimal()
        else "object"
        if part.isidentifier()
        else ""
        for part in parts
    ]
    return one_line(re.sub(r"\ba (?=[AEIOUaeiou])", "an ", "".join(safe)), 200)


def problem(text: str, lines: int) -> str:
    """The grader's sentence about a hidden value, without numbers that could carry a hidden input."""
    return NUMBERS.sub(lambda match: _allowed(match, lines), one_line(text))


def _allowed(match: re.Match[str], lines: int) -> str:
    before, digits = match[1] or "", match[2]
    if before:
        return before + (digits if digits.isdecimal() and line_number(int(digits[:9]), lines) else ELLIPSIS)
    if digits.isdecimal():
        return number(digits)
    mantissa = digits.lower().partition("e")[0].lstrip("-")
    return digits if len(mantissa.replace(".", "").strip("0")) <= 2 and len(digits) <= 8 else ELLIPSIS


def number(digits: str | int) -> str:
    """A size or a count if it is small or common, else an ellipsis, since a large one could carry a hidden input."""
    text = str(digits)
    small = len(text) <= 4 and text.isdecimal() and (int(text) <= 512 or int(text) in LARGE_SIZES)
    return str(int(text)) if small else ELLIPSIS


def exception(name: str) -> str:
    """The name of a known exception; "" for classes of the student."""
    return name if name in BUILTIN_EXCEPTIONS or name in TORCH_EXCEPTIONS else ""


def line_number(line: object, lines: int) -> int:
    """The line number if the file has such a line, else 0."""
    return line if isinstance(line, int) and not isinstance(line, bool) and 0 < line <= min(lines, MOST_LINES) else 0


def shape(sizes: JsonValue) -> str:
    """A shape in Python's notation with harmless sizes: "(5, 1)"."""
    if not isinstance(sizes, (list, tuple)) or len(sizes) > 6:
        return f"({ELLIPSIS})"
    texts = [number(size) if isinstance(size, int) else ELLIPSIS for size in sizes]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def kind(value: JsonValue) -> str:
    """Type and shape of a recorded value, without its contents: "float32 (5, 1)"."""
    if isinstance(value, dict) and {"dtype", "shape"} <= set(value):
        dtype = str(value["dtype"]) if str(value["dtype"]) in DTYPES else "other"
        return f"one {dtype} number" if value["shape"] == [] else f"{dtype} {shape(value['shape'])}"
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)) or value in NOT_FINITE:
        return "a number"
    if isinstance(value, str):
        return "an object" if re.fullmatch(r"an? \w+", value) else "a string"
    if isinstance(value, list):
        return f"a list of {number(len(value))}"
    return "a dictionary" if isinstance(value, dict) else "something else"


def shown(value: JsonValue) -> str:
    """The numbers of a recorded value of a shown test: "[0.3, -0.2, 0.1]"; its type and shape if it has none."""
    if isinstance(value, dict) and {"dtype", "shape", "first"} <= set(value):
        numbers, sizes = value["first"], _sizes(value["shape"])
        if not isinstance(numbers, list) or sizes is None:  # a dictionary of the student with these keys
            return kind(value)
        if not sizes:
            return _row(numbers[:1])
        return f"[{_row(numbers)}, {ELLIPSIS}]" if math.prod(sizes) > len(numbers) else _nested(numbers, sizes)
    if isinstance(value, list) and value:
        return f"[{', '.join(shown(part) for part in value[:8])}{', …' if len(value) > 8 else ''}]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    return str(value) if value in NOT_FINITE else kind(value)


def _nested(numbers: list[JsonValue], sizes: list[int]) -> str:
    if len(sizes) == 2 and sizes[1]:
        rows = [numbers[i : i + sizes[1]] for i in range(0, len(numbers), sizes[1])]
        return f"[{', '.join(f'[{_row(row)}]' for row in rows)}]"
    return f"[{_row(numbers)}]"


def _row(numbers: list[JsonValue]) -> str:
    return ", ".join(map(_number, numbers))


def _number(value: JsonValue) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f"{value:.6g}" if isinstance(value, float) or abs(value) < 10**15 else ELLIPSIS
    return str(value) if value in NOT_FINITE else ELLIPSIS


def _sizes(tree: JsonValue) -> list[int] | None:
    """The sizes of a shape; None for any other value."""
    sizes = [size for size in tree if isinstance(size, int) and size >= 0] if isinstance(tree, list) else []
    return sizes if isinstance(tree, list) and len(sizes) == len(tree) else None
