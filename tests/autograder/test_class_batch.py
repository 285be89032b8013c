"""`grade_class` with graders that only play: what it prints, and grades of another version of the grader."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from assignment.manifest import load
from autograder.classroom.workers import GraderFactory
from autograder.grading import fingerprint
from autograder.reports import class_batch
from tests.autograder.batch_player import PlayGrader


def graded(source: Path, out: Path) -> list[str]:
    """The lines that a batch prints."""
    file = io.StringIO()
    class_batch.grade_class(source, out, load(), Console(file=file, width=200), isolation="process", workers=1)
    return file.getvalue().splitlines()


def test_grades_of_another_grader_are_said_in_one_line_and_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(class_batch, "sandboxed", lambda *_: GraderFactory(PlayGrader, (0.0,)))
    monkeypatch.setattr(class_batch, "_make_page", lambda *_: None)
    for name in ("s-1", "s-2"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "dml.py").write_text(f"x = '{name}'\n")
    source, out = tmp_path / "in", tmp_path / "out"
    for grader, now, before, lines in (
        ("old", 2, 0, []),
        ("old", 0, 2, []),
        ("new", 2, 0, ["journal: 2 files were graded by another version of the grader; these files are graded again"]),
        ("new", 0, 2, []),
    ):
        monkeypatch.setattr(fingerprint, "of_grader", lambda grader=grader: grader)
        found = graded(source, out)
        assert [line for line in found if line.startswith("journal: ")] == lines
        summary = next(line for line in found if line.startswith("2 submissions (folders): "))
        assert f"{now} graded now" in summary and f"{before} taken from the journal" in summary
