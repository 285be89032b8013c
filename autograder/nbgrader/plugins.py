"""Plugins for nbgrader's commands; the course's nbgrader_config.py activates them with `configure`.

generate_assignment  writes the stubs of the students' file into the notebook, each with the title of its task.
autograde            executes no notebook. It puts the answers into the released notebook, grades the submitted notebook
                     in the sandbox, and writes the points into the gradebook, which the sandbox cannot access.
generate_feedback    removes the mark schemes that graders see below the answers.
"""

from __future__ import annotations

import atexit
import datetime
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import is_solution
from traitlets import Bool, Enum

from assignment.manifest import Manifest, load
from autograder.nbgrader import CourseError, answer_cell, course_id, grading, merge_answers
from autograder.nbgrader.gradebook import enter, open_gradebook
from autograder.nbgrader.source import questions

SCHEME = "mark-scheme"  # tag of the cells that only graders see
STUB = 'raise NotImplementedError("not written yet")'
BEGIN = re.compile(r"^\s*### BEGIN SOLUTION ?(\S*)[ \t]*$", re.MULTILINE)


def configure(c: Any) -> None:
    """Set up nbgrader for this course; `c` is the result of `get_config()` in nbgrader_config.py."""
    here = "autograder.nbgrader.plugins"
    theirs = "nbgrader.preprocessors"
    c.ClearTasks.code_stub = {"python": f"# your code\n{STUB}"}
    c.ClearTasks.text_stub = "*Your answer.*"
    c.GenerateAssignment.preprocessors = [
        f"{theirs}.IncludeHeaderFooter",
        f"{theirs}.LockCells",
        f"{here}.ClearTasks",
        f"{theirs}.ClearOutput",
        f"{theirs}.CheckCellMetadata",
        f"{theirs}.ComputeChecksums",
        f"{theirs}.SaveCells",
        f"{theirs}.ComputeChecksums",
        f"{theirs}.CheckCellMetadata",
    ]
    c.Autograde.exporter_class = f"{here}.MergedNotebooks"
    c.Autograde.autograde_preprocessors = [
        f"{here}.SandboxGrades",  # instead of Execute, whose process with student code can write the gradebook
        f"{theirs}.AssignLatePenalties",
        f"{theirs}.CheckCellMetadata",
        f"{here}.ShowSchemes",
    ]
    c.Autograde.exclude_overwriting = {course_id(load()): list(beside(Path("source") / course_id(load())))}
    c.AssignLatePenalties.plugin_class = f"{here}.ManifestPenalty"
    c.GenerateFeedback.preprocessors = [
        f"{here}.HideSchemes",
        f"{theirs}.GetGrades",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]


def beside(folder: Path) -> Iterator[str]:
    """Files beside the notebook; nothing in autograded/ is executed, so they need not be copied for every student."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".ipynb":
            yield path.relative_to(folder).as_posix()


class ClearTasks(ClearSolutions):
    """Removes solutions as nbgrader does; a stub names its task, and the cell for helpers gets no stub."""

    def _replace_solution_region(self, cell: Any, language: str) -> bool:
        """Replace the regions of one cell."""
        tasks = BEGIN.findall(cell.source)
        replaced = bool(super()._replace_solution_region(cell, language))
        for task in tasks if cell.cell_type == "code" else []:
            if task:
                label = load().task(task).label.replace("\\", "\\\\").replace('"', '\\"')
                cell.source = cell.source.replace(STUB, f'raise NotImplementedError("{label}")', 1)
            else:
                cell.source = cell.source.replace(f"# your code\n{STUB}", "", 1).strip("\n")
        return replaced


class MergedNotebooks(NotebookExporter):
    """Reads the released notebook with the answers of a submitted one, whatever is wrong with the submitted cells."""

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> Any:
        """Read a notebook file; merge a submitted one, keep one in autograded/ as it is."""
        converter: Any = self.parent
        if not converter._sanitizing:
            return super().from_filename(filename, resources=resources, **kw)
        info, course = resources["nbgrader"], converter.coursedir
        folder = Path(course.format_path(course.release_directory, ".", info["assignment"]))
        released = folder / f"{info['notebook']}.ipynb"
        if not released.is_file():
            raise CourseError(
                f"{released}: does not exist; run 'nbgrader generate_assignment {info['assignment']}' first"
            )
        tree = merge_answers.merged(
            grading.read_limited(Path(filename)), json.loads(released.read_text(encoding="utf-8"))
        )
        return super().from_file(io.StringIO(json.dumps(tree)), resources=resources, **kw)


class SandboxGrades(SaveAutoGrades):
    """Grades the submitted notebook in the sandbox and writes points and comments into the gradebook."""

    grade = Bool(
        True, help="Grade now; if False, points come from 'python -m autograder export --nbgrader' alone."
    ).tag(config=True)
    isolation = Enum(
        ("auto", "bubblewrap", "container"), default_value="auto", help="How the student's code is isolated."
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Grade one notebook; nbgrader handles the answers to questions as usual."""
        info, course = resources["nbgrader"], self.parent.parent.coursedir
        folder = course.format_path(course.submitted_directory, info["student"], info["assignment"])
        entry = None
        if self.grade:
            records = Path(course.root) / "records" / info["student"] / info["assignment"]
            path = Path(folder) / f"{info['notebook']}.ipynb"
            entry = GRADER.entry(path, info["student"], self.isolation, records)
        nb, resources = super().preprocess(nb, resources)
        if entry is not None:
            with open_gradebook(info["db_url"]) as book:
                written = enter(book, info["assignment"], load(), entry)
            self.log.info("%s: %g points, %d of them new", info["student"], written.total, written.changed)
        return nb, resources

    def _add_score(self, cell: Any, resources: Any) -> None:
        """Score answers only: check cells have no output, since nothing is executed."""
        if is_solution(cell):
            super()._add_score(cell, resources)

    def _add_comment(self, cell: Any, resources: Any) -> None:
        """Comment on answers only: the comments on code come with the grades."""
        if cell.cell_type == "markdown":
            super()._add_comment(cell, resources)


class ShowSchemes(NbGraderPreprocessor):
    """Adds the mark scheme below each answer in autograded/, which graders read."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Add the cells."""
        schemes = {answer_cell(question.id): question.scheme.strip() for question in questions()}
        cells = []
        for cell in nb.cells:
            cells.append(cell)
            if (scheme := schemes.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))) is not None:
                text = f"> **Mark scheme**, for graders only; it is not part of the feedback.\n\n{scheme}"
                cells.append(nbformat.v4.new_markdown_cell(text, metadata={"tags": [SCHEME]}))
        nb.cells = cells
        return nb, resources


class HideSchemes(NbGraderPreprocessor):
    """Removes the mark schemes from the feedback."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Remove the cells."""
        nb.cells = [cell for cell in nb.cells if SCHEME not in cell.metadata.get("tags", [])]
        return nb, resources


class ManifestPenalty(LateSubmissionPlugin):
    """The penalty of the manifest's section [late], after nbgrader's due date."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Points to subtract, None for no penalty."""
        return penalty(load(), score, total_seconds_late)


def penalty(manifest: Manifest, score: float, seconds_late: float) -> float | None:
    """Points to subtract from a score for being this late, None for no penalty."""
    from autograder.intake import lateness

    due = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
    late = replace(lateness.rule(manifest), deadline=due).judge(due + datetime.timedelta(seconds=seconds_late), None)
    return None if late is None or not late.loss else round(score * late.loss, 6)


GRADER = grading.Grader()
atexit.register(GRADER.close)
