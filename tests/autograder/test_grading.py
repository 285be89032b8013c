"""Whole grades behind the real wall: what one bad function costs, and what it must not."""

from __future__ import annotations

import json

import pytest

from assignment.checking.runner import BrokenTests
from autograder.grading import reference_files
from autograder.grading.grade import CanaryError, canaries, grade
from autograder.grading.make_record import record_of
from autograder.grading.scoring import ScoringError, score
from tests.autograder.records import tree_of

TASKS = ["triplet-loss", "distances"]


@pytest.fixture(scope="module")
def graded(wall, short_manifest):
    """Grade a source in two tasks."""

    def graded(source: str, tasks=TASKS, seed=1):
        return grade(reference_files.submission_of("dml.py", source), wall, short_manifest, seed=seed, tasks=tasks)

    return graded


def reference_with(body: str) -> str:
    """The reference with another body of `triplet_loss`."""
    return reference_files.reference().replace(
        "    return (distances_pos - distances_neg + margin).clamp_min(0)", body, 1
    )


def by_task(grade) -> dict[str, float]:
    return {scored.task.id: scored.earned for scored in grade.score.tasks}


def reasons(grade, task="triplet-loss") -> set[str]:
    return {o.reason for scored in grade.score.tasks if scored.task.id == task for o in scored.outcomes}


def test_reference_earns_everything_asked_for(graded):
    assert by_task(graded(reference_files.reference())) == {"triplet-loss": 1, "distances": 1}


def test_template_is_not_implemented(graded, short_manifest):
    everything = [task.id for task in short_manifest.tasks]
    grade = graded(reference_files.template(), tasks=everything)
    assert (grade.score.points, grade.score.bonus) == (0, 0)
    assert {scored.state for scored in grade.score.tasks} == {"not-implemented"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("    return (distances_pos - ", "exception"),
        ("    raise ValueError('no')", "exception"),
        ("    while True: pass", "timeout"),
        ("    import time; time.sleep(100)", "timeout"),
        ("    import ctypes; ctypes.string_at(0)", "crash"),
        ("    import os; os._exit(3)", "exit"),
        ("    raise SystemExit(3)", "exception"),
        ("    return bytearray(3 << 30)", "memory"),
        ("    return torch.zeros(1 << 30)", "memory"),
        ("    return torch.zeros(30_000_000)", "value"),
        ("    return 'a text'", "value"),
        ("    return None", "value"),
        ("    return object()", "value"),
        ("    return torch.full((len(distances_pos),), float('nan'))", "unexpected"),
        ("    return torch.zeros(len(distances_pos), dtype=torch.int64)", "unexpected"),
        ("    return torch.zeros(len(distances_pos), 1)", "unexpected"),
    ],
)
def test_one_bad_function_costs_only_its_task(graded, body, reason):
    grade = graded(reference_with(body))
    assert by_task(grade)["distances"] == 1
    assert by_task(grade)["triplet-loss"] < 1
    assert reason in reasons(grade)


def test_floods_of_output_are_counted_not_kept(graded, short_manifest):
    body = "    print('x' * 1_000_000)\n    return (distances_pos - distances_neg + margin).clamp_min(0)"
    grade = graded(reference_with(body))
    assert by_task(grade) == {"triplet-loss": 1, "distances": 1}
    assert sum(ending.output_bytes for ending in grade.endings) > 1_000_000
    assert all(len(ending.output) <= short_manifest.limits.output_kb << 10 for ending in grade.endings)


def test_renamed_stub_and_other_signature(graded):
    renamed = reference_files.reference().replace("triplet_loss", "tripple_loss")
    assert reasons(graded(renamed)) == {"missing", "prerequisite"}  # the second: edge cases were not tried
    other = reference_files.reference().replace(
        "def triplet_loss(distances_pos: Tensor, distances_neg: Tensor,", "def triplet_loss("
    )
    assert reasons(graded(other)) == {"signature", "prerequisite"}


def test_alias_and_extra_arguments_are_fine(graded):
    source = (
        reference_files.reference()
        .replace("def triplet_loss(", "def tripletloss(", 1)
        .replace(
            "distances_neg: Tensor, margin: float) -> Tensor:",
            "distances_neg: Tensor, margin: float, verbose=False):",
            1,
        )
    )
    assert by_task(graded(source)) == {"triplet-loss": 1, "distances": 1}


def test_a_cuda_device_means_the_cpu(graded):
    body = (
        "    d = torch.device('cuda:0')\n    return (distances_pos.to(d) - distances_neg.cuda() + margin).clamp_min(0)"
    )
    assert by_task(graded(reference_with(body))) == {"triplet-loss": 1, "distances": 1}


@pytest.mark.parametrize(
    ("source", "line", "exception"),
    [
        ("import torch\nraise RuntimeError('broken')\n", 2, "RuntimeError"),
        ("import torch\nexit()\n", 2, "SystemExit"),
        ("import no_such_library\n", 1, "ModuleNotFoundError"),
    ],
)
def test_import_problems_name_the_line(graded, source, line, exception):
    grade = graded(source)
    assert reasons(grade) == {"import", "prerequisite"}
    assert (grade.import_problem.line, grade.import_problem.type_name) == (line, exception)


def test_an_import_that_hangs_is_waited_for_once(graded):
    grade = graded("while True:\n    pass\n")
    assert grade.import_problem.message.startswith("timeout")
    assert grade.seconds < 6


def test_one_seed_gives_one_record(graded, short_manifest):
    first, second = (
        tree_of(record_of(graded(reference_with("    return distances_pos"), seed=7), short_manifest)) for _ in range(2)
    )
    assert first.pop("measured") and second.pop("measured")
    assert json.dumps(first) == json.dumps(second)


def test_misconceptions_are_named(graded):
    grade = graded(reference_with("    return distances_pos - distances_neg + margin"))
    assert "triplet-loss--no-hinge" in {o.misconception for o in grade.score.tasks[0].outcomes}


def test_canaries_sing(wall, short_manifest):
    canaries(wall, short_manifest)


def test_canaries_stop_a_grader_that_gives_everything(wall, short_manifest, monkeypatch):
    monkeypatch.setattr("autograder.grading.grade.reference", reference_files.template)
    with pytest.raises(CanaryError, match="reference"):
        canaries(wall, short_manifest)


def test_points_that_do_not_sum_are_refused(graded, short_manifest):
    outcomes = list(graded(reference_files.reference()).score.tasks[0].outcomes)
    with pytest.raises(ScoringError, match="triplet-loss"):
        score(outcomes[1:], short_manifest)


def test_broken_tests_are_not_the_students_fault(graded, wall, short_manifest, tmp_path, monkeypatch):
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name\n")
    monkeypatch.setattr("autograder.grading.grade.HIDDEN_TESTS", tmp_path)
    with pytest.raises(BrokenTests, match="nothing_of_this_name"):
        graded(reference_files.reference())
