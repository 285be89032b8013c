"""What a submission's process may say: its responses are rebuilt entry by entry, whatever else it sent is dropped.

The wire guarantees a tree of plain values. Here the tree becomes a response that `Student` can take as it is: every
entry of the type it must have. A process that says anything else is talking nonsense, and is treated so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking.outcome import REPORTED, Reason

MAX_OPERATIONS = 10**9


def checked_response(tree: Any, number: int, asked: int, steps: int, lines: int) -> dict[str, Any] | None:
    """Return the response to the request `number`, None if the tree is not one.

    Args:
        tree: from the wire. asked: how many gradients were asked for. steps: how many requests waited for this one.
        lines: length of the submitted file, for the line that an error names.
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
    if len(gradients) != (asked if has_graph else 0):
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
    """An error's entries as short texts and a line that the file has (code can be compiled to stand in line 123456)."""
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
