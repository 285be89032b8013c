"""The record: everything about one grade, as JSON. For instructors; the students' reports are made from it.

Schema 1 (`autograder/reports/RECORD.md` documents every entry). Whatever differs between two runs with the same seed
stands under `measured`; all else is the same byte for byte.
"""

from __future__ import annotations

import base64
import datetime
import math
import platform
from typing import Any

import numpy as np

from assignment.checking.outcome import Outcome
from assignment.manifest import Manifest
from autograder.grading import Grade

SCHEMA = 1
SHOWN_NUMBERS = 24


def record(grade: Grade, manifest: Manifest) -> dict[str, Any]:
    """Turn a grade into a tree that `json.dumps` takes."""
    problem = grade.import_problem
    return {
        "schema": SCHEMA,
        "assignment": {"title": manifest.title, "version": manifest.version},
        "submission": {
            "name": grade.submission.name,
            "owner": grade.submission.owner,
            "sha256": grade.submission.sha256,
            "notebook": grade.submission.notebook.tree() if grade.submission.notebook else None,
        },
        "seed": grade.seed,
        "asked_tasks": list(grade.tasks) if grade.tasks is not None else None,
        "points": grade.score.points,
        "bonus": grade.score.bonus,
        "possible": {"points": manifest.points, "bonus": manifest.bonus_points},
        "syntax": grade.findings.get("syntax", []),
        "flags": grade.findings.get("flags", []),
        "import_problem": None
        if problem is None
        else {"kind": problem.kind, "exception": problem.type_name, "message": problem.message, "line": problem.line},
        "checkpoint": grade.handed.facts() if grade.handed else None,
        "tasks": [
            {
                "id": scored.task.id,
                "number": scored.task.number,
                "title": scored.task.title,
                "bonus": scored.task.bonus,
                "earned": scored.earned,
                "possible": scored.task.points,
                "state": scored.state,
                "tests": [_test(outcome) for outcome in scored.outcomes],
            }
            for scored in grade.score.tasks
        ],
        "wall": {"isolation": grade.isolation, "seccomp": grade.seccomp, **grade.versions},
        "measured": _measured(grade),
    }


def _test(outcome: Outcome) -> dict[str, Any]:
    entry = {
        "name": outcome.test,
        "behaviour": outcome.behaviour,
        "points": outcome.points,
        "status": outcome.status,
        "reason": outcome.reason,
        "problem": outcome.problem,
        "called": outcome.called,
        "returned": plain(outcome.returned),
        "expected": plain(outcome.expected),
        "exception": outcome.exception,
        "message": outcome.message,
        "line": outcome.line,
        "hint": outcome.hint,
        "shown": outcome.shown,
        "misconception": outcome.misconception,
        "details": {key: plain(value, whole=True) for key, value in outcome.details.items()},
    }
    return entry


def _measured(grade: Grade) -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}",
        "seconds": round(grade.seconds, 4),
        "import_seconds": round(grade.import_seconds, 4),
        "cpu_seconds": round(sum(ending.cpu_seconds for ending in grade.endings), 4),
        "peak_mb": round(max((ending.peak_bytes for ending in grade.endings), default=0) / 2**20, 1),
        "test_seconds": {
            f"{o.task}/{o.test}": round(o.seconds, 4) for scored in grade.score.tasks for o in scored.outcomes
        },
        "output": "".join(ending.output for ending in grade.endings)[:20_000],
        "output_bytes": sum(ending.output_bytes for ending in grade.endings),
        "processes": len(grade.endings),
    }


def plain(value: Any, whole: bool = False) -> Any:
    """A JSON tree of a value: arrays as dtype, shape and first numbers, or as base64 where `whole` asks for all."""
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
        return value[:500]
    if isinstance(value, (list, tuple)):
        return [plain(part, whole) for part in value[:SHOWN_NUMBERS]]
    if isinstance(value, dict):
        return {str(key): plain(part, whole) for key, part in list(value.items())[:SHOWN_NUMBERS]}
    return f"a {type(value).__name__}"


def revive(value: Any) -> Any:
    """The array of a tree that `plain(…, whole=True)` made; any other value as it is."""
    if isinstance(value, dict) and set(value) == {"dtype", "shape", "base64"}:
        data = base64.b64decode(value["base64"])
        return np.frombuffer(data, dtype=np.dtype(value["dtype"])).reshape(value["shape"])
    return value
