"""Grade the submission in a Gradescope container: `python -m autograder.exports.gradescope.harness [/autograder]`.

Reads `submission/` and `submission_metadata.json`, writes `results/results.json`. Exit status: 0 graded, or nothing to
grade, as the results say; 4 the grader cannot be trusted here: then there are no results and an instructor can run it
again. The output is for instructors.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

from assignment.checking.student import GraderFault
from assignment.files import write_whole
from assignment.manifest import Manifest, load
from autograder.exports.gradescope import results as gradescope
from autograder.exports.results import of_record
from autograder.grading.replay import KEPT
from autograder.intake import IntakeError, Submission, read_submission
from autograder.intake.choice import choose
from autograder.intake.downloads import moment
from autograder.intake.lateness import DeadlineError, Late, rule
from autograder.intake.tree import read_tree

METADATA_BYTES = 8 << 20
UNTRUSTED = 4
LEADERBOARD = "AUTOGRADER_LEADERBOARD"  # set to 1: P@1 is published
ISOLATION = "AUTOGRADER_ISOLATION"
Tree = dict[str, Any]


def main(root: Path) -> int:
    """Grade the submission in Gradescope's folder `root`; return the exit status."""
    results = root / "results" / "results.json"
    with suppress(FileNotFoundError):
        results.unlink()
    manifest = load()
    with tempfile.TemporaryDirectory(prefix="dml-submission-") as scratch:
        folder = Path(scratch)
        try:
            text = graded(root, folder, manifest)
        except IntakeError as problem:
            print(f"nothing to grade: {problem}")
            text = gradescope.as_text(gradescope.without_grade(str(problem)))
        except (GraderFault, RuntimeError) as problem:
            print(f"error: the grader is at fault, not the submission: {problem}", file=sys.stderr)
            return UNTRUSTED
    results.parent.mkdir(parents=True, exist_ok=True)
    write_whole(results, text)
    return 0


def graded(root: Path, scratch: Path, manifest: Manifest) -> str:
    """Grade the submission; return the contents of results.json.

    Raises:
        IntakeError: there is nothing to grade. GraderFault, IsolationError (a RuntimeError): the grader is at fault.
    """
    from autograder.grading.grade import canaries, grade
    from autograder.grading.make_record import record_of
    from autograder.grading.record import HandIn, LateResult, to_json
    from autograder.sandbox.wall import Wall

    metadata = read_metadata(root / "submission_metadata.json")
    submission = submitted_file(root / "submission", scratch, metadata, manifest)
    with Wall(os.environ.get(ISOLATION, "auto"), manifest) as wall:
        wall.wait_ready()
        canaries(wall, manifest)
        record = record_of(grade(submission, wall, manifest), manifest)
    late = lateness(metadata, manifest)
    hand_in = HandIn(key=submission.owner, late=None if late is None else LateResult(late.days, late.loss))
    folder = scratch / "graded"
    folder.mkdir()
    (folder / "record.json").write_text(to_json(replace(record, hand_in=hand_in)), encoding="utf-8")
    (folder / f"{KEPT}.py").write_text(submission.source, encoding="utf-8")
    result = of_record(folder / "record.json")
    earned = f"{record.points:g} points and {record.bonus:g} bonus, {result.final():g} count"
    print(f"{submission.name}: {earned}; isolation: {wall.start.name}")
    return gradescope.results_json(result, manifest, leaderboard=os.environ.get(LEADERBOARD) == "1")


def submitted_file(folder: Path, scratch: Path, metadata: Tree, manifest: Manifest) -> Submission:
    """The file to grade among the submitted ones; IntakeError if there is none."""
    (scratch / "unpacked").mkdir()
    tree = read_tree(folder, scratch / "unpacked")
    if not tree.entries:
        refused = "; ".join(f"{name}: {why}" for name, why in tree.refused.items())
        raise IntakeError(refused or f"no file was submitted; submit {manifest.file}")
    entry = choose(tree.entries, manifest.file).latest
    if entry.path is None:
        raise IntakeError(f"{entry.name} {entry.problem or 'was not taken'}")
    users = metadata.get("users")
    people = [str(user.get("email") or user.get("id") or "") for user in users or () if isinstance(user, dict)]
    try:
        return replace(read_submission(entry.path, manifest, ", ".join(filter(None, people))), name=entry.name)
    except IntakeError as problem:
        raise IntakeError(str(problem).replace(str(entry.path), entry.name)) from None


def read_metadata(path: Path) -> Tree:
    """Gradescope's metadata of the submission; empty if the file is missing or cannot be read."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size <= METADATA_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def lateness(metadata: Tree, manifest: Manifest) -> Late | None:
    """Lateness by Gradescope's due date, with a student's extension, and the deduction of the manifest."""
    submitted = moment(metadata.get("created_at"))
    due = [moment(assignment.get("due_date")) for assignment in _assignments(metadata)]
    known = [when for when in due if when is not None]
    if submitted is None or not known:
        return None
    try:
        return rule(manifest, max(known).isoformat()).judge(submitted, None)
    except DeadlineError:
        return None


def _assignments(metadata: Tree) -> list[Tree]:
    """The assignment's dates for everybody, and those of the students of this submission."""
    users = [user for user in metadata.get("users") or () if isinstance(user, dict)]
    found = [metadata.get("assignment"), *(user.get("assignment") for user in users)]
    return [assignment for assignment in found if isinstance(assignment, dict)]


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "/autograder")))
