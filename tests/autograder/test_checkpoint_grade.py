"""A whole grade with a checkpoint: its credit is a bonus, and reports show what it retrieves."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from assignment.manifest import load
from autograder.grading import grade as grading
from autograder.grading import reference_files
from autograder.grading.checkpoint import CheckpointSubmission
from autograder.grading.make_record import record_of
from autograder.grading.record import Possible
from autograder.reports import html, markdown, terminal
from autograder.reports.feedback import feedback
from tests.autograder.checkpoints_at_hand import MANIFEST, ROOT, TASKS, few, hidden, upload
from tests.autograder.records import of_tree, tree_of


@pytest.fixture(scope="module")
def grade(wall):
    def graded(handed: CheckpointSubmission | None, source: str | None = None):
        submission = reference_files.submission_of("dml.py", source or reference_files.reference())
        manifest = replace(wall.manifest.with_checkpoint() if handed else wall.manifest)
        return record_of(grading.grade(submission, wall, manifest, 3, TASKS, checkpoint=handed), manifest), manifest

    return graded


@pytest.fixture(scope="module")
def passed(grade, trained):
    return grade(CheckpointSubmission(upload(trained), hidden()))


def test_a_grade_without_checkpoint_is_as_it_was(grade):
    entry, _ = grade(None)
    assert entry.checkpoint is None
    assert entry.possible == Possible(20, 5)
    assert [task.id for task in entry.tasks] == TASKS


def test_the_credit_is_a_bonus(passed, trained):
    entry, _ = passed
    assert (entry.points, entry.bonus) == (1, MANIFEST.checkpoint_task.points)
    assert entry.possible == Possible(20, 5 + MANIFEST.checkpoint_task.points)
    assert entry.checkpoint.sha256 == upload(trained).sha256 and entry.checkpoint.images == 2000


def test_a_grade_can_be_repeated(grade, trained):
    first, second = (grade(CheckpointSubmission(upload(trained), few()))[0] for _ in range(2))
    assert replace(first, measured=second.measured) == second


def test_a_bad_checkpoint_costs_nothing_else(grade):
    entry, manifest = grade(CheckpointSubmission(upload(b"rubbish"), few()))
    assert (entry.points, entry.bonus) == (1, 0)
    told = feedback(entry, manifest, reference_files.reference())
    assert "could not be read as weights" in html.render(told)
    assert "could not be read as weights" in markdown.render(told)


def test_a_file_that_cannot_be_imported(grade, trained):
    entry, manifest = grade(CheckpointSubmission(upload(trained), few()), "raise RuntimeError('broken')\n")
    assert entry.measured.processes == 1
    assert entry.tasks[-1].tests[0].reason == "import"
    assert "could not be imported, so nothing in it could be tested" in markdown.render(feedback(entry, manifest))


def test_reports_show_before_and_after(passed):
    entry, manifest = passed
    told = feedback(entry, manifest, reference_files.reference())
    details = next(task for task in entry.tasks if task.id == MANIFEST.checkpoint_task.id).tests[0].details
    file = io.StringIO()
    terminal.print_result(entry, manifest, Console(file=file, width=160))
    for text in (html.render(told), markdown.render(told), file.getvalue()):
        assert f"{details['p_at_1_before']:.3f}" in text and f"{details['p_at_1_after']:.3f}" in text
    assert "What your checkpoint retrieves" in html.render(told)


def test_reports_of_a_session_that_ended(passed):
    entry, manifest = tree_of(passed[0]), passed[1]
    task = entry["tasks"][-1]
    task["state"] = "none"
    task["tests"][0] |= {"status": "failed", "reason": "timeout", "message": "", "details": {}}
    text = markdown.render(feedback(of_tree(entry), manifest, reference_files.reference()))
    assert "did not finish in time while it computed descriptors" in text
    assert "What your checkpoint retrieves" not in text


def test_pretrained_weights_against_random_ones_are_noted(passed):
    entry = tree_of(passed[0])
    entry["tasks"][-1]["tests"][0]["details"]["pretrained"] = True
    assert "--baseline-weights" in str(list(terminal.checkpoint_lines(of_tree(entry)))[1])
    entry["checkpoint"]["baseline_sha256"] = "0" * 64
    assert len(list(terminal.checkpoint_lines(of_tree(entry)))) == 1


def test_the_manifest_keeps_its_own_tasks():
    plain = load()
    assert (plain.points, plain.bonus_points) == (20, 5)
    assert plain.checkpoint_task not in plain.tasks
    assert MANIFEST.with_checkpoint() is MANIFEST
    assert (MANIFEST.points, MANIFEST.bonus_points) == (20, 5 + plain.checkpoint_task.points)


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--data", "cub"], 2, "add --checkpoint FILE"),
        (["--checkpoint", "template/dml.py", "--root", "x"], 2, "name the data set with --data"),
        (["--checkpoint", "no/such.pt"], 3, "does not exist"),
    ],
)
def test_wrong_options_are_one_line(options, status, words):
    command = [sys.executable, "-m", "autograder", "grade", "solution/dml.py", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == status
    assert words in done.stderr and len(done.stderr.strip().splitlines()) == 1
