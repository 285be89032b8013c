"""Gradescope: results.json of one submission. All texts are plain, and the output of the file is hidden."""

from __future__ import annotations

import json
from typing import Any

from assignment.manifest import Manifest
from autograder.classroom.summary import flagged
from autograder.exports.feedback_text import lateness, read_feedback, task_lines, whole_lines
from autograder.exports.results import Result

VISIBLE = "visible"


def results_json(result: Result, manifest: Manifest, leaderboard: bool = False) -> str:
    """Return the contents of results.json. The score is points and bonus after the deduction for lateness.

    Args:
        result: the student's result. manifest: the manifest. leaderboard: whether P@1 on unseen classes is published.

    Raises:
        ExportError: the record is missing or damaged.
    """
    if not result.row.graded:
        return as_text(without_grade(result.row.problem))
    record = result.record()
    feedback = read_feedback(result, manifest, record)
    tests = [
        _entry(
            f"{task.title}{' (bonus)' if task.bonus else ''}",
            task.earned,
            task.possible,
            "\n".join([f"{task.symbol} {task.words}", *task_lines(task)]),
            number=str(task.number),
            status="passed" if task.state == "all" else "failed",
        )
        for task in feedback.tasks
    ]
    if late := lateness(result):
        lost = result.row.points + result.row.bonus - result.final()
        tests.append(_entry("Submitted late", -round(lost, 6), 0, late))
    tree: dict[str, Any] = {
        "score": result.final(),
        "execution_time": record.measured.seconds,
        "output": "\n\n".join(whole_lines(result, feedback)),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": VISIBLE,
        "stdout_visibility": "hidden",
        "extra_data": {
            "version": feedback.version,
            "sha256": record.submission.sha256,
            "points": feedback.points,
            "bonus": feedback.bonus,
            "possible": feedback.possible,
            "isolation": record.wall.isolation,
            "filter_of_system_calls": record.wall.seccomp,
            "flags": len(flagged(record.flags)),
        },
        "tests": tests,
    }
    shown = next((f for f in (feedback.checkpoint, feedback.retrieval) if f and f.after is not None), None)
    if leaderboard and shown is not None and shown.after is not None:
        which = "P@1, checkpoint" if shown is feedback.checkpoint else "P@1, unseen classes"
        tree["leaderboard"] = [{"name": which, "value": round(shown.after, 4), "order": "desc"}]
    return as_text(tree)


def _entry(name: str, score: float, most: float, output: str, **more: str) -> dict[str, Any]:
    """One entry of Gradescope's list of tests."""
    texts = {"name_format": "text", "output": output, "output_format": "text", "visibility": VISIBLE}
    return {"name": name, "score": score, "max_score": most, "status": "failed", **texts, **more}


def without_grade(problem: str) -> dict[str, Any]:
    """Results of a submission with nothing to grade: no points, and the reason."""
    return {
        "score": 0,
        "output": f"Nothing could be graded: {problem}",
        "output_format": "text",
        "visibility": VISIBLE,
        "stdout_visibility": "hidden",
        "tests": [],
    }


def as_text(tree: dict[str, Any]) -> str:
    """JSON in plain ASCII."""
    return json.dumps(tree, indent=1, allow_nan=False) + "\n"
