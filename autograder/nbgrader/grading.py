"""Grade notebooks in one sandbox and turn the results into entries of the gradebook."""

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
    """Grades one notebook after the other; the first one starts the sandbox and checks it with the canaries.

    If that fails, every later notebook fails with the same message.
    """

    def __init__(self) -> None:
        self.manifest: Manifest = load()
        self._wall: Any = None
        self._fault = ""

    def entry(self, path: Path, student: str, isolation: str, out: Path) -> Entry:
        """Grade a notebook file and write record and feedback into `out`.

        A file that cannot be graded gets no points and a comment with the reason. CourseError if the sandbox cannot
        start or does not pass the canaries: then nobody is graded.
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
            raise CourseError(f"the grader failed, not the submission: {problem}") from None
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
                self._fault = f"the sandbox cannot be used: {problem}"
                self.close()
                raise CourseError(self._fault) from None
        return self._wall

    def close(self) -> None:
        """Stop the sandbox."""
        if self._wall is not None:
            self._wall.close()
            self._wall = None


def entry_of(record: Record, manifest: Manifest, source: str = "") -> Entry:
    """The gradebook entry of a record; `source` is the submitted text, for quoting its lines."""
    from autograder.nbgrader.comments import comments
    from autograder.reports.feedback import feedback

    full = manifest.with_checkpoint() if record.checkpoint else manifest
    texts = comments(feedback(record, full, source), full, definitions(reference(), manifest))
    hand_in = record.hand_in  # in a batch: the time of submission, and the loss for lateness
    loss = None if hand_in is None else hand_in.late.loss if hand_in.late else 0.0
    return Entry(
        student=record.submission.owner,
        scores=scores_of(record),
        comments=texts,
        penalty=None if loss is None else round(loss * (record.points + record.bonus), 6),
        submitted=hand_in.submitted if hand_in else None,
    )


def unreadable(student: str, why: str, manifest: Manifest) -> Entry:
    """The entry of a notebook that cannot be graded: no points and one comment."""
    text = f"**The notebook could not be graded:** {escape(why)}"
    return Entry(student, {task.id: 0.0 for task in manifest.tasks}, {HELPERS: text})


def read_limited(path: Path) -> bytes:
    """The bytes of a submitted notebook; b"" if it is too large."""
    with path.open("rb") as file:
        data = file.read((NOTEBOOK_MB << 20) + 1)
    return data if len(data) <= NOTEBOOK_MB << 20 else b""
