"""Names that platforms give in rarer cases, and what lies beside hand-ins without being one."""

from __future__ import annotations

import pytest

from autograder.classroom.journal import Journal
from autograder.intake import IntakeError
from autograder.intake.choice import choose
from autograder.intake.tree import DEEPEST, Entry, is_batch_output
from tests.autograder.downloaded import by_key, folder_of, lines, reader, roster_of, source_of, zip_of

FILE = "x = 1\n"


@pytest.fixture
def read(tmp_path):
    """Read a class as the batch does."""
    return reader(tmp_path)


def test_files_of_a_quiz_of_canvas_are_their_students(tmp_path, read):
    files = {
        "ada_1001_question_12_45_dml.py": "who = 'ada'\n",
        "bob_LATE_1002_question_12_46_dml.py": "who = 'bob'\n",
    }
    found = by_key(read(folder_of(tmp_path / "in", files)))
    assert {key: (s.name, s.where, source_of(s)) for key, s in found.items()} == {
        "1001": ("ada", "ada_1001", "who = 'ada'\n"),
        "1002": ("bob", "bob_1002", "who = 'bob'\n"),
    }


def test_files_of_several_questions_are_not_attempts(tmp_path, read):
    files = {"ada_1001_question_12_45_dml.py": FILE, "ada_1001_question_13_46_dml.py": FILE}
    (student,) = read(folder_of(tmp_path / "in", files)).students
    assert student.latest is None
    assert "several questions were handed in (12, 13)" in student.problem


def test_one_number_with_two_names_is_two_hand_ins(tmp_path, read):
    files = {"ada_12_45_dml.py": "who = 'ada'\n", "bob_12_46_dml.py": "who = 'bob'\n"}
    folder = folder_of(tmp_path / "in", files)
    found = by_key(read(folder))
    assert {key: (source_of(s), s.standing) for key, s in found.items()} == {
        "12 (ada_12)": ("who = 'ada'\n", "duplicate"),
        "12 (bob_12)": ("who = 'bob'\n", "duplicate"),
    }
    found = by_key(read(folder, roster_of(tmp_path / "roster.csv", "id,name\n12,Ada\n13,Bob\n")))
    assert {key: s.standing for key, s in found.items()} == {"12": "listed", "12 (bob_12)": "duplicate"}


def test_a_file_of_canvas_without_an_ending_is_a_hand_in(tmp_path, read):
    files = {"ada_1001_50_dml": FILE, "bob_1002_51_dml.py": FILE}
    found = by_key(read(folder_of(tmp_path / "in", files)))
    assert found["1002"].latest is not None
    assert found["1001"].problem == "no Python file or notebook was handed in (dml); hand in dml.py"


def test_the_later_upload_wins_over_the_number_in_the_name(tmp_path, read):
    files = {
        "ada_1001_50_dml.py": "new = 1\n",
        "ada_1001_45_dml-1.py": "old = 1\n",
        "bob_1002_60_dml.py": "both = 1\n",
        "bob_1002_61_dml.ipynb": "{}",  # one attempt of two files: the Python file counts
    }
    folder = folder_of(tmp_path / "in", files)
    zip_of(folder / "eve_1003_70_work-1.zip", {"dml.py": "old = 1\n"})
    zip_of(folder / "eve_1003_71_work.zip", {"dml.py": "new = 1\n"})
    found = by_key(read(folder))
    assert {key: source_of(s) for key, s in found.items()} == {
        "1001": "new = 1\n",
        "1002": "both = 1\n",
        "1003": "new = 1\n",
    }
    assert [attempt.where for attempt in found["1001"].earlier] == ["ada_1001/dml-1.py"]


def test_two_files_in_one_upload_are_not_attempts(tmp_path, read):
    folder = folder_of(tmp_path / "in", {"bob_1002_51_dml.py": FILE})
    zip_of(folder / "ada_1001_50_work.zip", {"a/dml.py": FILE, "b/dml.py": FILE})
    assert "keep one dml.py" in by_key(read(folder))["1001"].problem


def test_without_uploads_the_number_in_the_name_counts(tmp_path):
    path = tmp_path / "dml.py"
    assert choose([Entry("dml.py", path), Entry("dml-1.py", path)], "dml.py").latest.name == "dml-1.py"


CLONES = {f"lab-1-{login}/{name}": FILE for login in ("ada", "bob") for name in (".git/config", "dml.py")}


@pytest.mark.parametrize("around", ["lab-1-submissions/", "clones/", ""])
@pytest.mark.parametrize("name", ["lab-1-submissions.zip", "clones.zip"])
def test_a_zip_of_clones_of_github_classroom(tmp_path, read, around, name):
    handed = read(zip_of(tmp_path / name, {around + path: text for path, text in CLONES.items()}))
    assert handed.platform == "github-classroom"
    assert set(by_key(handed)) == {"ada", "bob"}
    assert all(source_of(student) == FILE for student in handed.students)


def test_zips_of_clones_are_their_students(tmp_path, read):
    for login in ("ada", "bob"):
        zip_of(tmp_path / "in" / f"{login}.zip", {".git/config": "", "dml.py": FILE})
    handed = read(tmp_path / "in")
    assert (handed.platform, set(by_key(handed))) == ("folders", {"ada", "bob"})


