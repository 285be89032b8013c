"""Which hand-ins are alike in code that everybody had to write alone: pairs to look at, never a verdict.

copydetect (winnowing, Schleimer et al. 2003) turns a file into overlapping pieces of its tokens, so names of variables,
comments and layout do not count, and weighs a pair of files. What stands in the template or the reference is left out,
and so is what many of the class wrote alike. Files that differ in names, comments and layout alone are one group,
however many they are, and count once. Which pairs are weighed at all is found by counting common pieces, all pairs at
once; the number of pairs and the time have a limit.

The files are hostile, and long enough ones can keep a tokeniser busy: `python -m autograder.reports.similar` does the
work in a process of its own, from one JSON text on stdin to one on stdout.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from assignment.checking.limit import TookTooLong, time_limit

if TYPE_CHECKING:
    from copydetect import CodeFingerprint

PIECE = 25  # characters of a piece, names counting one each: copydetect's own choice
LONGEST_FILE = 128_000  # characters; a long dml.py has 25,000
FILE_SECONDS = 5.0
TIME_UP = "the time was up"
READING = 0.7  # part of the time
COMMON_FILES, COMMON_SHARE = 10, 0.2  # what more files than both say have alike is common, nobody's own
LEAST_SIZE, LEAST_SHARE = 120, 0.4  # a pair is shown from so many characters, and from this part of one of the files
WEIGHED, SHOWN = 100, 40  # pairs
ROWS = 64  # files that are counted against all others at once
MEMORY = 4 << 30
TOP_LEVEL = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w{1,80})", re.MULTILINE)
MOST_PARTS, PART_PIECES, PART_SHARE = 200, 10, 0.6  # definitions of a file; when one is called alike


@dataclass(frozen=True)
class Pair:
    """Two files that are alike.

    Attributes:
        first, second: places in the list of files. shares: which part of what the first (the second) wrote alone the
            other one has, too, 0 … 1. size: characters alike, names counting one each.
        where: names of the first's functions and classes that are mostly alike.
    """

    first: int
    second: int
    shares: tuple[float, float]
    size: int
    where: tuple[str, ...] = ()


@dataclass
class Found:
    """The pairs, the most alike first, and what was left out.

    Attributes:
        same: groups of files that differ in names, comments and layout alone; in `pairs` the first stands for all.
        more: how many pairs beyond these are alike. compared: number of files.
        skipped: place of a file that was not compared → why. unfinished: why pairs may be missing, "" if none are.
    """

    pairs: list[Pair] = field(default_factory=list)
    same: list[tuple[int, ...]] = field(default_factory=list)
    more: int = 0
    compared: int = 0
    skipped: dict[int, str] = field(default_factory=dict)
    unfinished: str = ""


def compare(files: Sequence[str], known: Iterable[str], seconds: float) -> Found:
    """Find the pairs of `files` that are alike beyond what stands in the `known` texts, in at most about `seconds`."""
    start = time.monotonic()
    deadline, reading = start + seconds, start + READING * seconds  # files that were read shall be compared, too
    found = Found()
    given = set().union(*(_fingerprint(text).hashes for text in known))
    own: list[np.ndarray] = []
    alone: dict[str, list[int]] = defaultdict(list)  # places by what is left of the text
    for place, text in enumerate(files):
        code, pieces, problem = _pieces(text, given, reading)
        if problem:
            found.skipped[place] = problem
        elif len(pieces) + PIECE > LEAST_SIZE:
            alone[code].append(place)
        own.append(pieces if alone.get(code, [place])[0] == place else pieces[:0])
    found.same = [tuple(places) for places in alone.values() if len(places) > 1]
    found.compared = len(files) - len(found.skipped)
    own = without_common(own, found.compared)
    chosen, found.more, found.unfinished = _alike(own, deadline)
    if TIME_UP in found.skipped.values():
        found.unfinished = "the time was up before all files were read"
    prints: dict[int, CodeFingerprint] = {}
    pairs: list[Pair] = []
    for first, second in chosen:
        if time.monotonic() > deadline:
            found.unfinished = "the time was up before all pairs were weighed"
            break
        for place in (first, second):
            if place not in prints:
                prints[place] = _restricted(_fingerprint(files[place]), own[place])
        pair = _weigh(first, second, prints)
        if pair.size >= LEAST_SIZE and max(pair.shares) >= LEAST_SHARE:
            pairs.append(pair)
    pairs.sort(key=lambda pair: (-pair.size * max(pair.shares), pair.first, pair.second))
    found.more += len(pairs[SHOWN:])
    found.pairs = [
        dataclasses.replace(pair, where=_where(files[pair.first], own[pair.first], own[pair.second]))
        for pair in pairs[:SHOWN]
    ]
    return found


def without_common(own: Sequence[np.ndarray], files: int) -> list[np.ndarray]:
    """Take out the pieces that more than ten files, and more than a fifth of all, have."""
    if not own:
        return []
    pieces, counts = np.unique(np.concatenate(own), return_counts=True)
    common = pieces[counts > max(COMMON_FILES, COMMON_SHARE * files)]
    return [each[~np.isin(each, common, assume_unique=True)] for each in own]


def _pieces(text: str, given: set[int], deadline: float) -> tuple[str, np.ndarray, str]:
    """A file's code without names and comments, its pieces but those given, sorted; or why it cannot be compared."""
    from copydetect.utils import filter_code, hashed_kgrams

    none = np.empty(0, np.int64)
    left = deadline - time.monotonic()
    if len(text) > LONGEST_FILE:
        return "", none, "too long"
    if left <= 0:
        return "", none, TIME_UP
    try:
        with time_limit(min(FILE_SECONDS, left)):
            code, _ = filter_code(text, "dml.py", "python")
            return code, np.array(sorted({*hashed_kgrams(code, PIECE).tolist()} - given), np.int64), ""
    except TookTooLong:
        return "", none, "too slow to read"
    except Exception:  # a tokeniser's trouble with a hostile file is no reason to stop
        return "", none, "cannot be read"


