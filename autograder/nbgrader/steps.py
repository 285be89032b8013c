"""What nbgrader's commands do differently in this course; `configure` is called by the course's nbgrader_config.py.

generate_assignment  puts the stubs of the students' file into the notebook, each naming its task.
autograde            executes nothing. It puts the answers into the released notebook, grades the submitted one behind
                     the wall and writes the points into the gradebook, which student code never comes near.
generate_feedback    leaves out the mark schemes that graders see below the answers.
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
from autograder.nbgrader import CourseError, answer_cell, course_id, grading, mend
from autograder.nbgrader.gradebook import enter, open_gradebook
from autograder.nbgrader.source import questions

SCHEME = "mark-scheme"  # tag of the cells that only graders see
STUB = 'raise NotImplementedError("not written yet")'
BEGIN = re.compile(r"^\s*### BEGIN SOLUTION ?(\S*)[ \t]*$", re.MULTILINE)


def configure(c: Any) -> None:
    """Set up nbgrader for this course; `c` is what `get_config()` gives in nbgrader_config.py."""
    here = "autograder.nbgrader.steps"
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
    c.Autograde.exporter_class = f"{here}.Mended"
    c.Autograde.autograde_preprocessors = [
        f"{here}.WallGrades",  # in place of nbgrader's Execute, which runs student code beside the gradebook
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
    """Files beside the notebook: nothing in autograded/ runs, so no student's folder needs a copy of the package."""
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix != ".ipynb":
            yield path.relative_to(folder).as_posix()


class ClearTasks(ClearSolutions):
    """Removes solutions like nbgrader's own step; a stub says which task it is, the helper cell gets none."""

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


class Mended(NotebookExporter):
    """Reads a submitted notebook of any condition: its answers stand in the released notebook, nothing else is kept."""

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> Any:
        """Read a notebook file; the submitted one mended, the one in autograded/ as it is."""
        converter: Any = self.parent
        if not converter._sanitizing:
            return super().from_filename(filename, resources=resources, **kw)
        info, course = resources["nbgrader"], converter.coursedir
        folder = Path(course.format_path(course.release_directory, ".", info["assignment"]))
        released = folder / f"{info['notebook']}.ipynb"
        if not released.is_file():
            raise CourseError(f"{released} is missing: run 'nbgrader generate_assignment {info['assignment']}' first")
        tree = mend.mended(grading.read_capped(Path(filename)), json.loads(released.read_text(encoding="utf-8")))
        return super().from_file(io.StringIO(json.dumps(tree)), resources=resources, **kw)


class WallGrades(SaveAutoGrades):
    """Grades the submitted notebook behind the wall and writes points and comments into the gradebook."""

    grade = Bool(
        True, help="Grade now; if False, points come from 'python -m autograder export --nbgrader' alone."
    ).tag(config=True)
    isolation = Enum(
        ("auto", "bubblewrap", "container"), default_value="auto", help="How the student's code is shut in."
    ).tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Grade one notebook; answers to questions are treated as nbgrader always does."""
        info, course = resources["nbgrader"], self.parent.parent.coursedir
        folder = course.format_path(course.submitted_directory, info["student"], info["assignment"])
        entry = None
        if self.grade:
            records = Path(course.root) / "records" / info["student"] / info["assignment"]
            path = Path(folder) / f"{info['notebook']}.ipynb"
            entry = THE_GRADER.entry(path, info["student"], self.isolation, records)
        nb, resources = super().preprocess(nb, resources)
        if entry is not None:
            with open_gradebook(info["db_url"]) as book:
                written = enter(book, info["assignment"], load(), entry)
            self.log.info("%s: %g points, %d of them new", info["student"], written.total, written.changed)
        return nb, resources

    def _add_score(self, cell: Any, resources: Any) -> None:
        """Only answers: a check cell's output says nothing, since nothing was executed."""
        if is_solution(cell):
            super()._add_score(cell, resources)

    def _add_comment(self, cell: Any, resources: Any) -> None:
        """Only to answers: code has its comments from the wall."""
        if cell.cell_type == "markdown":
            super()._add_comment(cell, resources)


class ShowSchemes(NbGraderPreprocessor):
    """Puts the mark scheme below each answer in autograded/, where graders read."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Add the cells."""
        schemes = {answer_cell(question.id): question.scheme.strip() for question in questions()}
        cells = []
        for cell in nb.cells:
            cells.append(cell)
            if (scheme := schemes.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))) is not None:
                text = f"> **Mark scheme**, for graders only; the feedback leaves it out.\n\n{scheme}"
                cells.append(nbformat.v4.new_markdown_cell(text, metadata={"tags": [SCHEME]}))
        nb.cells = cells
        return nb, resources


class HideSchemes(NbGraderPreprocessor):
    """Takes the mark schemes out of the feedback."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Drop the cells."""
        nb.cells = [cell for cell in nb.cells if SCHEME not in cell.metadata.get("tags", [])]
        return nb, resources


class ManifestPenalty(LateSubmissionPlugin):
    """Takes off what the manifest's section [late] says; the deadline is nbgrader's own due date."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Points taken off, None if the rule takes none."""
        return penalty(load(), score, total_seconds_late)


def penalty(manifest: Manifest, score: float, seconds_late: float) -> float | None:
    """Points taken off a score for being so late."""
    from autograder.intake import lateness

    due = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
    late = replace(lateness.rule(manifest), deadline=due).judge(due + datetime.timedelta(seconds=seconds_late), None)
    return None if late is None or not late.loss else round(score * late.loss, 6)


THE_GRADER = grading.Grader()
atexit.register(THE_GRADER.close)
