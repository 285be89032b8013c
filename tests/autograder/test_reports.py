"""What the reports say: to the student in plain words, to the instructor with every value."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assignment.checking.outcome import FAILED
from assignment.checking.student import StudentError
from autograder.classroom import class_file
from autograder.grading.make_record import record_of
from autograder.grading.record import HandIn, LateResult
from autograder.grading.reference_files import reference, template
from autograder.reports import html, markdown, safe, ungraded, words, write
from autograder.reports.feedback import feedback
from tests.autograder.made_up_grades import (
    HOSTILE,
    MANIFEST,
    TIMEOUTS,
    grade_of,
    in_terminal,
    outcome,
    partial_source,
    reports,
    with_retrieval,
)
from tests.autograder.page_tags import OWN_TAGS, Tags
from tests.autograder.records import of_tree, tree_of


def test_values_of_shown_tests_are_shown():
    shown = outcome(
        status=FAILED,
        reason="unexpected",
        problem="has 1 of 3 values wrong",
        called="triplet_loss(float32 (3,), float32 (3,), a number)",
        returned=np.array([0.3, -0.6, 0.1], dtype=np.float32).round(3),
        expected=np.array([0.3, 0, 0.1]),
        shown=True,
    )
    for output in reports(record_of(grade_of([shown], ""), MANIFEST)):
        assert "[0.3, -0.6, 0.1], float32 (3,)" in output and "[0.3, 0, 0.1]" in output
        assert "It has 1 of 3 values wrong." in output


@pytest.mark.parametrize(
    "value", [True, None, 3, 0.5, "nan", "text", [], [1.0, "x"], {}, {"dtype": 1, "shape": "x", "first": 2}]
)
def test_any_value_can_be_described(value):
    assert safe.kind(value) and safe.shown(value)


def test_first_import_is_quoted():
    problem = StudentError("import", "No module named 'sklean'", "ModuleNotFoundError", 2)
    outcomes = [outcome(status=FAILED, reason="import", message="No module named 'sklean'")]
    entry = record_of(grade_of(outcomes, "import torch\nimport sklean\n", import_problem=problem), MANIFEST)
    for output in reports(entry, "import torch\nimport sklean\n"):
        assert re.search(r"ModuleNotFoundError: No module named .{1,6}sklean", output)
        assert "import sklean" in output
    assert "not run" in reports(entry)[1]


def test_renamed_function_is_found_in_the_source():
    gone = outcome(status=FAILED, reason="missing", called="triplet_loss(float32 (5,), float32 (5,), a number)")
    entry = record_of(grade_of([gone], ""), MANIFEST)
    assert (
        "did you rename it to `tripletLoss`?"
        in reports(entry, "def helper(): pass\ndef tripletLoss(a, b, c): pass\n")[1]
    )
    assert "did you rename" not in reports(entry, "def helper(): pass\n")[1]


def test_a_missing_function_is_not_there_rather_than_wrong():
    gone = outcome(status=FAILED, reason="missing", called="triplet_loss(float32 (5,), float32 (5,), a number)")
    wrong = outcome("gem", status=FAILED, reason="value", message="got None")
    entry = record_of(grade_of([gone, wrong], ""), MANIFEST)
    (first, second) = feedback(entry, MANIFEST).tasks
    assert (first.symbol, first.words, first.open) == ("○", "not in the file", True)
    assert (second.symbol, second.words, second.open) == ("✗", "not right yet", True)
    assert "did you rename it to `tripletLoss`?" in html.render(
        feedback(entry, MANIFEST, "def tripletLoss(a, b, c): pass\n")
    ).replace("<code>", "`").replace("</code>", "`")
    assert "○ not implemented yet" in in_terminal(entry)


@pytest.mark.parametrize(
    ("late", "says"),
    [
        (None, ""),
        (
            LateResult(2, 0.2),
            "on day 2 after the deadline: 20 % are deducted. Before the deduction: 20 points and 5 bonus.",
        ),
        (LateResult(2, 0.2), "After it: 16 points and 4 bonus; these count."),
        (LateResult(1, 0.0), "on day 1 after the deadline: nothing is deducted."),
        (LateResult(None, None), "but not by how much: nothing is deducted here."),
    ],
)
def test_lateness_is_shown_with_the_points_before_and_after(full, late, says):
    entry = replace(with_retrieval(full), hand_in=HandIn("s-1", late=late))
    for text in reports(entry)[:2]:
        assert says in text
        assert any(words in text for words in ("Submitted late", "this submission is late")) == bool(says)


@pytest.mark.parametrize("state", [class_file.UNUSABLE, class_file.CRASHED])
def test_who_has_no_grade_reads_why_and_what_to_do(tmp_path, state):
    told = ungraded.feedback(state, f"no Python file was handed in ({HOSTILE}); hand in dml.py", HOSTILE, MANIFEST)
    write.write_pages(told, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["feedback.html", "feedback.md"]
    page, text = ((tmp_path / name).read_text(encoding="utf-8") for name in ("feedback.html", "feedback.md"))
    found = Tags()
    found.feed(page)
    assert found.tags <= OWN_TAGS and "<" not in text
    for output in (page, text):
        assert "no grade yet" in output and "assignment check dml.py" in output and "of 20" not in output
        assert ("no Python file was handed in" in output) == (state == class_file.UNUSABLE)


def test_wrong_signature_shows_the_definition():
    wrong = outcome(
        "training-step", status=FAILED, reason="signature", called="train(a Linear, a DataLoader, a SGD, a number)"
    )
    source = "import torch\n\n\ndef train(model, loader):\n    pass\n"
    text = reports(record_of(grade_of([wrong], source), MANIFEST), source)[1]
    assert "line 4: `def train(model, loader):`" in text
    assert "train(a Linear, a DataLoader, a SGD, a number)" in text


@pytest.mark.parametrize(
    ("exception", "message", "part"),
    [
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)", "shapes of two tensors"),
        ("RuntimeError", "expected m1 and m2 to have the same dtype, but got: float != double", "dtypes"),
        ("IndexError", "index 7 is out of bounds for dimension 0 with size 5", "past the end"),
        ("RuntimeError", "element 0 of tensors does not require grad and does not have a grad_fn", "requires_grad"),
        ("TypeError", "train() missing 1 required positional argument: 'margin'", "other arguments"),
        ("AttributeError", "'NoneType' object has no attribute 'shape'", "None was used"),
        (
            "RuntimeError",
            "one of the variables needed for gradient computation has been modified by an inplace operation",
            "place",
        ),
        ("RuntimeError", "Expected all tensors to be on the same device, but found cuda:0 and cpu!", "device"),
        ("RuntimeError", "selected index k out of range", "topk"),
        ("RuntimeError", "view size is not compatible with input tensor's size", "reshaped"),
        ("NameError", "name 'x' is not defined", "has no value"),
    ],
)
def test_frequent_messages_are_explained(exception, message, part):
    assert part in words.explain(exception, message)


def test_own_exception_is_not_named():
    raised = outcome(status=FAILED, reason="exception", exception="Oops", line=3)
    text = reports(record_of(grade_of([raised], ""), MANIFEST), "a = 1\n\nraise Oops(1)\n")[1]
    assert "Your code raised an exception in line 3." in text and "line 3: `raise Oops(1)`" in text
    raised.exception = "IndexError"
    text = reports(record_of(grade_of([raised], ""), MANIFEST), "")[1]
    assert "Your code raised an IndexError." in text and "Oops" not in text


def test_equal_failures_are_shown_once():
    alike = [outcome(test=f"test_{i}", behaviour=f"case {i}", status=FAILED, reason="timeout") for i in range(4)]
    told = feedback(record_of(grade_of(alike, ""), MANIFEST), MANIFEST)
    (test,) = told.tasks[0].tests
    assert test.also == ("case 1", "case 2", "case 3") and test.points == MANIFEST.task("triplet-loss").points


def test_full_marks(full):
    told = feedback(with_retrieval(full), MANIFEST, reference())
    assert (told.points, told.possible, told.bonus, told.bonus_possible) == (20, 20, 5, 5)
    assert told.next_step is None and not told.notices and told.retrieval.grid is not None
    page = html.render(told)
    assert page.count("data:image/png;base64,") == 30 and "Every task is complete." in page


def test_template_is_short_and_kind(empty):
    told = feedback(empty, MANIFEST, template())
    assert {task.words for task in told.tasks} == {"not implemented yet"} and all(task.silent for task in told.tasks)
    assert told.next_step.title.startswith("Task 1: ")
    assert len(markdown.render(told)) < 3000
    assert "✗" not in in_terminal(empty) and in_terminal(empty).count("not implemented yet") == len(empty.tasks)


def test_partial_marks(partial):
    text = reports(partial, partial_source())[1]
    assert "did you rename it to `mean_avg_precision`?" in text
    assert "not run: it needs “Triplet loss” first" in text
    assert "The function returned None" in text and "Your code raised a RuntimeError in line" in text
    assert re.search(r"`smooth_ap_loss` cannot be called .*\n(.*\n)*?.*line \d+: `def smooth_ap_loss\(", text)
    lines = in_terminal(partial).splitlines()
    assert sum("average_precision(" in line for line in lines) <= 3  # failures of one kind share a line


def test_real_vocabulary_is_kept(partial):
    """The calls that the hidden tests make read the same after they are made safe, but for large sizes."""
    known = safe.vocabulary(MANIFEST)
    calls = {test.called for _, test in partial.tests() if test.called}
    assert calls
    for call in calls:
        assert "object" not in safe.called(call, known)


def test_odd_grids_are_left_out(full):
    tree = tree_of(with_retrieval(full))
    (test,) = next(task for task in tree["tasks"] if task["id"] == "improvement")["tests"]
    for odd in (
        None,
        3,
        {},
        {"queries": 1},
        {**test["details"]["grid"], "right": {"dtype": "x", "shape": [1], "base64": "??"}},
    ):
        test["details"]["grid"] = odd
        assert feedback(of_tree(tree), MANIFEST).retrieval.grid is None
    test["details"].clear()
    assert feedback(of_tree(tree), MANIFEST).retrieval is None


def test_every_reason_is_documented(full, partial):
    page = Path(write.__file__).with_name("RECORD.md").read_text(encoding="utf-8")
    reasons = {test.reason for record in (full, partial) for _, test in record.tests()} - {""}
    assert all(f"`{reason}`" in page for reason in (*reasons, *TIMEOUTS[:-1]))
