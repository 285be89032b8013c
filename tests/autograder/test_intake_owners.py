"""Who of the roster it was: nobody is given another's file, and what is unclear is a line that says what to do."""

from __future__ import annotations

import pytest

from autograder.intake.roster import agree
from tests.autograder.downloaded import by_key, folder_of, lines, reader, roster_of, source_of, zip_of

FILE = "x = 1\n"
SWAPPED = {
    "moodle": {
        "Ada Lovelace_1002_assignsubmission_file_/dml.py": "who = 'ada'\n",
        "Bob B_1001_assignsubmission_file_/dml.py": "who = 'bob'\n",
    },
    "canvas": {"lovelaceada_1002_50_dml.py": "who = 'ada'\n", "bbob_1001_51_dml.py": "who = 'bob'\n"},
}


@pytest.fixture
def read(tmp_path):
    """Read a class from a folder with these files and a roster of this text."""

    def reads(files: dict, roster: str):
        return reader(tmp_path)(folder_of(tmp_path / "in", files), roster_of(tmp_path / "roster.csv", roster))

    return reads


@pytest.mark.parametrize("column", ["id", "ID number", "student id", "username"])
def test_a_number_of_moodle_is_no_number_of_the_school(read, column):
    """A participant's number that is somebody else's student number by chance tells nothing; the name does."""
    found = by_key(read(SWAPPED["moodle"], f"Full name,{column}\nAda Lovelace,1001\nBob B,1002\n"))
    assert {key: (source_of(s), s.standing) for key, s in found.items()} == {
        "1001": ("who = 'ada'\n", "listed"),
        "1002": ("who = 'bob'\n", "listed"),
    }


@pytest.mark.parametrize(
    ("platform", "header"), [("moodle", "Identifier,Full name"), ("canvas", "ID,Student"), ("canvas", "user id,name")]
)
def test_a_number_and_a_name_that_contradict_each_other_are_unclear(read, platform, header):
    handed = read(SWAPPED[platform], f"{header}\n1001,Ada Lovelace\n1002,Bob B\n")
    assert {s.standing for s in handed.students} == {"duplicate"}
    assert not {"1001", "1002"} & set(by_key(handed))  # else an export gives a grade to the one with that identifier
    assert handed.missing == []
    for line in (s.unclear for s in handed.students):
        assert "Ada Lovelace (1001)" in line and "Bob B (1002)" in line
        assert line.endswith("correct one of them in the roster")


def test_a_number_whose_name_nobody_has_is_unclear(read):
    files = {"Eve Stranger_1002_assignsubmission_file_/dml.py": FILE}
    (student,) = read(files, "Identifier,Full name\nParticipant 1002,Bob B\n").students
    assert (student.key, student.standing) == ("1002 (Eve Stranger_1002)", "duplicate")
    assert "Bob B (1002), but Moodle calls them 'Eve Stranger', who is nobody in the roster" in student.unclear


def test_an_unlisted_number_is_not_the_key_of_somebody_elses_grade(read):
    files = {
        "Eve Stranger_1002_assignsubmission_file_/dml.py": FILE,
        "Bob B_7_assignsubmission_file_/dml.py": "who = 'bob'\n",
    }
    found = by_key(read(files, "id,Full name\n1002,Bob B\n"))
    assert source_of(found["1002"]) == "who = 'bob'\n"
    assert found["1002 (Eve Stranger_1002)"].standing == "unlisted"
    assert found["1002 (Eve Stranger_1002)"].unclear.endswith("is not in the roster; add that row or correct the name")


def test_numbers_of_platforms_tell_people_of_one_name_apart(read):
    files = {f"Jan Novák_{number}_assignsubmission_file_/dml.py": f"n = {number}\n" for number in (31, 32)}
    found = by_key(
        read(files, "username,Full name,Identifier\na,Jan Novák,Participant 32\nb,Jan Novák,Participant 31\n")
    )
    assert {key: source_of(s) for key, s in found.items()} == {"a": "n = 32\n", "b": "n = 31\n"}


