"""The reports: nothing hostile gets through unescaped, nothing hidden gets through at all."""

from __future__ import annotations

import re

import numpy as np
import pytest

from assignment.checking.outcome import FAILED
from assignment.checking.student import StudentError
from autograder.grading.make_record import record_of
from tests.autograder.made_up_grades import (
    MANIFEST,
    SECRET,
    SECRET_NUMBERS,
    SECRET_WORD,
    TIMEOUTS,
    grade_of,
    hostile_record,
    in_terminal,
    outcome,
    reports,
)
from tests.autograder.page_tags import OWN_TAGS, Tags


@pytest.mark.parametrize("shown", [False, True])
def test_hostile_texts_are_escaped(shown):
    entry, source = hostile_record(shown)
    page, text, _ = reports(entry, source)
    found = Tags()
    found.feed(page)
    assert found.tags <= OWN_TAGS
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "style")]
    assert all(value.startswith(("data:image/png", "#")) for name, value in found.attributes if name == "href")
    for output in (page, text):
        output.encode("utf-8")
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]", output)
    assert "<" not in text
    outside_code = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"(?<!\\)\[|(?<!\\)!\[|https?://|www\.", outside_code)
    assert not re.search(r"^\s*#+ head", text, re.MULTILINE)
    assert len(page) < 200_000 and len(text) < 60_000


def test_hostile_texts_do_not_reach_the_terminal():
    for shown in (False, True):
        entry, _ = hostile_record(shown)
        plain = in_terminal(entry)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", plain)
        assert "[red]rich[/red]" in plain and ":smile:" in plain  # shown as written, not as markup
        coloured = in_terminal(entry, force_terminal=True, color_system="standard")
        escapes = set(re.findall(r"\x1b(?:\[[\d;]*m)?", coloured))
        assert all(re.fullmatch(r"\x1b\[[\d;]*m", escape) for escape in escapes)


@pytest.mark.parametrize("reason", ["unexpected", "exception", "missing", "signature", "value", *TIMEOUTS])
def test_hidden_values_stay_hidden(reason):
    hidden = outcome(
        status=FAILED,
        reason=reason,
        problem=f"is {SECRET_NUMBERS[0]}, has the shape (918273, 1), takes {SECRET_NUMBERS[4]} steps, line 918273",
        called=f"GDextractor.{SECRET_WORD}(a {SECRET_WORD}, float32 ({SECRET_NUMBERS[2]},), {SECRET})",
        returned=np.array([float(number) for number in SECRET_NUMBERS]),
        expected=np.array([float(number) for number in SECRET_NUMBERS]),
        exception=SECRET_WORD,
        message=f"shape {SECRET}; did you rename it to `{SECRET_WORD}`?",
        line=918273,
    )
    other = outcome(
        test="test_other",
        status=FAILED,
        reason=reason,
        returned=[float(SECRET_NUMBERS[0]), SECRET, {"a": SECRET}],
        expected=SECRET,
        exception=f"Error{SECRET_WORD}",
        message=SECRET,
    )
    problem = StudentError("import", SECRET, SECRET_WORD, 0)  # of a second process, after a test had ended the first
    entry = record_of(grade_of([hidden, other], "x = 1\n" * 50, import_problem=problem), MANIFEST)
    for output in reports(entry, "x = 1\n" * 50):
        for secret in (SECRET_WORD, "7351946", "4681357", "918273", "1726354"):
            assert secret not in output
