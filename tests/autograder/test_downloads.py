"""Whose file is it? Folders and archives as the learning platforms make them, with made-up people."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable

import pytest

from assignment.manifest import load
from autograder.intake import IntakeError
from autograder.intake.classes import Class, folder_name
from autograder.intake.downloads import moment
from autograder.intake.lateness import rule
from autograder.intake.roster import read_roster
from tests.autograder.downloaded import by_key, folder_of, reader, source_of, zip_of

FILE = "x = 1\n"
METADATA = """\
---
submission_111:
  :submitters:
  - :name: Quux Placeholder
    :sid: '9001'
    :email: quux@example.invalid
  - :name: Foo Sample
    :sid: '9002'
    :email: foo@example.invalid
  :created_at: 2026-05-01 12:34:56.123456000 Z
  :score: 0.0
submission_222:
  :submitters:
  - :name: Baz Dummy
    :sid:
    :email: baz@example.invalid
  :created_at: 2026-05-03 00:00:00.000000000 Z
submission_333:
  :submitters:
  - :name: Gone Missing
    :sid: '9004'
    :email: gone@example.invalid
  :created_at: 2026-05-03 00:00:00.000000000 Z
"""


def verdict(reads: Callable[[], Class]) -> str:
    """How many students there are, or the one line that says why none can be read."""
    try:
        return f"{len(reads().students)} students"
    except IntakeError as problem:
        return str(problem)


@pytest.fixture
def read(tmp_path):
    """Read a class as the batch does."""
    return reader(tmp_path)


MOODLE = {
    "Quux Placeholder_101_assignsubmission_file_/dml.py": "a = 1\n",
    "Quux Placeholder_102_assignsubmission_file_/dml.py": "b = 1\n",  # another person of the same name
    "Foo O'Sample-Test_103_assignsubmission_file/work/dml.py": "c = 1\n",
    "Foo O'Sample-Test_103_assignsubmission_onlinetext_/onlinetext.html": "<p>hello</p>",
}


@pytest.mark.parametrize("kind", ["folder", "zip", "wrapped zip"])
def test_moodle_with_folders(tmp_path, read, kind):
    prefix = "course-lab/" if kind == "wrapped zip" else ""
    files = {prefix + name: text for name, text in MOODLE.items()}
    source = folder_of(tmp_path / "in", files) if kind == "folder" else zip_of(tmp_path / "in.zip", files)
    handed = read(source)
    assert handed.platform == "moodle"
    found = by_key(handed)
    assert {key: source_of(student) for key, student in found.items()} == {
        "101": "a = 1\n",
        "102": "b = 1\n",
        "103": "c = 1\n",
    }
    assert found["103"].name == "Foo O'Sample-Test"


def test_moodle_without_folders_and_with_zips(tmp_path, read):
    inner = zip_of(tmp_path / "inner.zip", {"dml.py": "b = 1\n"}).read_bytes()
    folder = folder_of(tmp_path / "in", {"Quux Placeholder_101_assignsubmission_file_dml.py": "a = 1\n"})
    (folder / "Foo Sample_102_assignsubmission_file_my work.zip").write_bytes(inner)
    (folder / "Baz Dummy_103_assignsubmission_file_work.zip").write_bytes(b"no archive")
    found = by_key(read(folder))
    assert (source_of(found["101"]), source_of(found["102"])) == ("a = 1\n", "b = 1\n")
    assert "damaged" in found["103"].problem


def test_canvas(tmp_path, read):
    folder = folder_of(
        tmp_path / "submissions",
        {
            "placeholderquux_1001_5001_dml.py": "old = 1\n",
            "placeholderquux_1001_5009_dml-2.py": "new = 1\n",
            "samplefoo_LATE_1002_5002_dml-1.py": "late = 1\n",
            "dummy_baz_1003_5003_dml.ipynb": "{}",
            "LATE_anon_a1B2c_5004_dml.py": "anonymous = 1\n",
            "stray.py": FILE,
        },
    )
    zip_of(folder / "boxeszip_1005_5005_work.zip", {"work/dml.py": "zipped = 1\n"})
    handed = read(folder)
    assert handed.platform == "canvas"
    assert any("stray.py" in note for note in handed.notes)
    found = by_key(handed)
    assert set(found) == {"1001", "1002", "1003", "anon_a1B2c", "1005"}
    assert source_of(found["1001"]) == "new = 1\n"
    assert [attempt.where for attempt in found["1001"].earlier] == ["placeholderquux_1001/dml.py"]
    assert (found["1002"].name, found["1002"].late.loss) == ("samplefoo", None)
    assert found["1003"].name == "dummy_baz"
    assert source_of(found["1005"]) == "zipped = 1\n"
    assert found["1001"].late is None


def test_gradescope(tmp_path, read):
    files = {
        "submission_metadata.yml": METADATA,
        "submission_111/dml.py": "a = 1\n",
        "submission_222/dml.py": "b = 1\n",
        "submission_999/dml.py": "c = 1\n",
    }
    late = rule(load(), "2026-05-01T23:59+00:00")
    handed = read(zip_of(tmp_path / "in.zip", {f"assignment_7_export/{k}": v for k, v in files.items()}), late=late)
    assert handed.platform == "gradescope"
    found = by_key(handed)
    assert set(found) == {"9001", "9002", "9004", "baz@example.invalid"}
    assert source_of(found["9001"]) == source_of(found["9002"]) == "a = 1\n"
    assert found["9001"].submitted.startswith("2026-05-01T12:34:56")
    assert found["9001"].late is None
    assert found["baz@example.invalid"].late.days == 2
    assert "its folder is missing" in found["9004"].problem
    assert any("submission_999" in note for note in handed.notes)


BOMB = "a0: &a0 {k: [x, x, x]}\n" + "".join(
    f"a{n}: &a{n} {{k: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 20)
)


@pytest.mark.parametrize(
    "text",
    [
        *("- a\n- b\n", "a: [\n", "x: 1\n", "a: &a [*a]\n" * 2, "[" * 3000, "submission_1: {}\n"),
        "submission_1:\n  :submitters: 202\n",
        "submission_1: {:submitters: [{:sid: &a [*a]}]}\n",
        f"{BOMB}submission_1:\n  :submitters:\n  - :name: *a19\n",  # 9¹⁹ words, were they written out
    ],
)
def test_gradescope_with_broken_metadata(tmp_path, read, text):
    folder = folder_of(tmp_path / "in", {"submission_metadata.yml": text, "submission_1/dml.py": FILE})
    told = verdict(lambda: read(folder))
    assert told in ("0 students", "1 students") or ("submission_metadata.yml" in told and "\n" not in told)


def test_nbgrader(tmp_path, read):
    files = {
        "submitted/foo/lab/dml.ipynb": "{}",
        "submitted/foo/lab/dml.py": "a = 1\n",
        "submitted/foo/lab/timestamp.txt": "2026-05-02 10:00:00.000000 UTC",
        "submitted/bar/lab/dml.py": "b = 1\n",
        "submitted/bar/other/dml.py": "c = 1\n",
        "source/lab/dml.py": "secret = 1\n",
    }
    course = folder_of(tmp_path / "course", files)
    with pytest.raises(IntakeError, match="--assignment: lab, other"):
        read(course)
    with pytest.raises(IntakeError, match="no assignment 'lib'"):
        read(course, assignment="lib")
    handed = read(course, assignment="lab", late=rule(load(), "2026-05-01T10:00+00:00"))
    assert handed.platform == "nbgrader"
    found = by_key(handed)
    assert (source_of(found["foo"]), source_of(found["bar"])) == ("a = 1\n", "b = 1\n")
    assert (found["foo"].late.days, found["bar"].late) == (1, None)
    assert set(by_key(read(course / "submitted", assignment="other"))) == {"bar"}


def test_nbgrader_without_a_submission_is_one_line(tmp_path, read):
    folder = folder_of(tmp_path / "in", {"submitted/dml": "", "ann/lab/timestamp.txt": ""})
    with pytest.raises(IntakeError, match="holds no hand-in of nbgrader"):
        read(folder)


def test_brute_and_any_zips(tmp_path, read):
    for user in ("xfooba", "xquux"):
        zip_of(tmp_path / "in" / f"{user}.zip", {"dml.py": f"{user} = 1\n", "nested.zip": "?"})
    (tmp_path / "in" / "xbomb.tar.gz").write_bytes(b"\x1f\x8b\x08nothing")
    (tmp_path / "in" / "xold.rar").write_bytes(b"Rar!")
    found = by_key(read(tmp_path / "in"))
    assert source_of(found["xfooba"]) == "xfooba = 1\n"
    assert "damaged" in found["xbomb"].problem
    assert ".zip" in found["xold"].problem


def test_github_classroom(tmp_path, read):
    files = {f"lab-2-{login}/{name}": FILE for login in ("octo-foo", "octo-bar") for name in (".git/config", "dml.py")}
    handed = read(folder_of(tmp_path / "lab-2-submissions", files))
    assert handed.platform == "github-classroom"
    assert set(by_key(handed)) == {"octo-foo", "octo-bar"}
    assert any("'lab-2-'" in note for note in handed.notes)
    (tmp_path / "lab-2-submissions").rename(tmp_path / "clones")
    assert set(by_key(read(tmp_path / "clones"))) == {"foo", "bar"}  # all that can be known there, and it is said


def test_folders_files_and_one_alone(tmp_path, read):
    mixed = folder_of(tmp_path / "in", {"s-1/dml.py": "a = 1\n", "s-2/deep/er/dml.py": "b = 1\n", "s-3.py": "c = 1\n"})
    (mixed / "s-4").mkdir()
    (mixed / "grades.csv").write_text("id\n")
    found = by_key(read(mixed))
    assert [source_of(found[key]) for key in ("s-1", "s-2", "s-3")] == ["a = 1\n", "b = 1\n", "c = 1\n"]
    assert "no Python file" in found["s-4"].problem
    assert set(by_key(read(mixed / "s-1"))) == {"s-1"}
    assert set(by_key(read(mixed / "s-3.py"))) == {"s-3"}
    assert set(by_key(read(folder_of(tmp_path / "one", {"s-9/dml.py": FILE})))) == {"s-9"}
    assert set(by_key(read(zip_of(tmp_path / "s-8.zip", {"dml.py": FILE})))) == {"s-8"}


def test_the_whole_bundle_is_handed_in(tmp_path, read):
    files = {"s-1/dml.py": "a = 1\n", "s-1/assignment/dml.py": FILE, "s-1/assignment/lab.py": FILE, "s-2/dml.py": FILE}
    assert source_of(by_key(read(folder_of(tmp_path / "in", files)))["s-1"]) == "a = 1\n"


def test_attempts(tmp_path, read):
    files = {f"s-1/attempt {number}/dml.py": f"n = {number}\n" for number in (2, 10, 9)}
    files |= {"s-2/dml.py": "n = 1\n", "s-2/dml (1).py": "n = 2\n", "s-3/a/dml.py": FILE, "s-3/b/dml.py": FILE}
    files |= {
        "s-4/main.py": "n = 4\n",
        "s-5/a.py": FILE,
        "s-5/b.py": FILE,
        "s-6/DML.PY": "n = 6\n",
        "s-7/report.pdf": "",
    }
    found = by_key(read(folder_of(tmp_path / "in", files)))
    assert source_of(found["s-1"]) == "n = 10\n"
    assert [a.where for a in found["s-1"].earlier] == ["s-1/attempt 2/dml.py", "s-1/attempt 9/dml.py"]
    assert source_of(found["s-2"]) == "n = 2\n"
    assert "keep one dml.py" in found["s-3"].problem
    assert source_of(found["s-4"]) == "n = 4\n"
    assert any("taken for dml.py" in note for note in found["s-4"].notes)
    assert "call the right one dml.py" in found["s-5"].problem
    assert source_of(found["s-6"]) == "n = 6\n"
    assert "report.pdf" in found["s-7"].problem


def test_the_same_student_twice_is_listed_not_guessed(tmp_path, read):
    folder = folder_of(tmp_path / "in", {"s-1/dml.py": "a = 1\n", "S-1.py": "b = 1\n", "s-2.py": FILE})
    found = by_key(read(folder))
    assert {key: student.standing for key, student in found.items()} == {
        "s-1 (s-1)": "duplicate",
        "S-1 (S-1.py)": "duplicate",
        "s-2": "no roster",
    }


def test_links_and_pipes_are_not_followed(tmp_path, read):
    folder = folder_of(tmp_path / "in", {"s-1/dml.py": FILE, "s-2/x.txt": ""})
    os.symlink("/etc/passwd", folder / "s-2" / "dml.py")
    os.symlink(tmp_path, folder / "s-3")
    os.mkfifo(folder / "s-4.py")
    found = by_key(read(folder))
    assert "link" in found["s-2"].problem
    assert found["s-1"].latest is not None
    assert "regular" in found["s-4"].problem


def test_odd_names(tmp_path, read):
    names = ["..hidden..", "naïve ☃", "a" * 200, "con", "x;rm -rf", "=1+1", "<script>"]
    handed = read(folder_of(tmp_path / "in", {f"{name}/dml.py": FILE for name in names}))
    assert len(by_key(handed)) == len(names)
    for student in handed.students:
        assert len(student.folder) < 80
        assert not set(student.folder) & set('/\\ <>:"|?*;=')
    os.makedirs(tmp_path / "bytes")
    with open(os.fsencode(tmp_path / "bytes") + b"/\xff\xfe.py", "w") as file:
        file.write(FILE)
    (tmp_path / "bytes" / "s-1.py").write_text(FILE)
    assert len(by_key(read(tmp_path / "bytes"))) == 2


def test_nothing_to_grade(tmp_path, read):
    (tmp_path / "empty").mkdir()
    for source, says in ((tmp_path / "empty", "no hand-in"), (tmp_path / "gone", "does not exist")):
        with pytest.raises(IntakeError, match=says):
            read(source)
    (tmp_path / "in.zip").write_bytes(b"PK")
    with pytest.raises(IntakeError, match="damaged"):
        read(tmp_path / "in.zip")


def test_two_platforms_at_once(tmp_path, read):
    files = {"Foo Sample_1_assignsubmission_file_/dml.py": FILE, "samplefoo_1_2_dml.py": FILE}
    with pytest.raises(IntakeError, match="mixes downloads of Moodle"):
        read(folder_of(tmp_path / "in", files))


def test_canvas_names_find_the_roster(tmp_path, read):
    (tmp_path / "roster.csv").write_text("login,first name,last name\nxquux,Quux B.,Placeholder\nxnone,Not,Here\n")
    folder = folder_of(tmp_path / "in", {"placeholderquuxb_1_2_dml.py": FILE})
    handed = read(folder, read_roster(tmp_path / "roster.csv"))
    assert [student.key for student in handed.students] == ["xquux"]
    assert [(person.id, person.name) for person in handed.missing] == [("xnone", "Not Here")]


def test_two_people_of_one_name_are_not_told_apart_by_it(tmp_path, read):
    (tmp_path / "roster.csv").write_text("id,name\na,Foo Sample\nb,Foo Sample\n")
    folder = folder_of(tmp_path / "in", {"Foo Sample_31_assignsubmission_file_/dml.py": FILE})
    handed = read(folder, read_roster(tmp_path / "roster.csv"))
    assert [(s.key, s.standing) for s in handed.students] == [("31", "duplicate")]
    assert handed.missing == []  # one of the two did hand in
    assert "could be of Foo Sample (a) or of Foo Sample (b); write 31 into" in handed.students[0].unclear


def test_moments():
    utc = datetime.timezone.utc
    noon = datetime.datetime(2026, 5, 1, 12, tzinfo=utc)
    for text in ("2026-05-01 12:00:00.000000 UTC", "2026-05-01T14:00:00+02:00", "2026-05-01 08:00:00 -0400",
                 "2026-05-01T12:00:00Z", "2026-05-01 14:00:00.000000 Europe/Prague"):  # fmt: skip
        assert moment(text) == noon, text
    for text in ("2026-05-01 12:00", "yesterday", "", None, "2026-05-01 12:00:00 NOWHERE/../x", 7):
        assert moment(text) is None, text


def test_folder_names_are_safe_and_their_own():
    assert folder_name("s-17") == "s-17"
    assert folder_name("s-17", {"s-17"}) != "s-17"
    assert folder_name("../..") not in ("", ".", "..")
    assert folder_name("a b") != folder_name("a_b")
