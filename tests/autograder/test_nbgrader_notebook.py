"""The course's notebook: made of the reference, released without solutions, merged whatever was done to its cells."""

from __future__ import annotations

import ast
import copy
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment.checking.notebook import CheckFailed, check
from assignment.manifest import load
from autograder.intake import cells as intake
from autograder.nbgrader import CourseError, answer_cell, check_cell, home_of, merge_answers, source
from autograder.nbgrader.course import leaks
from autograder.release import leak_scan

ROOT = Path(__file__).parents[2]
NBGRADER = "nbgrader is not installed: install the extra `nbgrader`"
MANIFEST = load()
REFERENCE = (ROOT / "solution" / "dml.py").read_text(encoding="utf-8")
TEMPLATE = (ROOT / "template" / "dml.py").read_text(encoding="utf-8")
NAMES = {name: list(MANIFEST.aliases.get(name, ())) for task in MANIFEST.tasks for name in task.names}


def mark(cell) -> dict:
    return cell["metadata"]["nbgrader"]


def by_id(notebook) -> dict[str, dict]:
    return {mark(cell)["grade_id"]: cell for cell in notebook["cells"]}


def definitions(text) -> set[str]:
    return {ast.dump(node) for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


@pytest.fixture(scope="module")
def notebook():
    return source.notebook(REFERENCE, MANIFEST, source.questions())


@pytest.fixture(scope="module")
def released(notebook):
    """The notebook as nbgrader releases it, by the very step that clears solutions."""
    nbformat = pytest.importorskip("nbformat", reason=NBGRADER)
    pytest.importorskip("nbgrader", reason=NBGRADER)
    from traitlets.config import Config

    from autograder.nbgrader.plugins import ClearTasks, configure

    config = Config()
    configure(config)
    cleared, _ = ClearTasks(config=config).preprocess(nbformat.from_dict(copy.deepcopy(notebook)), {})
    return json.loads(json.dumps(cleared))


def test_cells_are_valid_for_nbgrader(notebook):
    nbformat = pytest.importorskip("nbformat", reason=NBGRADER)
    pytest.importorskip("nbgrader", reason=NBGRADER)
    from nbgrader.nbgraderformat import MetadataValidator

    nbformat.validate(notebook)
    MetadataValidator().validate_nb(nbformat.from_dict(notebook))


def test_points_are_the_manifests(notebook):
    points = {name: mark(cell)["points"] for name, cell in by_id(notebook).items() if mark(cell)["grade"]}
    for task in MANIFEST.tasks:
        assert points[check_cell(task.id)] == (0 if task.bonus else task.points)
    asked = source.questions()
    assert 4 <= len(asked) <= 6
    assert sum(points.values()) == MANIFEST.points + sum(question.points for question in asked)
    for question in asked:
        assert points[answer_cell(question.id)] == question.points
        parts = [
            float(line.split(":")[0].removeprefix("- ")) for line in question.scheme.split("\n") if line[:4] == "- 0."
        ]
        assert sum(parts) == pytest.approx(question.points)


def test_each_check_stands_below_all_that_it_calls(notebook):
    order = [mark(cell)["grade_id"] for cell in notebook["cells"]]
    for task in MANIFEST.tasks:
        assert all(order.index(name) < order.index(check_cell(task.id)) for name in task.names)
    assert order.index("distances") < order.index(check_cell("hard-negatives"))  # the reference's mining uses it
    assert home_of(MANIFEST.task("improvement"), source.definitions(REFERENCE, MANIFEST)) == "train"


def test_the_solution_notebook_is_the_reference(notebook):
    result = intake.assemble(source.as_json(notebook), NAMES, TEMPLATE)
    assert definitions(result["source"]) == definitions(REFERENCE)


def test_the_released_notebook_is_the_template(released):
    result = intake.assemble(source.as_json(released), NAMES, TEMPLATE)
    assert definitions(result["source"]) == definitions(TEMPLATE)
    assert by_id(released)["helpers"]["source"].startswith("# Helper functions")
    assert "raise" not in by_id(released)["helpers"]["source"]
    assert by_id(released)["answer-margin"]["source"] == "*Your answer.*"


def test_the_release_gives_nothing_away(notebook, released, tmp_path):
    secrets = leak_scan.collect(REFERENCE, {}, TEMPLATE, MANIFEST)
    (tmp_path / "dml.ipynb").write_bytes(source.as_json(released))
    assert list(leaks(tmp_path, secrets, source.questions())) == []
    (tmp_path / "dml.ipynb").write_bytes(source.as_json(notebook))
    found = "\n".join(leaks(tmp_path, secrets, source.questions()))
    assert "solution/dml.py" in found and "mark scheme of 'margin'" in found


def test_a_name_that_is_not_there_is_one_line():
    with pytest.raises(CourseError, match="'smooth-ap': the reference does not define smooth_ap_loss"):
        source.notebook(REFERENCE.replace("def smooth_ap_loss", "def another"), MANIFEST, [])


def plain(notebook) -> list[tuple[str, str]]:
    """What a notebook says, without the numbering of its cells."""
    return [(cell["cell_type"], cell["source"]) for cell in notebook["cells"]]


def test_mending_a_good_notebook_changes_nothing(released):
    assert plain(merge_answers.merged(source.as_json(released), released)) == plain(released)


def test_mending(notebook, released):
    broken = copy.deepcopy(notebook)
    parts = by_id(broken)
    parts["triplet_loss"]["metadata"] = {"nbgrader": ["no", "dict"]}  # found again by what it defines
    mark(parts["check-distances"])["points"] = 1000
    parts["check-distances"]["source"] = "1000"
    mark(parts["check-gem"])["grade_id"] = "train"  # retagged: the last cell called train counts
    parts["answer-margin"]["source"] = "see <script>x</script> [here](javascript:alert(1)) a < b"
    broken["cells"].remove(parts["head"])
    broken["cells"].append({"cell_type": "code", "metadata": {}, "source": "extra = 1"})
    broken["cells"].append(copy.deepcopy(parts["gem"]))
    broken["cells"] += [3, {"cell_type": "code"}, {"source": [1, "raw <b>"], "cell_type": "raw", "metadata": None}]
    merged = merge_answers.merged(source.as_json(broken), released)
    found = [cell for cell in merged["cells"] if cell["metadata"]]
    assert [mark(cell) for cell in found] == [mark(cell) for cell in released["cells"]]
    texts = {name: cell["source"] for name, cell in by_id({"cells": found}).items()}
    assert texts["triplet_loss"] == parts["triplet_loss"]["source"]
    assert texts["check-distances"] == by_id(released)["check-distances"]["source"]
    assert texts["head"] == by_id(released)["head"]["source"]
    assert texts["answer-margin"] == "see < script>x< /script> [here](javascript :alert(1)) a < b"
    extras = [cell["source"] for cell in merged["cells"] if not cell["metadata"]]
    assert "extra = 1" in extras and "raw < b>" in extras and parts["gem"]["source"] in extras


@given(st.randoms(use_true_random=False), st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_any_disorder_is_merged(shuffler: random.Random, drop: int):
    notebook = source.notebook(REFERENCE, MANIFEST, source.questions())
    messy = copy.deepcopy(notebook)
    shuffler.shuffle(messy["cells"])
    del messy["cells"][: min(drop, len(messy["cells"]))]
    for cell in messy["cells"]:
        if shuffler.random() < 0.2:
            mark(cell)["grade_id"] = shuffler.choice(list(by_id(notebook)))
    merged = merge_answers.merged(source.as_json(messy), notebook)
    found = [mark(cell) for cell in merged["cells"] if cell["metadata"]]
    assert found == [mark(cell) for cell in notebook["cells"]]
    ids = [cell["id"] for cell in merged["cells"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b'{"cells": 3}', b"[" * 100_000, b'{"cells": [{"metadata": 1}]}']
)
def test_what_cannot_be_read_is_merged_as_an_empty_one(released, data):
    kept = [cell for cell in merge_answers.merged(data, released)["cells"] if cell["metadata"]]
    assert [cell["source"] for cell in kept] == [cell["source"] for cell in released["cells"]]


def notebook_globals(text) -> dict:
    scope = {"__name__": "__main__", "check": check}
    exec(compile(text, "cell", "exec"), scope)
    return scope


GOOD = """
import sys, warnings
def triplet_loss(distances_pos, distances_neg, margin):
    warnings.warn("noisy")
    print("on stderr", file=sys.stderr)
    return (distances_pos - distances_neg + margin).clamp_min(0)
"""


def test_check_in_a_notebook(capfd):
    exec("check('triplet-loss')", notebook_globals(GOOD))
    out, err = capfd.readouterr()
    assert "✓ Task 2: Triplet loss" in out and "on stderr" in out
    assert err == ""  # nbgrader takes the mark for any word on stderr
    scope = notebook_globals(GOOD.replace("clamp_min(0)", "abs()"))
    with pytest.raises(CheckFailed, match=r"✗ Task 2.*\n(.*\n)*  returned .*\n  expected "):
        exec("check(2)", scope)
    stub = "def {}(*_, **__):\n    raise NotImplementedError\n"
    scope = notebook_globals(stub.format("triplet_loss") + stub.format("gem"))
    with pytest.raises(CheckFailed, match="to do"):
        exec("check('triplet-loss')", scope)
    exec("check('gem')", scope)
    assert "a bonus, not begun" in capfd.readouterr().out
    with pytest.raises(ValueError, match="did you mean 'triplet-loss'"):
        exec("check('triplet_los')", scope)
