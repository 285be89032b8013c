"""The class list as platforms and people write it; what is wrong with it is one line."""

from __future__ import annotations

import pytest

from autograder.intake import IntakeError
from autograder.intake.roster import read_roster
from tests.autograder.downloaded import by_key, folder_of, reader, roster_of

FILE = "x = 1\n"


ROSTERS = {
    "Moodle": "Identifier,Full name,ID number,Email address\nParticipant 101,Quux Placeholder,s-1,q@example.invalid\n",
    "Canvas": '\ufeffStudent,ID,SIS User ID\n    Points Possible,,\n"Placeholder, Quux",101,s-1\n',
    "by hand": "id;name;participant;user id\ns-1;Quux Placeholder;;101\n",
}


@pytest.mark.parametrize("kind", ROSTERS)
def test_rosters_of_platforms(tmp_path, kind):
    roster = roster_of(tmp_path / "roster.csv", ROSTERS[kind])
    assert [person.id for person in roster.people] == ["s-1"]
    files = {
        "Quux Placeholder_101_assignsubmission_file_/dml.py": FILE,
        "No Body_7_assignsubmission_file_/dml.py": FILE,
    }
    found = by_key(reader(tmp_path)(folder_of(tmp_path / "in", files), roster))
    assert {key: student.standing for key, student in found.items()} == {"s-1": "listed", "7": "unlisted"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"id,name\n", "only a header"),
        (b"name,group\nfoo,1\n", "no column with identifiers"),
        (b"id,name\n7,foo\n8,bar\n7,baz\n", "line 2 and in line 4"),
        (b"id,name\n,foo\n", "no identifier in line 2"),
        (b"id,name\n7,\xff\n", "UTF-8"),
        (b"id,name\n" + b"x" * 200_000 + b",foo\n", "not a CSV"),
    ],
)
def test_bad_rosters(tmp_path, data, says):
    (tmp_path / "roster.csv").write_bytes(data)
    with pytest.raises(IntakeError, match=says) as caught:
        read_roster(tmp_path / "roster.csv")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('id,name\n1,Ada\n2,"Bob\n3,Eve\n', 3),
        ('id,name\n1,"Ada\n2,Bob\n3,"Eve"\n', 2),  # closed by the next mark: Bob's row would be swallowed
    ],
)
def test_a_quotation_mark_that_is_not_closed(tmp_path, text, line):
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(IntakeError, match=rf"not a CSV from line {line} on .*quotation mark") as caught:
        read_roster(tmp_path / "roster.csv")
    assert "\n" not in str(caught.value)


def test_a_cell_of_several_lines_is_fine(tmp_path):
    people = roster_of(tmp_path / "roster.csv", 'id,name\n1,"Ada\nLovelace"\n2,Bob\n').people
    assert [(person.id, person.name) for person in people] == [("1", "Ada Lovelace"), ("2", "Bob")]


def test_the_login_goes_with_the_student_beside_the_identifier_that_is_the_key(tmp_path):
    roster = roster_of(tmp_path / "roster.csv", "login;ID number;name\nquuxp;1001;Quux Placeholder\n;1002;No Body\n")
    found = by_key(reader(tmp_path)(folder_of(tmp_path / "in", {"1001/dml.py": FILE, "1002/dml.py": FILE}), roster))
    assert {key: student.login for key, student in found.items()} == {"1001": "quuxp", "1002": ""}
