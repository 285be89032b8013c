"""Which hand-ins are alike: copies are found whatever their names are, given code is nobody's, all is bounded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading.reference_files import reference, template
from autograder.reports import similar
from autograder.reports.similar import Found, Pair, compare
from tests.autograder.made_up_class import disguised, written_by

KNOWN = (reference(), template())
ROOT = Path(__file__).parents[2]


def test_a_copy_is_found_whatever_its_names_are():
    files = [written_by(1), written_by(2), disguised(written_by(1)), written_by(3)]
    found = compare(files, KNOWN, 60)
    assert found.same == [(0, 2)] and found.pairs == []
    assert (found.compared, found.more, found.skipped, found.unfinished) == (4, 0, {}, "")


def test_a_copy_that_was_changed_is_found_with_its_functions():
    half = written_by(1).split("def f3")[0] + "def f3" + written_by(9).split("def f3")[1]
    found = compare([written_by(1), written_by(2), disguised(half)], KNOWN, 60)
    (pair,) = found.pairs
    assert (pair.first, pair.second) == (0, 2) and pair.where == ("f0", "f1", "f2")
    assert pair.shares == pytest.approx((0.5, 0.5), abs=0.06)
    assert found.same == []


def test_what_was_given_is_nobodys():
    files = [*KNOWN, disguised(template()), reference() + "\n# mine\n", ""]
    found = compare(files, KNOWN, 60)
    assert found.pairs == [] and found.same == [] and found.compared == 5


def test_what_many_wrote_alike_is_nobodys_but_a_ring_of_copies_is_shown():
    common = written_by(0)
    honest = [f"{common}\n{written_by(n, 2)}" for n in range(1, 15)]
    assert compare(honest, KNOWN, 60).pairs == []  # 14 of 14 have it: nobody's own
    ring = [written_by(99) + f"# {n}\n" for n in range(14)]
    assert compare([*honest, *ring], KNOWN, 60).same == [tuple(range(14, 28))]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sets(st.integers(0, 60), max_size=40), max_size=30))
def test_common_pieces_are_counted_like_by_hand(sets):
    own = [np.array(sorted(each), np.int64) for each in sets]
    limit = max(similar.COMMON_FILES, similar.COMMON_SHARE * len(sets))
    expected = [sorted(p for p in each if sum(p in other for other in sets) <= limit) for each in sets]
    assert [each.tolist() for each in similar.without_common(own, len(sets))] == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_the_count_of_all_pairs_is_that_of_each_pair(seed, files):
    rng = np.random.default_rng(seed)
    own = [np.unique(rng.integers(0, 500, rng.integers(0, 400))) for _ in range(files)]
    chosen, more, unfinished = similar._alike(own, time.monotonic() + 60)
    expected = set()
    for i in range(files):
        for j in range(i + 1, files):
            both, smaller = len(np.intersect1d(own[i], own[j])), min(len(own[i]), len(own[j]))
            if both >= similar.LEAST_SIZE - similar.PIECE and both >= similar.LEAST_SHARE * smaller:
                expected.add((i, j))
    assert set(chosen) == expected and (more, unfinished) == (0, "")


def test_the_order_of_the_files_does_not_count():
    files = [written_by(1), written_by(2), written_by(1) + written_by(7), written_by(2) + written_by(8)]
    ways = [compare(files, KNOWN, 60), compare(files[::-1], KNOWN, 60)]
    named = [{frozenset((p.first, p.second)) for p in way.pairs} for way in ways]
    assert named[0] == {frozenset((0, 2)), frozenset((1, 3))}
    assert {frozenset(3 - place for place in pair) for pair in named[1]} == named[0]


def test_hostile_files_are_skipped_and_named():
    files = ["x" * (similar.LONGEST_FILE + 1), "\0" * 1000, "(" * 50_000, "'" * 50_001, "\ud800" * 99, written_by(1)]
    found = compare(files, KNOWN, 60)
    assert found.skipped[0] == "too long" and found.compared >= 1 and found.pairs == []


def test_the_time_is_kept():
    started = time.monotonic()
    found = compare([written_by(n) for n in range(100)], KNOWN, 0.2)
    assert time.monotonic() - started < 5
    assert found.compared < 100 and similar.TIME_UP in {*found.skipped.values()}
    assert "before all files were read" in found.unfinished  # so that it is not kept as the whole answer


def test_what_could_be_read_is_compared(monkeypatch):
    """The clock moves with each file: reading leaves time for comparing what was read."""
    now = iter(range(10**6))
    monkeypatch.setattr(similar.time, "monotonic", lambda: float(next(now)))
    found = compare([written_by(1), written_by(1) + written_by(2), *map(written_by, range(3, 82))], (), 100)
    assert 50 < found.compared < 81
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 1)]


def test_pairs_have_a_cap(monkeypatch):
    monkeypatch.setattr(similar, "SHOWN", 3)
    files = [written_by(1) + written_by(n, 2) for n in range(10, 16)]  # 15 pairs
    found = compare(files, KNOWN, 60)
    assert len(found.pairs) == 3 and found.more == 12


def test_the_program_says_what_the_function_finds():
    files = [written_by(1), written_by(2), written_by(1) + written_by(7)]
    asked = json.dumps({"files": files, "known": KNOWN, "seconds": 60})
    command = [sys.executable, "-m", "autograder.reports.similar"]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert Found.from_json(json.loads(done.stdout)) == compare(files, KNOWN, 60), done.stderr


def test_a_tree_is_read_back():
    found = Found([Pair(0, 3, (0.5, 1.0), 200, ("f",))], [(1, 2)], 4, 5, {4: "too long"}, "late")
    assert Found.from_json(json.loads(json.dumps(found.to_json()))) == found
    for odd in ({}, {**found.to_json(), "pairs": [{}]}, {**found.to_json(), "skipped": {"x": "y"}}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Found.from_json(odd)
