"""Records as JSON trees, which tests can change, and back."""

from __future__ import annotations

import json
from typing import Any

from autograder.grading.record import Record, from_json, to_json


def tree_of(record: Record) -> dict[str, Any]:
    """The tree of a record's JSON."""
    return json.loads(to_json(record))


def of_tree(tree: dict[str, Any]) -> Record:
    """The record of a tree; RecordError if it is not one."""
    return from_json(json.dumps(tree))
