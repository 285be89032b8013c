"""The self-test can fail: each kind of known file has a grade that it must not get."""

from __future__ import annotations

import dataclasses

import pytest

from assignment.checking.outcome import FAILED, NOT_IMPLEMENTED, Outcome
from assignment.manifest import load
from autograder.grading import reference_files
from autograder.grading.scoring import score
from autograder.misconceptions import catalogue
from autograder.selftest.cases import ATTACK, KINDS, MISCONCEPTION, REFERENCE, STYLE, TEMPLATE, Case, cases, fault_of


def scored(lost: dict[str, str]):
    """A score in which the tasks in `lost` failed for these reasons and all others passed."""
    outcomes = []
    for task in load().tasks:
        outcome = Outcome(task.id, task.id, "", "", task.points)
        if task.id in lost:
            outcome = dataclasses.replace(outcome, status=FAILED, reason=lost[task.id])
        outcomes.append(outcome)
    return score(outcomes, load())


def fault(kind: str, lost: dict[str, str], tasks: tuple[str, ...] = (), wrong_points: float = 0.0) -> str:
    return fault_of(Case(kind, "x", "", tasks), scored(lost), load(), wrong_points)


EVERYTHING = {task.id: "unexpected" for task in load().tasks}


@pytest.mark.parametrize("kind", [REFERENCE, STYLE])
def test_right_files_must_get_everything(kind):
    assert fault(kind, {}) == ""
    assert fault(kind, {"gem": "unexpected"}) == "loses points in gem"


def test_the_template_must_be_not_implemented():
    assert fault(TEMPLATE, dict.fromkeys(EVERYTHING, NOT_IMPLEMENTED)) == ""
    assert "triplet-loss" in fault(
        TEMPLATE, {**dict.fromkeys(EVERYTHING, NOT_IMPLEMENTED), "triplet-loss": "exception"}
    )


def test_a_misconception_must_lose_there_and_only_there():
    assert fault(MISCONCEPTION, {"triplet-loss": "unexpected"}, ("triplet-loss",)) == ""
    assert fault(MISCONCEPTION, {"triplet-loss": "unexpected", "training-step": "x"}, ("triplet-loss",)) == ""
    assert "keeps all points" in fault(MISCONCEPTION, {}, ("triplet-loss",))
    assert "loses points in gem" in fault(MISCONCEPTION, {"triplet-loss": "x", "gem": "x"}, ("triplet-loss",))


def test_an_attack_must_not_pay():
    assert fault(ATTACK, EVERYTHING) == ""
    rest = {task: reason for task, reason in EVERYTHING.items() if task != "gem"}
    assert "gets 1" in fault(ATTACK, rest)
    assert fault(ATTACK, rest, wrong_points=1.0) == ""


def test_there_are_enough_of_each_kind_and_each_differs():
    found = cases()
    count = {kind: sum(case.kind == kind for case in found) for kind in KINDS}
    assert count[MISCONCEPTION] >= 40
    assert count[STYLE] >= 12
    assert count[ATTACK] >= 40
    assert len({case.source for case in found}) == len(found)


def test_what_is_graded_with_the_improvement_task():
    by_id = {case.id: case for case in cases()}
    assert by_id["solution"].trains
    assert by_id["training-step--no-zero-grad"].trains
    assert not by_id["average-precision--trapezoid"].trains


def test_misconceptions_have_sentences_and_known_tasks():
    ids = {task.id for task in load().tasks}
    for misconception in catalogue.load():
        assert set(misconception.tasks) <= ids
        assert misconception.sentence.endswith(".")
        assert misconception.source != reference_files.reference()


@pytest.mark.parametrize(
    ("name", "header", "message"),
    [
        ("gem.py", "", "must be <task-id>--<mistake>.py"),
        ("gem--.py", "", "must be <task-id>--<mistake>.py"),
        ("gemm--x.py", "", "there is no task 'gemm'"),
        ("gem--x.py", "", "the constant NAME is missing"),
        ("gem--x.py", 'NAME, SENTENCE = "", ""\n', "the constant NAME is missing"),
    ],
)
def test_a_faulty_overlay_is_named(tmp_path, name, header, message):
    (tmp_path / name).write_text(header + "def gem(maps, p=3.0, eps=1e-6):\n    return maps\n")
    with pytest.raises(catalogue.OverlayError, match=f"^{name}: .*{message}"):
        catalogue.read(tmp_path / name, reference_files.reference())


def test_an_overlay_names_its_task_and_the_others(tmp_path):
    path = tmp_path / "gem--x.py"
    path.write_text(
        'NAME = "n"\nALSO = ["descriptor"]\nSENTENCE = "S."\n\n\ndef gem(maps, p=3.0, eps=1e-6):\n    return maps\n'
    )
    found = catalogue.read(path, reference_files.reference())
    assert (found.id, found.tasks) == ("gem--x", ("gem", "descriptor"))
    assert "return maps" in found.source
