"""The wire format: trees of plain values as length-prefixed frames. Both sides use it; the grader trusts no frame.

A frame is: 4 bytes length of the header, 8 bytes length of the body (both big-endian), the header in JSON, and the
body, which holds the bytes of all arrays. In the header's tree an array is `{"$array": i}`; `arrays[i]` holds its dtype
and shape, which give its byte count. Each array occurs in the tree exactly once; otherwise a small frame could name one
array thousands of times, and stacking them would take terabytes. There are no pickles and no code, only numbers, texts,
lists and dictionaries.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

PREFIX = struct.Struct(">IQ")
DTYPES = {
    name: np.dtype(name)
    for name in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}  # numpy computes the name of a dtype each time, slowly
SCALARS = frozenset([bool, int, float, str])
MAX_HEADER = 1 << 20
MAX_NODES = 20_000
MAX_DEPTH = 12
MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 26
MAX_EMPTY = 1 << 20  # product of the other sizes of an empty array: a norm along the empty axis has as many


class WireError(ValueError):
    """The bytes are not a frame, or exceed a limit; the message says which."""


def encode(tree: Any) -> bytes:
    """Write a tree of None, bool, int, float, str, list, dict[str, …] and numpy arrays as one frame."""
    arrays: list[np.ndarray] = []

    def strip(value: Any) -> Any:
        if value is None or type(value) in SCALARS:
            return value
        if isinstance(value, np.ndarray):
            arrays.append(np.ascontiguousarray(value).reshape(value.shape))
            return {"$array": len(arrays) - 1}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, (list, tuple)):
            return [strip(part) for part in value]
        if isinstance(value, dict):
            return {key: strip(part) for key, part in value.items()}
        return value

    stripped = strip(tree)
    table = [[NAMES.get(array.dtype) or array.dtype.name, list(array.shape)] for array in arrays]
    header = json.dumps({"tree": stripped, "arrays": table}).encode()
    body = b"".join(array.tobytes() for array in arrays)
    return PREFIX.pack(len(header), len(body)) + header + body


class Reader:
    """Splits a stream of bytes into frames and rebuilds their trees.

    Args:
        max_body: the largest body in bytes.
    """

    def __init__(self, max_body: int) -> None:
        self.max_body = max_body
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Add bytes; return the trees of all frames that are complete now. Raise WireError for anything else."""
        self._buffer += data
        trees = []
        while len(self._buffer) >= PREFIX.size:
            header_length, body_length = PREFIX.unpack_from(self._buffer)
            if header_length > MAX_HEADER or body_length > self.max_body:
                raise WireError(f"a frame of {header_length} + {body_length} bytes is over the limit")
            end = PREFIX.size + header_length + body_length
            if len(self._buffer) < end:
                break
            header = bytes(self._buffer[PREFIX.size : PREFIX.size + header_length])
            body = bytes(self._buffer[PREFIX.size + header_length : end])
            del self._buffer[:end]
            trees.append(decode(header, body))
        return trees


def decode(header: bytes, body: bytes) -> Any:
    """Rebuild one frame's tree; raise WireError if header and body do not match or exceed a limit."""
    try:
        parsed = DECODER.decode(header.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise WireError(f"the header is not JSON: {type(problem).__name__}") from None
    if not isinstance(parsed, dict) or set(parsed) != {"tree", "arrays"} or not isinstance(parsed["arrays"], list):
        raise WireError("the header does not have exactly the entries `tree` and `arrays`")
    if len(parsed["arrays"]) > MAX_NODES:
        raise WireError("too many arrays")
    arrays = []
    offset = 0
    for entry in parsed["arrays"]:
        dtype, shape = _checked_entry(entry)
        size = dtype.itemsize * math.prod(shape)
        if offset + size > len(body):
            raise WireError("the body is shorter than its arrays")
        array = np.frombuffer(body, dtype, math.prod(shape), offset).reshape(shape)
        # the byte of a bool may be 2, which numpy treats as neither true nor false
        arrays.append(array.view(np.uint8).astype(bool) if dtype.kind == "b" else array.copy())
        offset += size
    if offset != len(body):
        raise WireError("the body is longer than its arrays")
    nodes = 0
    unused = set(range(len(arrays)))

    def fill(value: Any, depth: int) -> Any:
        nonlocal nodes
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise WireError("the tree is too deep or too large")
        if isinstance(value, list):
            return [fill(part, depth + 1) for part in value]
        if isinstance(value, dict):
            if "$array" in value:
                index = value["$array"]
                if len(value) != 1 or type(index) is not int or index not in unused:
                    raise WireError("a reference to an array that does not exist or has another reference")
                unused.remove(index)
                return arrays[index]
            return {_text(key): fill(part, depth + 1) for key, part in value.items()}
        return _text(value) if isinstance(value, str) else value

    tree = fill(parsed["tree"], 0)
    if unused:
        raise WireError("an array without a reference in the tree")
    return tree


def _text(text: str) -> str:
    """The text without lone surrogates: JSON can hold them, but no report can be written with them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _integer(digits: str) -> int:
    if len(digits) > 25:
        raise WireError("an integer with too many digits")
    return int(digits)


DECODER = json.JSONDecoder(parse_int=_integer)


def _checked_entry(entry: Any) -> tuple[np.dtype, tuple[int, ...]]:
    if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], list)):
        raise WireError("an array's entry is not [dtype, shape]")
    if not isinstance(entry[0], str) or entry[0] not in DTYPES:
        raise WireError("an array whose dtype is not numeric")
    shape = entry[1]
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise WireError("an array's shape is not a list of sizes")
    if math.prod(n or 1 for n in shape) > (MAX_ELEMENTS if all(shape) else MAX_EMPTY):
        raise WireError("an array of too many elements")
    return DTYPES[entry[0]], tuple(shape)
