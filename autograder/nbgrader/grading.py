"""Grade notebooks behind one wall and make gradebook entries of the results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from assignment.manifest import Manifest, load
from autograder.grading.record import Record
from autograder.grading.reference_files import reference
from autograder.grading.replay import KEPT
from autograder.intake import IntakeError, Submission, read_submission
from autograder.intake.notebook import NOTEBOOK_MB
from autograder.nbgrader import HELPERS, CourseError
from autograder.nbgrader.gradebook import Entry, scores_of
from autograder.nbgrader.source import definitions
from autograder.reports.markdown import escape


class Grader:
    """Grades one notebook after the other; the wall is put up, and tried on known files, at the first.

    If that fails, each later notebook fails at once with the same line.
    """

    def __init__(self) -> None:
        self.manifest: Manifest = load()
        self._wall: Any = None
        self._fault = ""

    def entry(self, path: Path, student: str, isolation: str, out: Path) -> Entry:
        """Grade a notebook file and write record and feedback into `out`.

        A file that cannot be graded is worth nothing, and the comment says why. CourseError where there is no wall, or
        it grades known files wrongly: then nobody gets points.
        """
        try:
            submission = read_submission(path, self.manifest, student)
        except IntakeError as problem:
            return unreadable(student, str(problem).replace(str(path), path.name), self.manifest)
        return self._graded(path, submission, isolation, out)

    def _graded(self, path: Path, submission: Submission, isolation: str, out: Path) -> Entry:
        from assignment.checking.student import GraderFault
        from autograder.grading.grade import grade
        from autograder.grading.make_record import record_of
        from autograder.reports import feedback, write

        try:
            result = grade(submission, self._ready(isolation), self.manifest)
        except GraderFault as problem:
            raise CourseError(f"the grader is at fault, not the submission: {problem}") from None
        record = record_of(result, self.manifest)
        write.write_reports(record, feedback.feedback(record, self.manifest, submission.source), out)
        (out / f"{KEPT}{path.suffix}").write_bytes(path.read_bytes())  # for `grade --replay`
        return entry_of(record, self.manifest, submission.source)

    def _ready(self, isolation: str) -> Any:
        if self._fault:
            raise CourseError(self._fault)
        if self._wall is None:
            os.environ.setdefault("OMP_NUM_THREADS", "1")
            from assignment.checking.student import GraderFault
            from autograder.grading.grade import canaries
            from autograder.sandbox.backends import IsolationError
            from autograder.sandbox.wall import Wall

            try:
                self._wall = Wall(isolation, self.manifest)
                self._wall.wait_ready()
                canaries(self._wall, self.manifest)
            except (IsolationError, GraderFault) as problem:
                self._fault = f"nothing can be graded here: {problem}"
                self.close()
                raise CourseError(self._fault) from None
        return self._wall

    def close(self) -> None:
        """Take the wall down."""
        if self._wall is not None:
            self._wall.close()
            self._wall = None


def entry_of(record: Record, manifest: Manifest, source: str = "") -> Entry:
    """The gradebook entry of a record. `source`: the submitted text, so that lines can be quoted and counted."""
    from autograder.nbgrader.comments import comments
    from autograder.reports.feedback import feedback

    full = manifest.with_checkpoint() if record.checkpoint else manifest
    told = comments(feedback(record, full, source), full, definitions(reference(), manifest))
    hand_in = record.hand_in  # a batch knows when, and what being late costs
    loss = None if hand_in is None else hand_in.late.loss if hand_in.late else 0.0
    return Entry(
        student=record.submission.owner,
        scores=scores_of(record),
        comments=told,
        penalty=None if loss is None else round(loss * (record.points + record.bonus), 6),
        submitted=hand_in.submitted if hand_in else None,
    )


def unreadable(student: str, why: str, manifest: Manifest) -> Entry:
    """The entry of a notebook that cannot be graded: no points, and one comment."""
    text = f"**The notebook could not be graded:** {escape(why)}"
    return Entry(student, {task.id: 0.0 for task in manifest.tasks}, {HELPERS: text})


def read_capped(path: Path) -> bytes:
    """A submitted notebook's bytes; none of one that is too large to be read."""
    with path.open("rb") as file:
        data = file.read((NOTEBOOK_MB << 20) + 1)
    return data if len(data) <= NOTEBOOK_MB << 20 else b""