def _fingerprint(text: str) -> CodeFingerprint:
    """copydetect's view of a file, with every piece of it: a selection of them would differ from run to run."""
    from copydetect import CodeFingerprint

    return CodeFingerprint("dml.py", PIECE, 1, language="python", fp=io.StringIO(text))


def _restricted(fingerprint: CodeFingerprint, pieces: np.ndarray) -> CodeFingerprint:
    """Leave only these pieces. (copydetect's own way drops pieces that a file has twice.)"""
    from copydetect.utils import get_token_coverage

    fingerprint.hashes = set(pieces.tolist())
    fingerprint.hash_idx = {key: at for key, at in fingerprint.hash_idx.items() if int(key) in fingerprint.hashes}
    fingerprint.token_coverage = get_token_coverage(fingerprint.hash_idx, PIECE, len(fingerprint.filtered_code))
    return fingerprint


def _alike(own: Sequence[np.ndarray], deadline: float) -> tuple[list[tuple[int, int]], int, str]:
    """The pairs with the most common pieces; how many more reach the least share; why some may be missing."""
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


def _weigh(first: int, second: int, prints: dict[int, CodeFingerprint]) -> Pair:
    from copydetect import compare_files

    size, shares, _ = compare_files(prints[first], prints[second])
    return Pair(first, second, (round(float(shares[0]), 4), round(float(shares[1]), 4)), int(size))


def _where(text: str, own: np.ndarray, other: np.ndarray) -> tuple[str, ...]:
    """Names of the functions and classes on the top level of a text most of whose own pieces the other file has."""
    starts = list(TOP_LEVEL.finditer(text))[:MOST_PARTS]
    ends = [start.start() for start in starts[1:]] + [len(text)]
    names = []
    for start, end in zip(starts, ends, strict=True):
        pieces = np.array(sorted(_fingerprint(text[start.start() : end]).hashes), np.int64)
        pieces = pieces[np.isin(pieces, own)]
        if len(pieces) >= PART_PIECES and np.isin(pieces, other).mean() >= PART_SHARE:
            names.append(start[1])
    return tuple(dict.fromkeys(names))


def as_tree(found: Found) -> dict[str, Any]:
    """What was found, as JSON takes it."""
    return dataclasses.asdict(found)


def of_tree(tree: dict[str, Any]) -> Found:
    """Read back what `as_tree` made; KeyError, TypeError or ValueError if it is something else."""
    pairs = [
        Pair(int(p["first"]), int(p["second"]), (float(a), float(b)), int(p["size"]), tuple(map(str, p["where"])))
        for p in tree["pairs"]
        for a, b in [p["shares"]]
    ]
    same = [tuple(map(int, places)) for places in tree["same"]]
    skipped = {int(place): str(why) for place, why in tree["skipped"].items()}
    return Found(pairs, same, int(tree["more"]), int(tree["compared"]), skipped, str(tree["unfinished"]))


def main() -> None:
    """The program: {"files", "known", "seconds"} on stdin, what was found on stdout."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limits; elsewhere a lower one is in force
    asked = json.load(sys.stdin)
    json.dump(as_tree(compare(asked["files"], asked["known"], asked["seconds"])), sys.stdout)


if __name__ == "__main__":
    main()
