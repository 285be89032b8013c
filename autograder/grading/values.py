"""Convert values to JSON trees and back."""

from __future__ import annotations

import base64
import math

import numpy as np
from pydantic import JsonValue

SHOWN_NUMBERS = 24
LONGEST_TEXT = 500


def valid(text: str) -> str:
    """Return a text whose lone surrogates, which UTF-8 cannot encode, are replaced by "?".

    >>> valid("a\\ud800b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode()


def plain(value: object, whole: bool = False) -> JsonValue:
    """Return the JSON tree of a value; arrays as dtype, shape and first numbers, with `whole` as base64 of all."""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        if whole:
            if array.ndim == 0:
                return plain(array.item())
            data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
            return {"dtype": array.dtype.name, "shape": list(array.shape), "base64": data}
        numbers = [plain(number) for number in array.ravel()[:SHOWN_NUMBERS].tolist()]
        return {"dtype": array.dtype.name, "shape": list(array.shape), "first": numbers}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return valid(value[:LONGEST_TEXT])
    if isinstance(value, (list, tuple)):
        return [plain(part, whole) for part in value[:SHOWN_NUMBERS]]
    if isinstance(value, dict):
        return {valid(str(key)): plain(part, whole) for key, part in list(value.items())[:SHOWN_NUMBERS]}
    return f"a {type(value).__name__}"


def revive(value: object) -> np.ndarray | None:
    """Return the array of a tree that `plain(…, whole=True)` made; None for any other value.

    >>> revive(plain(np.array([[1, 2]], dtype=np.uint8), whole=True))
    array([[1, 2]], dtype=uint8)
    """
    if isinstance(value, dict) and set(value) == {"dtype", "shape", "base64"}:
        data = base64.b64decode(value["base64"])
        return np.frombuffer(data, dtype=np.dtype(value["dtype"])).reshape(value["shape"])
    return None
