"""A grade is repeated from its record, and hidden values are shown to the instructor only."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from autograder.grading import reference_files
from autograder.grading.explain import explain
from autograder.grading.grade import grade
from autograder.grading.make_record import record_of
from autograder.grading.record import HandIn, Record, to_json
from autograder.grading.replay import ReplayError, differences, read_past
from autograder.reports import feedback, write
from tests.autograder.records import of_tree, tree_of

NO_HINGE = reference_files.reference().replace(".clamp_min(0)\n    ### END SOLUTION", " + 0\n    ### END SOLUTION", 1)


@pytest.fixture(scope="module")
def graded(wall, short_manifest):
    """The record of a wrong file, and what grades it again."""

    def again(seed=11, source=NO_HINGE):
        submission = reference_files.submission_of("dml.py", source)
        return record_of(grade(submission, wall, short_manifest, seed, ["triplet-loss"]), short_manifest)

    return again


@pytest.fixture(scope="module")
def entry(graded):
    return graded()


def kept(folder: Path, entry: Record, source: str = NO_HINGE) -> Path:
    (folder / "record.json").write_text(to_json(entry))
    (folder / "handed_in.py").write_text(source)
    return folder / "record.json"


def test_the_same_grade_again(graded, entry, tmp_path):
    assert entry.points < 1
    past = read_past(kept(tmp_path, entry))
    assert (past.seed, past.tasks, past.file.name) == (11, ("triplet-loss",), "handed_in.py")
    assert differences(past.record, graded(past.seed)) == []


def test_another_seed_is_another_grade(graded, entry):
    found = differences(entry, graded(12))
    assert any(line.startswith("seed: 11 → 12") for line in found)
    assert any("[triplet-loss].tests[test_values]" in line for line in found)


@pytest.mark.parametrize("path", [("points",), ("tasks", 0, "tests", 1, "returned"), ("wall", "isolation"), ("flags",)])
def test_any_changed_entry_is_seen(entry, path):
    changed = place = tree_of(entry)
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = {"points": 99, "flags": ["changed"]}.get(path[-1], "changed")
    assert len(differences(entry, of_tree(changed))) == 1


def test_person_and_time_are_no_difference(entry):
    changed = replace(
        entry,
        submission=replace(entry.submission, name="other.py", owner="somebody"),
        measured=replace(entry.measured, seconds=1e9),
        hand_in=HandIn("s-1"),
    )
    assert differences(entry, changed) == []


def test_what_cannot_be_replayed_says_why(entry, tmp_path):
    path = kept(tmp_path, entry, "another = 1\n")
    cases = [(path, None, "SHA-256 is not that of"), (tmp_path / "gone.json", None, "cannot be read")]
    for name, text in (("text.json", "no json"), ("other.json", "{}"), ("list.json", "[1]"), ("deep.json", "[" * 9999)):
        (tmp_path / name).write_text(text)
        cases.append((tmp_path / name, None, "is not a record"))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "record.json").write_text(to_json(entry))
    cases.append((tmp_path / "alone" / "record.json", None, "grade dml.py --replay"))
    cases.append((path, tmp_path / "gone.py", "cannot be read"))
    for record_path, file, says in cases:
        with pytest.raises(ReplayError, match=says) as caught:
            read_past(record_path, file)
        assert "\n" not in str(caught.value)


def test_hidden_values_are_on_the_terminal_and_in_no_report(wall, short_manifest, entry):
    screen = io.StringIO()
    console = Console(file=screen, width=200, highlight=False)
    explain(reference_files.submission_of("dml.py", NO_HINGE), wall, short_manifest, 11, "triplet-loss", console)
    text = screen.getvalue()
    values = next(test for test in entry.tasks[0].tests if test.name == "test_values")
    assert "test_values" in text
    assert text.count("student:") == text.count("reference:") >= 3
    told = feedback.feedback(entry, short_manifest, NO_HINGE)
    page = write.html.render(told) + write.markdown.render(told)
    hidden = [f"{number:.5f}".rstrip("0") for number in values.expected["first"] if number > 0.01]
    assert hidden
    assert all(number in text for number in hidden)
    assert not any(number in page for number in hidden)


def test_nothing_to_explain(wall, short_manifest):
    screen = io.StringIO()
    reference = reference_files.submission_of("dml.py", reference_files.reference())
    explain(reference, wall, short_manifest, 11, "triplet-loss", Console(file=screen, width=200))
    assert "all tests of this task pass" in screen.getvalue()


def test_a_file_that_cannot_be_imported_is_explained_too(wall, short_manifest):
    screen = io.StringIO()
    broken = reference_files.submission_of("dml.py", "raise RuntimeError('\x1b[31mno')\n")
    explain(broken, wall, short_manifest, 11, "triplet-loss", Console(file=screen, width=200))
    assert "RuntimeError" in screen.getvalue()
    assert "\x1b[31mno" not in screen.getvalue()
