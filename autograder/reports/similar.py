"""Find submissions with similar code; a result is a reason to read both files, not a verdict.

A file becomes a sequence of characters in which every name and every string counts one, without comments and layout,
and that sequence becomes the set of its overlapping pieces (k-grams; Schleimer et al. 2003). Pieces of the template, of
the reference and of many files of the class are ignored. Files that differ only in names, comments and layout form one
group. Pieces in common are counted for all pairs at once; the number of pairs and the time are limited.

The files are untrusted and may keep a tokenizer busy: `python -m autograder.reports.similar` runs the comparison in a
process of its own, from one JSON text on stdin to one on stdout.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pygments.lexers import PythonLexer
from pygments.token import Comment, Name, String, Text

from assignment.checking.limit import TookTooLong, time_limit

PIECE = 25  # characters of a piece
LONGEST_FILE = 128_000  # characters; a long dml.py has 25,000
FILE_SECONDS = 5.0
TIME_UP = "the time was up"
READING = 0.7  # share of the time for reading, so that files that were read are also compared
COMMON_FILES, COMMON_SHARE = 10, 0.2  # a piece in more files than both is common
LEAST_SIZE, LEAST_SHARE = 120, 0.4  # a pair needs so many similar characters, and this share of one of the files
WEIGHED, SHOWN = 100, 40  # pairs
ROWS = 64  # files that are counted against all others at once
MEMORY = 4 << 30
OWN_NAMES = (Name, Name.Attribute, Name.Class, Name.Function, Name.Variable)  # not those of builtins and modules
TOP_LEVEL = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w{1,80})", re.MULTILINE)
MOST_PARTS, PART_PIECES, PART_SHARE = 200, 10, 0.6  # definitions of a file; when one is called similar


@dataclass(frozen=True)
class Pair:
    """Two similar files.

    Attributes:
        first, second: indices of the files. shares: how much of the own code of the first (the second) the other one
            contains, 0 … 1. size: similar characters of the first. where: similar functions and classes of the first.
    """

    first: int
    second: int
    shares: tuple[float, float]
    size: int
    where: tuple[str, ...] = ()


@dataclass
class Found:
    """The result of a comparison.

    Attributes:
        pairs: the most similar first. more: similar pairs beyond these. compared: number of files.
        same: groups of files that differ only in names, comments and layout; `pairs` has only the first of each.
        skipped: index of a file that was not compared → reason. unfinished: why pairs may be missing, "" if none are.
    """

    pairs: list[Pair] = field(default_factory=list)
    same: list[tuple[int, ...]] = field(default_factory=list)
    more: int = 0
    compared: int = 0
    skipped: dict[int, str] = field(default_factory=dict)
    unfinished: str = ""

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Found:
        """Read what `to_json` returned; KeyError, TypeError or ValueError for anything else."""
        pairs = [
            Pair(int(p["first"]), int(p["second"]), (float(a), float(b)), int(p["size"]), tuple(map(str, p["where"])))
            for p in tree["pairs"]
            for a, b in [p["shares"]]
        ]
        same = [tuple(map(int, group)) for group in tree["same"]]
        skipped = {int(index): str(reason) for index, reason in tree["skipped"].items()}
        return cls(pairs, same, int(tree["more"]), int(tree["compared"]), skipped, str(tree["unfinished"]))


def compare(files: Sequence[str], known: Iterable[str], seconds: float) -> Found:
    """Find the similar pairs of `files`, ignoring code of the `known` texts, in at most about `seconds`."""
    start = time.monotonic()
    deadline, reading = start + seconds, start + READING * seconds
    found = Found()
    given = np.unique(np.concatenate([np.empty(0, np.int64), *(_pieces(_code(text)) for text in known)]))
    pieces: list[np.ndarray] = []  # of each file, in their order
    own: list[np.ndarray] = []  # of each file that is the first of its group, sorted, without the given ones
    groups: dict[str, list[int]] = defaultdict(list)  # indices by code
    for index, text in enumerate(files):
        code, problem = _read(text, reading)
        each = _pieces(code)
        rest = np.setdiff1d(each, given)
        if problem:
            found.skipped[index] = problem
        elif len(rest) + PIECE > LEAST_SIZE:
            groups[code].append(index)
        pieces.append(each)
        own.append(rest if groups.get(code, [index])[0] == index else rest[:0])
    found.same = [tuple(group) for group in groups.values() if len(group) > 1]
    found.compared = len(files) - len(found.skipped)
    own = without_common(own, found.compared)
    chosen, found.more, found.unfinished = _alike(own, deadline)
    if TIME_UP in found.skipped.values():
        found.unfinished = "the time was up before all files were read"
    pairs: list[Pair] = []
    for first, second in chosen:
        if time.monotonic() > deadline:
            found.unfinished = "the time was up before all pairs were weighed"
            break
        both = np.intersect1d(own[first], own[second], assume_unique=True)
        sizes = [_covered(pieces[index], both) for index in (first, second)]
        shares = [round(size / _covered(pieces[i], own[i]), 4) for size, i in zip(sizes, (first, second), strict=True)]
        if sizes[0] >= LEAST_SIZE and max(shares) >= LEAST_SHARE:
            pairs.append(Pair(first, second, (shares[0], shares[1]), sizes[0]))
    pairs.sort(key=lambda pair: (-pair.size * max(pair.shares), pair.first, pair.second))
    found.more += len(pairs[SHOWN:])
    found.pairs = [
        dataclasses.replace(pair, where=_where(files[pair.first], own[pair.first], own[pair.second]))
        for pair in pairs[:SHOWN]
    ]
    return found


def without_common(own: Sequence[np.ndarray], files: int) -> list[np.ndarray]:
    """Remove the pieces that more than ten files, and more than a fifth of all, contain."""
    if not own:
        return []
    pieces, counts = np.unique(np.concatenate(own), return_counts=True)
    common = pieces[counts > max(COMMON_FILES, COMMON_SHARE * files)]
    return [each[~np.isin(each, common, assume_unique=True)] for each in own]


def _read(text: str, deadline: float) -> tuple[str, str]:
    """The code of a file, and why it cannot be compared, "" if it can."""
    left = deadline - time.monotonic()
    if len(text) > LONGEST_FILE:
        return "", "too long"
    if left <= 0:
        return "", TIME_UP
    try:
        with time_limit(min(FILE_SECONDS, left)):
            return _code(text), ""
    except TookTooLong:
        return "", "too slow to read"
    except Exception:  # whatever the tokenizer raises for an untrusted file
        return "", "cannot be read"


def _code(text: str) -> str:
    """The text with one character for each name and string, without comments and layout."""
    return "".join(
        "V" if kind in OWN_NAMES else "S" if kind in String else value
        for kind, value in PythonLexer().get_tokens(text)
        if kind not in Text and kind not in Comment
    )


def _pieces(code: str) -> np.ndarray:
    """Hashes of all pieces of a code, by position."""
    return np.array([hash(code[at : at + PIECE]) for at in range(len(code) - PIECE + 1)], np.int64)


def _covered(pieces: np.ndarray, chosen: np.ndarray) -> int:
    """Number of characters that lie in a chosen piece."""
    starts = np.flatnonzero(np.isin(pieces, chosen))
    return int(np.minimum(np.diff(starts, append=np.iinfo(np.int64).max), PIECE).sum())


def _alike(own: Sequence[np.ndarray], deadline: float) -> tuple[list[tuple[int, int]], int, str]:
    """The pairs with the most pieces in common; how many more reach the least share; why some may be missing."""
    from scipy import sparse

    sizes = np.array([len(each) for each in own], np.int64)
    if len(own) < 2 or not sizes.sum():
        return [], 0, ""
    places, columns = np.unique(np.concatenate(own), return_inverse=True)
    rows = np.repeat(np.arange(len(own)), sizes)
    table = sparse.csr_array((np.ones(len(rows), np.int32), (rows, columns)), shape=(len(own), len(places)))
    across = table.T.tocsr()
    kept: list[np.ndarray] = []  # rows: first, second, worth
    unfinished = ""
    for start in range(0, len(own), ROWS):
        if time.monotonic() > deadline:
            unfinished = "the time was up before all files were compared"
            break
        counts = (table[start : start + ROWS] @ across).toarray()
        smaller = np.minimum(sizes[start : start + ROWS, None], sizes[None, :]).clip(1)
        first, second = np.nonzero((counts >= LEAST_SIZE - PIECE) & (counts >= LEAST_SHARE * smaller))
        later = second > first + start
        first, second = first[later], second[later]
        worth = counts[first, second].astype(np.float64) ** 2 / smaller[first, second]
        kept.append(np.stack([first + start, second, worth]))
    if not kept:
        return [], 0, unfinished
    first, second, worth = np.concatenate(kept, axis=1)
    order = np.lexsort((second, first, -worth))[:WEIGHED]
    chosen = [(int(first[i]), int(second[i])) for i in order]
    return chosen, len(worth) - len(chosen), unfinished


def _where(text: str, own: np.ndarray, other: np.ndarray) -> tuple[str, ...]:
    """Names of the top-level functions and classes of a text most of whose own pieces the other file contains."""
    starts = list(TOP_LEVEL.finditer(text))[:MOST_PARTS]
    ends = [start.start() for start in starts[1:]] + [len(text)]
    names = []
    for start, end in zip(starts, ends, strict=True):
        pieces = np.intersect1d(_pieces(_code(text[start.start() : end])), own)
        if len(pieces) >= PART_PIECES and np.isin(pieces, other).mean() >= PART_SHARE:
            names.append(start[1])
    return tuple(dict.fromkeys(names))


def main() -> None:
    """Read {"files", "known", "seconds"} from stdin, write the result to stdout."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limits; elsewhere a lower one is in force
    asked = json.load(sys.stdin)
    json.dump(compare(asked["files"], asked["known"], asked["seconds"]).to_json(), sys.stdout)


if __name__ == "__main__":
    main()
