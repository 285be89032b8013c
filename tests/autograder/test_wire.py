"""The wire format: round trips; any bytes that are not a frame raise WireError and nothing else."""

from __future__ import annotations

import json
import struct
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.sandbox.inside import wire

LIMIT = 1 << 20
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
keys = texts.filter(lambda key: key != "$array")
arrays = hnp.arrays(
    st.sampled_from(sorted(wire.DTYPES)).map(np.dtype), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
)
leaves = st.none() | st.booleans() | st.integers(-(10**23), 10**23) | st.floats() | texts | arrays
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and (a == b or (a != a and b != b))


def frame(header: object, body: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack(">IQ", len(text), len(body)) + text + body


def read(data: bytes):
    return wire.Reader(LIMIT).feed(data)


@given(trees)
def test_round_trip(tree):
    [back] = read(wire.encode(tree))
    assert same(tree, back)


@given(st.lists(trees, max_size=3), st.integers(1, 50))
def test_frames_arrive_in_any_pieces(sent, size):
    data = b"".join(map(wire.encode, sent))
    reader, got = wire.Reader(LIMIT), []
    for start in range(0, len(data), size):
        got += reader.feed(data[start : start + size])
    assert same(sent, got)


def judged(data: bytes) -> None:
    """Read the bytes; anything but trees or WireError fails the test."""
    with suppress(wire.WireError):
        read(data)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data):
    judged(data)


@given(trees, st.data())
def test_changed_bytes_raise_nothing_else(tree, data):
    frame_bytes = bytearray(wire.encode(tree))
    for _ in range(data.draw(st.integers(1, 4))):
        frame_bytes[data.draw(st.integers(0, len(frame_bytes) - 1))] = data.draw(st.integers(0, 255))
    judged(bytes(frame_bytes))


json_trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(sorted(wire.DTYPES)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["$array", "a", "$object"]), inner, max_size=2)
    ),
    max_leaves=10,
)


@given(json_trees, st.lists(st.tuples(json_trees, json_trees), max_size=3) | json_trees, st.binary(max_size=40))
@settings(max_examples=200)
def test_any_json_raises_nothing_else(tree, table, body):
    judged(frame({"tree": tree, "arrays": table}, body))


ONE = ["float32", [2, 2]]


@pytest.mark.parametrize(
    "header, body",
    [
        ({"tree": [{"$array": 0}] * 15_000, "arrays": [["float32", [400, 400]]]}, bytes(640_000)),
        ({"tree": {"$array": 0}, "arrays": [["float32", [2**38, 0]]]}, b""),
        ({"tree": {"$array": 0}, "arrays": [["float32", [0, 2**21]]]}, b""),
        ({"tree": {"$array": 0}, "arrays": [["float32", [2**33, 2**33]]]}, b""),
        ({"tree": {"$array": 0}, "arrays": [["float32", [1] * 9]]}, bytes(4)),
        ({"tree": {"$array": 0}, "arrays": [["object", [1]]]}, bytes(8)),
        ({"tree": {"$array": 0}, "arrays": [[{"a": 1}, [1]]]}, bytes(8)),
        ({"tree": {"$array": 0}, "arrays": [["float32", [True, 1]]]}, bytes(4)),
        ({"tree": {"$array": 0}, "arrays": [["float32", [-1]]]}, b""),
        ({"tree": {"$array": 0}, "arrays": [ONE]}, bytes(15)),
        ({"tree": {"$array": 0}, "arrays": [ONE]}, bytes(17)),
        ({"tree": {"$array": True}, "arrays": [ONE, ONE]}, bytes(32)),
        ({"tree": {"$array": 1}, "arrays": [ONE]}, bytes(16)),
        ({"tree": {"$array": 0, "x": 1}, "arrays": [ONE]}, bytes(16)),
        ({"tree": None, "arrays": [ONE]}, bytes(16)),
        ({"tree": None}, b""),
        ({"tree": [None] * 30_000, "arrays": []}, b""),
        (b"[" * 500_000, b""),
        (b'{"tree": ' + b"9" * 5000 + b', "arrays": []}', b""),
        (b'{"tree": ' + b"[" * 14 + b"]" * 14 + b', "arrays": []}', b""),
        (b"\xff\xfe", b""),
        (b"", b""),
    ],
)
def test_what_breaks_a_limit_is_an_error(header, body):
    with pytest.raises(wire.WireError):
        read(frame(header, body))


@pytest.mark.parametrize("lengths", [(wire.MAX_HEADER + 1, 0), (10, LIMIT + 1), (2**32 - 1, 2**64 - 1)])
def test_a_length_over_the_limit_is_an_error_at_once(lengths):
    with pytest.raises(wire.WireError, match="over the limit"):
        read(struct.pack(">IQ", *lengths))


def test_lone_surrogates_become_question_marks():
    [tree] = read(frame(b'{"tree": {"\\ud800": "a\\udfff"}, "arrays": []}'))
    assert tree == {"?": "a?"}


def test_a_bool_is_0_or_1_whatever_its_byte_was():
    [array] = read(frame({"tree": {"$array": 0}, "arrays": [["bool", [4]]]}, b"\x00\x01\x02\xff"))
    assert array.view(np.uint8).tolist() == [0, 1, 1, 1]


def test_arrays_are_writable_copies():
    [array] = read(wire.encode(np.arange(3)))
    array += 1
    assert array.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "data",
    [
        frame(b"[" * 1_000_000),
        frame(b'{"tree": [' + b"[]," * 300_000 + b'0], "arrays": []}'),
        frame({"tree": [{"$array": 0}] * 15_000, "arrays": [["uint8", [10**6]]]}, bytes(10**6)),
    ],
)
def test_memory_stays_in_proportion_to_the_bytes(data):
    tracemalloc.start()
    judged(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