def keys_of_clones(tmp_path, read, logins: str, roster: str = "", folder: str = "clones") -> tuple[set[str], str]:
    """The keys of clones of lab-1, and what is said about their names."""
    files = {f"lab-1-{login}/{name}": FILE for login in logins.split() for name in (".git/config", "dml.py")}
    people = roster_of(tmp_path / "roster.csv", roster) if roster else None
    handed = read(folder_of(tmp_path / folder, files), people)
    return set(by_key(handed)), " ".join(handed.notes)


@pytest.mark.parametrize(
    ("logins", "roster", "keys", "said"),
    [
        ("ann-a ann-b", "", "ann-a ann-b", True),  # "a" is hardly a login, and "1-ann-a" begins with the lab's number
        ("ann-aa ann-bb", "", "aa bb", True),  # all that can be known, and it is said
        ("ann-aa ann-bb", "login\nann-aa\nann-bb\n", "ann-aa ann-bb", False),
        ("ann-aa ann-bb", "login\naa\nbb\n", "aa bb", False),
        ("ann-aa ann-bb", "login\nlab-1-ann-aa\nlab-1-ann-bb\n", "lab-1-ann-aa lab-1-ann-bb", False),
        ("ann-aa ann-bb", "login\naa\nann-bb\n", "lab-1-ann-aa lab-1-ann-bb", True),  # two cuts fit: none is guessed
        ("a b", "", "lab-1-a lab-1-b", True),
        ("ada bob eve", "login\nada\nbob\n", "ada bob eve", True),
    ],
)
def test_where_the_login_begins_in_the_name_of_a_clone(tmp_path, read, logins, roster, keys, said):
    found, told = keys_of_clones(tmp_path, read, logins, roster)
    assert found == set(keys.split())
    assert bool(told) == said


def test_the_folder_named_after_the_assignment_says_where_the_login_begins(tmp_path, read):
    assert keys_of_clones(tmp_path, read, "ann-a ann-b", folder="lab-1-submissions")[0] == {"ann-a", "ann-b"}


def test_what_a_batch_wrote_is_not_a_student(tmp_path, read):
    folder = folder_of(tmp_path / "in", {"s-1/dml.py": FILE, "s-2/dml.py": FILE})
    with Journal(folder / "out"):
        folder_of(folder / "out" / "students" / "s-1", {"handed_in.py": FILE})
    assert is_batch_output(folder / "out")
    handed = read(folder)
    assert set(by_key(handed)) == {"s-1", "s-2"}
    assert handed.notes == ["out: the output of a batch; ignored"]
    with pytest.raises(IntakeError, match="is the output of a batch; give the folder of the hand-ins"):
        read(folder / "out")


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_hidden_folders_are_no_students(tmp_path, read, kind):
    files = {
        **{f"{name}/a.py": FILE for name in (".idea", ".vscode", ".pytest_cache", "s-1/.work")},
        "s-1/dml.py": FILE,
        "s-2/dml.py": FILE,
        "s-3/.vscode/dml.py": FILE,
    }
    source = folder_of(tmp_path / "in", files) if kind == "folder" else zip_of(tmp_path / "in.zip", files)
    found = by_key(read(source))
    assert {"s-1", "s-2"} <= set(found) <= {"s-1", "s-2", "s-3"}
    if kind == "folder":
        assert found["s-3"].problem.startswith("no Python file or notebook was handed in (the folder is empty")


def test_an_archive_with_nothing_in_it_is_an_unusable_hand_in(tmp_path, read):
    folder = folder_of(tmp_path / "in", {"s-1/dml.py": FILE})
    zip_of(folder / "s-2.zip", {"__MACOSX/._dml.py": ""})
    assert "the archive is empty" in by_key(read(folder))["s-2"].problem


def test_a_nested_archive_keeps_its_reason(tmp_path, read):
    inner = zip_of(tmp_path / "in.zip", {"dml.py": FILE}).read_bytes()
    folder = folder_of(tmp_path / "in", {"s-1/dml.py": FILE})
    zip_of(folder / "nest.zip", {"in.zip": inner, "readme.txt": ""})
    problem = by_key(read(folder))["nest"].problem
    assert "(in.zip is an archive in an archive, which is not opened, readme.txt); hand in dml.py" in problem


@pytest.mark.parametrize("kind", ["folder", "archive", "download"])
def test_what_is_too_deep_is_ignored_and_noted(tmp_path, read, kind):
    deep = {"/".join(["d"] * depth) + "/dml.py": FILE for depth in (DEEPEST + 1, 200)}
    files = {"s-1/dml.py": FILE, **({} if kind == "archive" else {f"s-2/{name}": FILE for name in deep})}
    source = zip_of(tmp_path / "in.zip", files) if kind == "download" else folder_of(tmp_path / "in", files)
    if kind == "archive":
        zip_of(source / "s-2.zip", deep)
    handed = read(source)
    assert f"is deeper than {DEEPEST} folders" in by_key(handed)["s-2"].problem
    assert len(handed.notes) == 1 and "ignored" in handed.notes[0]


@pytest.mark.parametrize(("name", "says"), [("in.zip", "is damaged"), ("in.rar", "type .rar are not opened")])
def test_a_broken_download_is_to_be_downloaded_again(tmp_path, read, name, says):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(IntakeError, match=says) as caught:
        read(tmp_path / name)
    assert str(caught.value).endswith("; download it again, or unpack it and give the folder")
    folder = folder_of(tmp_path / "in", {"s-1/dml.py": FILE, f"s-2/{name}": b"PK"})
    assert "download" not in " ".join(lines(read(folder)))
