"""JUnit XML and Gradescope's results.json: in form, safe to show, with the right numbers."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from autograder.exports import ExportError
from autograder.exports.gradescope.results import results_json
from autograder.exports.junit import as_junit
from autograder.exports.results import graded_in
from autograder.intake.lateness import Late
from tests.autograder.class_folder import MANIFEST, Person, record_of, write_class
from tests.autograder.records import tree_of

FULL = MANIFEST.points + MANIFEST.bonus_points
HIDDEN = ("0.7351946", "0.2468135", "SECRET-PRINT", "Traceback")
# The form that Ant's schema and Jenkins' share: attributes that must be there, and children in their order.
ATTRIBUTES = {
    "testsuites": set(),
    "testsuite": {"id", "name", "package", "timestamp", "hostname", "tests", "failures", "errors", "skipped", "time"},
    "property": {"name", "value"},
    "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}
CHILDREN = {
    "testsuites": r"(testsuite )*",
    "testsuite": r"properties (testcase )*system-out system-err ",
    "properties": r"(property )*",
    "testcase": r"(failure |error |skipped )?",
}


def check_form(element: ElementTree.Element) -> None:
    assert set(element.attrib) == ATTRIBUTES.get(element.tag, set()), element.tag
    assert all(value.strip() for key, value in element.attrib.items() if key in ("name", "hostname", "package", "type"))
    for key in {"tests", "failures", "errors", "skipped", "id"} & set(element.attrib):
        assert re.fullmatch(r"\d+", element.attrib[key])
    if "time" in element.attrib:
        assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
    if "timestamp" in element.attrib:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])
    order = "".join(f"{child.tag} " for child in element)
    assert re.fullmatch(CHILDREN.get(element.tag, ""), order), (element.tag, order)
    for child in element:
        check_form(child)


@pytest.fixture
def graded(tmp_path):
    people = [
        Person("ada", "Ada \x1b[31m <b>&\ud83d\ude00 \x00\x0b".encode("utf-16", "surrogatepass").decode("utf-16")),
        Person("bob", lost=("triplet-loss", "gem"), late=Late(3, 0.3)),
        Person("eve <x>\x01", lost=None),
    ]
    return graded_in([write_class(tmp_path, people)])


def test_junit_has_a_suite_for_each_student(graded):
    text = as_junit(graded, MANIFEST)
    root = ElementTree.fromstring(text.encode())
    check_form(root)
    tasks = len(MANIFEST.tasks)
    counts = [tuple(suite.get(key) for key in ("tests", "failures", "errors", "skipped")) for suite in root]
    assert counts == [(f"{tasks}", "0", "0", "0"), (f"{tasks}", "2", "0", "0"), ("1", "0", "1", "0")]
    bob = root[1]
    assert {p.get("name"): float(p.get("value")) for p in bob.iter("property")}["final"] == pytest.approx(
        (FULL - MANIFEST.task("triplet-loss").points - MANIFEST.task("gem").points) * 0.7
    )
    failure = next(bob.iter("failure"))
    assert "Hint: Think of the formula." in failure.text
    assert {case.get("time") for case in bob.iter("testcase")} == {"0.250"}
    assert len({(case.get("classname"), case.get("name")) for case in bob.iter("testcase")}) == tasks
    assert not [secret for secret in HIDDEN if secret in text]


def test_gradescope_scores_and_texts(graded):
    tree = json.loads(results_json(graded[1], MANIFEST))
    lost = MANIFEST.task("triplet-loss").points + MANIFEST.task("gem").points
    assert tree["score"] == pytest.approx((FULL - lost) * 0.7)
    assert sum(test["score"] for test in tree["tests"]) == pytest.approx(tree["score"])
    assert tree["stdout_visibility"] == "hidden"
    assert {test["visibility"] for test in tree["tests"]} == {"visible"}
    assert {test["output_format"] for test in tree["tests"]} | {tree["output_format"]} == {"text"}
    assert "3 days late: 30 % are deducted" in tree["output"]
    failed = [test for test in tree["tests"] if test["status"] == "failed"]
    assert [test.get("number") for test in failed] == ["2", f"{MANIFEST.task('gem').number}", None]
    assert "Hint: Think of the formula." in failed[0]["output"]
    assert "Looks like" in failed[0]["output"]
    assert tree["extra_data"]["isolation"] == "bubblewrap"
    assert "leaderboard" not in tree
    text = results_json(graded[1], MANIFEST, leaderboard=True)
    assert json.loads(text)["leaderboard"] == [{"name": "P@1, unseen classes", "value": 0.6125, "order": "desc"}]
    assert not [secret for secret in HIDDEN if secret in text]


def test_gradescope_without_a_grade_says_why(graded):
    tree = json.loads(results_json(graded[2], MANIFEST))
    assert (tree["score"], tree["tests"]) == (0, [])
    assert "the file is empty" in tree["output"]


def test_a_record_that_is_not_whole_is_one_line(tmp_path):
    record = tree_of(record_of())
    del record["tasks"][0]["tests"][0]["behaviour"]
    (tmp_path / "record.json").write_text(json.dumps(record))
    with pytest.raises(ExportError, match=r"entry tasks\.0\.tests\.0\.behaviour: Field required"):
        graded_in([tmp_path])