def test_a_column_for_moodles_numbers_changes_nobodys_identifier(read):
    files = {f"Jan Novák_{number}_assignsubmission_file_/dml.py": FILE for number in (31, 32)}
    found = by_key(read(files, "Identifier,id,name\n31,a,Jan Novák\n,b,Jan Novák\n"))
    assert {key: s.standing for key, s in found.items()} == {"a": "listed", "32": "duplicate"}


def test_candidates_of_unclear_hand_ins_have_handed_in(read):
    files = {"Jan Novák_31_assignsubmission_file_/dml.py": FILE}
    handed = read(files, "id,name\na,Jan Novák\nb,Jan Novák\nc,Eva Malá\n")
    assert [(one.id, one.name) for one in handed.missing] == [("c", "Eva Malá")]
    (line,) = lines(handed)
    assert "could be of Jan Novák (a) or of Jan Novák (b); write 31 into a column 'Identifier'" in line


def test_an_email_and_a_number_of_two_people_are_unclear(read):
    metadata = (
        "submission_1:\n  :submitters:\n  - :name: Ada Lovelace\n    :sid: '1001'\n    :email: bob@example.invalid\n"
    )
    files = {"submission_metadata.yml": metadata, "submission_1/dml.py": FILE}
    handed = read(files, "sid,email,name\n1001,ada@example.invalid,Ada Lovelace\n1002,bob@example.invalid,Bob B\n")
    assert [(s.key, s.standing) for s in handed.students] == [("1001 (submission_1)", "duplicate")]
    assert handed.missing == []


def test_names_behind_a_group_of_moodle(read):
    files = {
        "Group A-Ada Lovelace_1_assignsubmission_file_/dml.py": "who = 'ada'\n",
        "Anne-Marie Curie_2_assignsubmission_file_/dml.py": "who = 'marie'\n",
        "Group A-Nobody_3_assignsubmission_file_/dml.py": FILE,
    }
    found = by_key(read(files, "id,name\nada,Ada Lovelace\nmarie,Anne-Marie Curie\ncurie,Marie Curie\n"))
    assert {key: s.standing for key, s in found.items()} == {"ada": "listed", "marie": "listed", "3": "unlisted"}
    assert found["ada"].notes == ("'Group A-Ada Lovelace' is read as a group's name and Ada Lovelace",)


def test_moodle_without_names(read):
    files = {"Participant_1002_assignsubmission_file_/dml.py": FILE}
    assert set(by_key(read(files, "username,Identifier,Full name\nbob,Participant 1002,Bob B\n"))) == {"bob"}


def test_a_roster_sorted_by_last_names_finds_names(read):
    assert set(by_key(read(SWAPPED["moodle"], 'id;name\nada;"Lovelace, Ada"\nbob;"B, Bob"\n'))) == {"ada", "bob"}


def test_several_hand_ins_of_one_say_what_happens_with_them(tmp_path, read):
    zip_of(tmp_path / "in" / "novak.zip", {"dml.py": "b = 1\n"})
    handed = read({"novak/dml.py": "a = 1\n"}, "login\nnovak\n")
    assert {s.key: s.standing for s in handed.students} == {
        "novak (novak)": "duplicate",
        "novak (novak.zip)": "duplicate",
    }
    assert "(novak, novak.zip): each is graded, this one as 'novak (novak)'" in handed.students[0].unclear
    assert "keep only the right one and run the batch again" in handed.students[0].unclear


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("Ada Lovelace", "Lovelace Ada", True),
        ("Ada B. Lovelace", "Ada Lovelace", True),
        ("lovelaceada", "Ada B. Lovelace", True),
        ("novakovabozena", "Božena Nováková", True),
        ("Ada Lovelace", "Bob B", False),
        ("lovelaceada", "Bob B", False),
        ("Jan Novák", "Jana Nováková", False),
        ("bbob", "Ada Lovelace", False),
    ],
)
def test_which_names_can_be_one_persons(name, other, same):
    assert agree(name, other) == agree(other, name) == same
