"""What of a record's texts may reach a student's screen.

A student's process is hostile until proven otherwise: class names, messages, shapes and counts that it sends can carry
hidden inputs. What passes through here is the grader's own vocabulary, numbers from a short list, and the student's own
source text, which was written before any hidden input existed.
"""

from __future__ import annotations

import builtins
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

from assignment.checking import probes
from assignment.manifest import Manifest
from assignment.text import ELLIPSIS, one_line
from autograder.grading.grade import HIDDEN_TESTS

MOST_LINES = 5000  # a line number beyond is not repeated: it says more than where an error is
DTYPES = frozenset("bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 float32 float64 float".split())
LARGE_SIZES = frozenset([1000, 1024, 1280, 2048, 4096])  # larger sizes that real networks and data have
TORCH_EXCEPTIONS = frozenset("AcceleratorError AxisError LinAlgError OutOfMemoryError UFuncTypeError".split())
BUILTIN_EXCEPTIONS = frozenset(
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
)
WORDS = re.compile(r"[A-Za-z_]\w*|\d+|[ ()\[\].,=…]|.", re.DOTALL)
NUMBERS = re.compile(r"(line )?(?<![\w.])(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", re.IGNORECASE)


def vocabulary(manifest: Manifest) -> frozenset[str]:
    """All words of the hidden tests, the probes and the manifest: what the grader may say."""
    names = {name for task in manifest.tasks for name in task.names}
    return _test_words().union(names, *manifest.aliases.values())


@cache
def _test_words() -> frozenset[str]:
    files = [*sorted(HIDDEN_TESTS.glob("*.py")), Path(probes.__file__ or "")]
    words = {word for path in files for word in re.findall(r"[A-Za-z_]\w*", path.read_text(encoding="utf-8"))}
    return DTYPES.union(words, "True False None dictionary gradient list number object text SGD Adam AdamW".split())


def called(text: str, known: frozenset[str]) -> str:
    """A description of a call in which only known words and harmless sizes are left."""
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
    """The grader's sentence about a hidden test's value; numbers that could carry a value are left out."""
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
    """A size or a count if it is small or usual, else an ellipsis: a large one could be anything in disguise."""
    text = str(digits)
    small = len(text) <= 4 and text.isdecimal() and (int(text) <= 512 or int(text) in LARGE_SIZES)
    return str(int(text)) if small else ELLIPSIS


def exception(name: str) -> str:
    """The name of an exception that everybody has; "" for the student's own classes."""
    return name if name in BUILTIN_EXCEPTIONS or name in TORCH_EXCEPTIONS else ""


def line_number(line: Any, lines: int) -> int:
    """The line if there is such a line in the file, else 0."""
    return line if isinstance(line, int) and not isinstance(line, bool) and 0 < line <= min(lines, MOST_LINES) else 0


def shape(sizes: Any) -> str:
    """A shape as Python writes it, with harmless sizes: "(5, 1)"."""
    if not isinstance(sizes, (list, tuple)) or len(sizes) > 6:
        return f"({ELLIPSIS})"
    texts = [number(size) if isinstance(size, int) else ELLIPSIS for size in sizes]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def kind(value: Any) -> str:
    """What a recorded value is, without what is in it: "float32 (5, 1)"."""
    if isinstance(value, dict) and {"dtype", "shape"} <= set(value):
        dtype = str(value["dtype"]) if str(value["dtype"]) in DTYPES else "other"
        return f"one {dtype} number" if value["shape"] == [] else f"{dtype} {shape(value['shape'])}"
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)) or value in ("nan", "inf", "-inf"):
        return "a number"
    if isinstance(value, str):
        return "an object" if re.fullmatch(r"an? \w+", value) else "a string"
    if isinstance(value, list):
        return f"a list of {number(len(value))}"
    return "a dictionary" if isinstance(value, dict) else "something else"


def shown(value: Any) -> str:
    """The numbers of a recorded value of a shown test: "[0.3, -0.2, 0.1]"; what it is where it holds no numbers."""
    if isinstance(value, dict) and {"dtype", "shape", "first"} <= set(value):
        numbers, sizes = value["first"], value["shape"]
        if not isinstance(numbers, list) or not _are_sizes(sizes):  # a dictionary of the student's with these keys
            return kind(value)
        if not sizes:
            return _row(numbers[:1])
        return f"[{_row(numbers)}, {ELLIPSIS}]" if math.prod(sizes) > len(numbers) else _nested(numbers, sizes)
    if isinstance(value, list) and value:
        return f"[{', '.join(shown(part) for part in value[:8])}{', …' if len(value) > 8 else ''}]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    return value if value in ("nan", "inf", "-inf") else kind(value)


def _nested(numbers: list[Any], sizes: list[int]) -> str:
    if len(sizes) == 2 and sizes[1]:
        rows = [numbers[i : i + sizes[1]] for i in range(0, len(numbers), sizes[1])]
        return f"[{', '.join(f'[{_row(row)}]' for row in rows)}]"
    return f"[{_row(numbers)}]"


def _row(numbers: list[Any]) -> str:
    return ", ".join(map(_number, numbers))


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float)):
        return f"{value:.6g}" if isinstance(value, float) or abs(value) < 10**15 else ELLIPSIS
    return value if value in ("nan", "inf", "-inf") else ELLIPSIS


def _are_sizes(sizes: Any) -> bool:
    return isinstance(sizes, list) and all(isinstance(size, int) and size >= 0 for size in sizes)
