"""The student's file in a notebook: found, loaded, and kind words for what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("IPython", reason="IPython is not installed: pip install -e '.[notebooks]'")
from assignment.manifest import load
from assignment.walkthrough import ready, show, student, table
from assignment.walkthrough.student import FILE_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = (ROOT / "template/dml.py").read_text("utf-8")


@pytest.fixture
def shown(tmp_path, monkeypatch) -> list[tuple[dict, dict]]:
    """Everything that is displayed, as (data, metadata); the working folder is a notebook's."""
    seen: list[tuple[dict, dict]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata=None: seen.append((data, metadata or {})))
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return seen


def text(shown) -> str:
    return "\n".join(data["text/plain"] for data, _ in shown)


def test_a_file_beside_the_notebook_wins_over_one_above(tmp_path, shown):
    (tmp_path / "dml.py").write_text(TEMPLATE + "\nPLACE = 'above'\n", "utf-8")
    assert student("dml.py").PLACE == "above"
    (tmp_path / "notebooks/dml.py").write_text(TEMPLATE + "\nPLACE = 'beside'\n", "utf-8")
    assert student("dml.py").PLACE == "beside"


def test_the_variable_names_the_file_for_all(tmp_path, shown, monkeypatch):
    (tmp_path / "other.py").write_text("PLACE = 'other'\n", "utf-8")
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "other.py"))
    assert student("dml.py").PLACE == "other"


def test_a_saved_file_is_read_afresh(tmp_path, shown):
    for number in (1, 2):
        (tmp_path / "dml.py").write_text(f"NUMBER = {number}\n", "utf-8")
        assert number == student("dml.py").NUMBER


@pytest.mark.parametrize(
    "content, words",
    [
        (None, "dml.py: not in this folder or the two above it"),
        ("def f(:\n", "line 1"),
        ("import a_library_that_nobody_has\n", "a_library_that_nobody_has"),
        ("1 / 0\n", "division by zero"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_box_and_no_error(tmp_path, shown, content, words):
    if content is not None:
        (tmp_path / "dml.py").write_text(content, "utf-8")
    dml = student("dml.py")
    assert words in text(shown)
    shown.clear()
    assert not ready(dml, "distances")
    assert "This section needs dml.py" in text(shown) and words in text(shown)


def test_a_stub_is_a_box_with_number_title_and_command(tmp_path, shown):
    (tmp_path / "dml.py").write_text(TEMPLATE, "utf-8")
    dml = student("dml.py")
    assert "11 ordinary tasks are still to do" in text(shown)
    shown.clear()
    assert not ready(dml, "training-step")
    ((data, about),) = shown
    assert about["walkthrough"]["to_do"] == [2, 5]  # task 5 needs task 2
    assert load().task("training-step").label in data["text/plain"]
    assert "python -m assignment check dml.py --task triplet-loss" in data["text/plain"]
    assert "<code>python -m assignment check" in data["text/html"]


def test_a_name_that_is_gone_counts_as_to_do(tmp_path, shown):
    (tmp_path / "dml.py").write_text("x = 1\n", "utf-8")
    assert not ready(student("dml.py"), "distances")
    assert shown[-1][1]["walkthrough"]["to_do"] == [7]


def test_older_names_are_known(tmp_path, shown):
    name, others = next((n, o) for n, o in load().aliases.items() if n == "distances")
    (tmp_path / "dml.py").write_text(f"def {others[0]}(a, b):\n    return 'called'\n", "utf-8")
    dml = student("dml.py")
    assert ready(dml, "distances")
    assert getattr(dml, name)(0, 0) == "called"


def test_boxes_escape_what_they_quote(tmp_path, shown):
    (tmp_path / "dml.py").write_text("raise ValueError('<b>bold</b>')\n", "utf-8")
    student("dml.py")
    assert "<b>bold</b>" not in shown[-1][0]["text/html"] and "&lt;b&gt;bold" in shown[-1][0]["text/html"]


def test_a_picture_has_words(shown):
    from assignment.plots import canvas

    show(canvas.new_figure(2, 1)[0], "empty", "Nothing at all")
    ((data, about),) = shown
    assert data["text/plain"] == about["image/png"]["alt"] == about["walkthrough"]["words"] == "Nothing at all"


def test_a_table_has_the_columns_of_its_first_row(shown):
    table({"a <b>": {"x": 0.12345, "n": 3}, "c": {"x": None}}, "name")
    ((data, _),) = shown
    assert data["text/plain"].splitlines() == ["name  x  n", "a <b>  0.123  3", "c  –  –"]
    assert "a &lt;b&gt;" in data["text/html"]
