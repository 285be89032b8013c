"""Validate what a submission's process sends: a response is rebuilt entry by entry, everything else is dropped.

The wire guarantees a tree of plain values. Here the tree becomes a response in which every entry has the type that
`Student` expects; any other tree is not a response.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking.outcome import REPORTED, Reason

MAX_OPERATIONS = 10**9


def checked_response(tree: Any, number: int, gradient_count: int, steps: int, lines: int) -> dict[str, Any] | None:
    """Return the response to the request `number`, None if the tree is not one.

    Args:
        tree: from the wire. gradient_count: number of requested gradients. steps: number of requests sent before it.
        lines: length of the submitted file, a limit for the line of an error.
    """
    response = tree.get("response") if isinstance(tree, dict) else None
    if not isinstance(response, dict) or type(tree.get("number")) is not int or tree["number"] != number:
        return None
    if "error" in response:
        if not isinstance(response["error"], dict):
            return None
        step = response["error"].get("step")
        known = type(step) is int and 0 <= step <= steps
        return {"error": {**checked_error(response["error"], lines), "step": step if known else steps}}
    gradients, mutated = response.get("gradients", []), response.get("mutated", [])
    if not (isinstance(gradients, list) and all(isinstance(part, np.ndarray) for part in gradients)):
        return None
    if not (isinstance(mutated, list) and all(type(part) is int for part in mutated)):
        return None
    has_graph = response.get("has_graph") is True
    if len(gradients) != (gradient_count if has_graph else 0):
        return None
    operations = response.get("operations")
    counted = type(operations) is int and 0 <= operations <= MAX_OPERATIONS
    return {
        "value": response.get("value"),
        "gradients": gradients,
        "has_graph": has_graph,
        "mutated": mutated,
        "operations": operations if counted else None,
    }


def checked_error(error: dict[str, Any], lines: int) -> dict[str, Any]:
    """An error's entries as short texts, and a line that exists in the file: code can be compiled to claim any line."""
    texts = {
        key: part[:500] if isinstance(part := error.get(key), str) else "" for key in ("kind", "message", "type_name")
    }
    line = error.get("line")
    return {
        "kind": texts["kind"] if texts["kind"] in REPORTED else Reason.EXCEPTION,
        "message": texts["message"],
        "type_name": texts["type_name"][:80],
        "line": line if type(line) is int and 0 <= line <= lines else 0,
    }
