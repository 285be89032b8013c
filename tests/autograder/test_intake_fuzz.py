"""Whatever names and bytes come in: hand-ins or one line, and nobody gets another's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment.manifest import load
from autograder.intake import IntakeError
from autograder.intake.classes import folder_name, read_class
from autograder.intake.lateness import rule
from autograder.intake.roster import Roster, read_roster

TOKENS = (
    "dml dml.py dml.ipynb .zip .py _ _1_2_ 12 LATE_ Foo _assignsubmission_file_ submitted timestamp.txt "
    "submission_metadata.yml submission_1 .git a é ☃ (1) -2"
).split(" ")
PART = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=4).map("".join)
NAME = st.lists(PART, min_size=1, max_size=4).map("/".join)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(NAME, min_size=1, max_size=8, unique=True), data=st.data())
def test_any_tree_gives_hand_ins_or_one_line(tmp_path_factory, names, data):
    root = tmp_path_factory.mktemp("tree")
    source = root / "in"
    source.mkdir()
    for number, name in enumerate(names):
        path = source / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"mine = {number}\n")
        except OSError:  # a file where another name needs a folder
            continue
    (root / "scratch").mkdir()
    try:
        handed = read_class(source, root / "scratch", load(), rule(load()))
    except IntakeError as problem:
        told = str(problem)
    else:
        told = ""
        assert len({student.folder.casefold() for student in handed.students}) == len(handed.students)
        files = [student.latest.path for student in handed.students if student.latest]
        assert len(set(files)) == len(files), "two students were given one file"
        assert all(student.latest or student.problem for student in handed.students)
        assert all("\n" not in student.problem for student in handed.students)
    assert "\n" not in told


@settings(max_examples=200, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=200), st.text(alphabet=' ,;\t\n\r"idnameem@.1aé\0', max_size=120).map(str.encode))
)
def test_any_roster_gives_people_or_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("roster") / "roster.csv"
    path.write_bytes(b"id,name\n" + data if len(data) % 2 else data)
    roster, told = people(path)
    assert (roster is None) == bool(told)
    assert "\n" not in told
    if roster is not None:
        assert len({person.id.casefold() for person in roster.people}) == len(roster.people)


def people(path: Path) -> tuple[Roster | None, str]:
    """The roster, or the line that says why there is none."""
    try:
        return read_roster(path), ""
    except IntakeError as problem:
        return None, str(problem)


@settings(max_examples=200, deadline=None)
@given(key=st.text(max_size=80))
def test_any_key_gives_a_safe_folder(key):
    name = folder_name(key)
    assert name not in ("", ".", "..")
    assert name.isascii()
    assert len(name) < 80
    assert not set(name) & set('/\\<>:"|?*\0')


def test_a_metadata_file_of_a_student_is_not_the_platforms(tmp_path):
    """Only on the top level does Gradescope write whose submission is whose."""
    folder = tmp_path / "in"
    for name in ("s-1", "s-2"):
        (folder / name).mkdir(parents=True)
        (folder / name / "dml.py").write_text(f"# {name}\n")
    (folder / "s-2" / "submission_metadata.yml").write_text("s-1:\n  :submitters:\n  - :sid: 's-2'\n")
    (tmp_path / "scratch").mkdir()
    handed = read_class(folder, tmp_path / "scratch", load(), rule(load()))
    assert {student.key: student.latest.read(load()).source for student in handed.students} == {
        "s-1": "# s-1\n",
        "s-2": "# s-2\n",
    }


@pytest.mark.parametrize("name", ["s-1_assignsubmission_file_", "1_2_dml.py"])
def test_a_name_inside_a_hand_in_is_not_the_platforms(tmp_path, name):
    for student in ("s-1", "s-2"):
        (tmp_path / "in" / student / name).mkdir(parents=True)
        (tmp_path / "in" / student / name / "dml.py").write_text("x = 1\n")
    (tmp_path / "scratch").mkdir()
    handed = read_class(tmp_path / "in", tmp_path / "scratch", load(), rule(load()))
    assert [student.key for student in handed.students] == ["s-1", "s-2"]
