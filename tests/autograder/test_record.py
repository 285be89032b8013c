"""Records as JSON: they survive the round trip, and whatever is damaged is refused in one line that names the entry."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment.checking.outcome import FAILED, Reason
from autograder.grading.make_record import record_of
from autograder.grading.record import (
    Attempt,
    GradedFile,
    HandIn,
    LateResult,
    Record,
    RecordError,
    from_json,
    parse,
    read_record,
    to_json,
)
from autograder.grading.values import valid
from autograder.intake.notebook import Notebook
from autograder.release.record_manual import MANUAL, with_rows
from tests.autograder import class_folder
from tests.autograder.made_up_grades import HOSTILE, MANIFEST, grade_of, hostile_record, outcome
from tests.autograder.records import of_tree, tree_of

ROOT = Path(__file__).parents[2]
LATE = HandIn("s-1", "s-1_file", "listed", "2026-05-31T12:00:00+02:00", LateResult(2, 0.2), "dml.py")


def with_hand_in(hand_in: HandIn) -> Record:
    return dataclasses.replace(class_folder.record_of(("triplet-loss",)), hand_in=hand_in)


@pytest.mark.parametrize(
    "record",
    [
        class_folder.record_of(("triplet-loss",), asked_tasks=["triplet-loss"]),
        hostile_record(shown=True)[0],
        with_hand_in(LATE),
        with_hand_in(HandIn("s-2", late=LateResult(None, None), earlier=(Attempt("a.py", "00"),), notes=("a note",))),
        dataclasses.replace(
            class_folder.record_of(),
            submission=GradedFile("a.ipynb", "", "ab", Notebook(((1, 2, 3, 4), (5, 6, 7, 8)), ("a cell was omitted",))),
        ),
    ],
    ids=["plain", "hostile", "of a batch", "unknown lateness", "notebook"],
)
def test_a_record_survives_the_round_trip(record):
    text = to_json(record)
    assert text.isascii() and from_json(text) == record and to_json(from_json(text)) == text
    assert ("hand_in" in json.loads(text)) == (record.hand_in is not None)


def test_a_real_record_survives_the_round_trip(partial):
    assert from_json(to_json(partial)) == partial


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3) | st.tuples(parts, parts),
    max_leaves=8,
)
TEXTS = st.text(st.characters(codec=None))  # lone surrogates among them


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES, text=TEXTS, line=st.integers(0, 10**9))
def test_whatever_a_student_returns_can_be_recorded(value, text, line):
    failed = outcome(
        status=FAILED,
        reason=Reason.UNEXPECTED,
        problem=text,
        called=text,
        returned=value,
        exception=text,
        message=text,
        line=line,
        details={text: np.zeros(2), "value": value},
    )
    record = record_of(grade_of([failed], "x = 1\n", name=text, output=text), MANIFEST)
    assert from_json(to_json(record)) == record


def test_lone_surrogates_become_question_marks():
    failed = outcome(status=FAILED, reason=Reason.EXCEPTION, message="a\ud800b", returned={"\udfff": "\ud800"})
    record = record_of(grade_of([failed], "x = 1\n", name="\ud83d.py"), MANIFEST)
    (task,) = record.tasks
    assert (record.submission.name, task.tests[0].message, task.tests[0].returned) == ("?.py", "a?b", {"?": "?"})
    to_json(record).encode()


def _without(tree: dict, *path: str) -> None:
    *above, last = path
    for key in above:
        tree = tree[int(key)] if isinstance(tree, list) else tree[key]
    del tree[last]


def _set(tree: dict, value: object, *path: str) -> None:
    *above, last = path
    for key in above:
        tree = tree[int(key)] if isinstance(tree, list) else tree[key]
    tree[last] = value


@pytest.mark.parametrize("entry", [field.name for field in dataclasses.fields(Record) if field.name != "hand_in"])
def test_a_missing_entry_is_named(entry):
    tree = tree_of(class_folder.record_of())
    _without(tree, entry)
    with pytest.raises(RecordError, match=rf"^entry {entry}: Field required"):
        of_tree(tree)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("points", "20"),
        ("points", float("nan")),
        ("points", None),
        ("seed", 1.5),
        ("seed", True),
        ("asked_tasks", "triplet-loss"),
        ("asked_tasks", [1]),
        ("submission", []),
        ("submission.sha256", None),
        ("submission.notebook", {"cells": [[1, 2, 3]], "notes": []}),
        ("syntax", {}),
        ("import_problem", {"kind": "import"}),
        ("tasks", None),
        ("tasks.0.tests", "x"),
        ("tasks.0.tests.0.points", [1]),
        ("tasks.0.tests.0.details", []),
        ("tasks.1.earned", "all"),
        ("measured.test_seconds", {"a": "b"}),
        ("wall.seccomp", 1),
        ("hand_in", {"key": 3}),
        ("hand_in", {"key": "s", "late": {"days": 1.5, "loss": 0.1}}),
    ],
)
def test_a_wrong_entry_is_one_line_that_names_it(path, value):
    tree = tree_of(class_folder.record_of())
    _set(tree, value, *path.split("."))
    with pytest.raises(RecordError) as caught:
        from_json(json.dumps(tree))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"entry {path}")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"schema": 1', "\x00", b"\xff\xfe", "[" * 10_000])
def test_what_is_not_a_record_is_one_line(text):
    with pytest.raises(RecordError) as caught:
        from_json(text)
    assert "\n" not in str(caught.value) and str(caught.value)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_record_cut_anywhere_is_refused(data):
    text = to_json(class_folder.record_of(("gem",)))
    cut = data.draw(st.integers(0, len(text) - 2))  # the last byte is a line feed
    with pytest.raises(RecordError, match=r"^JSON: "):
        from_json(text[:cut])


def test_unknown_entries_are_ignored():
    record = with_hand_in(LATE)
    tree = tree_of(record) | {"mood": [1, {"a": valid(HOSTILE)}]}
    tree["tasks"][0]["tests"][0]["weather"] = "fine"
    tree["hand_in"]["colour"] = None
    assert of_tree(tree) == record


@pytest.mark.parametrize("schema", [0, 2, 10**30])
def test_another_schema_is_refused(schema):
    tree = tree_of(class_folder.record_of()) | {"schema": schema}
    with pytest.raises(RecordError, match=rf"^it has schema {schema}, this grader reads 1$"):
        of_tree(tree)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "record.json").open("wb") as file:
        file.truncate(257 << 20)
    with pytest.raises(RecordError, match="more than 256 MiB"):
        read_record(tmp_path / "record.json")
    with pytest.raises(OSError):
        read_record(tmp_path)


def test_parse_is_strict_about_other_dataclasses():
    assert parse(LateResult, '{"days": 1, "loss": null}') == LateResult(1, None)
    with pytest.raises(RecordError, match=r"^entry days: "):
        parse(LateResult, '{"days": "1", "loss": null}')


def test_the_manual_has_the_entries_of_the_dataclasses():
    text = (ROOT / MANUAL).read_text(encoding="utf-8")
    assert with_rows(text) == text, "run `python -m autograder release`"
