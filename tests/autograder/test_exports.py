"""Grades on their way to the platforms: the right number in the right row, and nothing else touched."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from autograder.__main__ import app
from autograder.exports import ExportError, brute, canvas, moodle, sheet, table
from autograder.exports.results import graded_in, read_results
from autograder.grading.record import to_json
from autograder.intake.lateness import Late
from tests.autograder.class_folder import MANIFEST, Person, record_of, write_class

ROOT = Path(__file__).parents[2]
FULL = MANIFEST.points + MANIFEST.bonus_points
LOSS = MANIFEST.task("triplet-loss").points
MOODLE = (
    '\ufeffIdentifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"\r\n'
    'Participant 101,"Ada Example",ada@example.org,"Submitted for grading - ",,20.00,Yes,"Sunday, 31 May 2026",-,\r\n'
    'Participant 102,"Bob ""B"" Example",bob@example.org,"No submission",7.50,20.00,Yes,-,-,"old, kept"\r\n'
    'Participant 103,"=cmd|calc",eve@example.org,"Submitted",,20.00,Yes,-,-,\r\n'
    'Participant 104,"Dan Example",dan@example.org,"Submitted",3.00,20.00,No,-,-,\r\n'
)
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Lab 1 (501),Deep metric learning (502),Assignments Current Score\n"
    ",,,,,Manual Posting,,\n"
    "    Points Possible,,,,,10.0,20.0,(read only)\n"
    '"Example, Ada",11,s-ada,ada,Group A,9.0,,90.0\n'
    '"Example, Bob",12,s-bob,bob,Group A,8.0,4.0,80.0\n'
    '"Student, Test",99,,x9f,Group A,,,\n'
)
CELLS = st.lists(st.text(alphabet='a",;\t\r\n= é', max_size=8), min_size=2, max_size=4)


def say(result) -> list[str]:
    return ["12 <of> 20 points", "=HYPERLINK(1)"]


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter))


@pytest.fixture
def moodle_class(tmp_path):
    people = [
        Person("101", "Ada Example", where="Ada Example_101", lost=("triplet-loss",)),
        Person("roster-eve", "Cmd Calc", where="Cmd Calc_103", late=Late(2, 0.25)),
        Person("104", "Dan Example", where="Dan Example_104"),
        Person("102", "Bob", where="Bob_102", lost=None),
        Person("999", "Nobody Here", where="Nobody Here_999"),
    ]
    return read_results(write_class(tmp_path / "out", people, "moodle"))


def test_a_row_with_the_identifier_of_one_and_the_name_of_another_is_left_as_it_was(tmp_path):
    people = [
        Person("101", "Ada Example", where="Ada Example_555"),
        Person("104", "Rosa Other", where="Rosa Other_556"),
    ]
    text = MOODLE.replace("3.00,20.00,No", ",20.00,Yes")
    done = moodle.fill_moodle(
        read_results(write_class(tmp_path / "out", people, "moodle")), sheet.Sheet(text, "s.csv"), say
    )
    assert {row[0]: row[4] for row in rows(done.text)[1:]}["Participant 104"] == ""
    assert done.filled == 1
    assert done.notes == [
        "104 (Rosa Other): the row with this identifier is of 'Dan Example'; fill in the right one by hand"
    ]


def test_moodle_grades_are_in_their_rows_and_nothing_else_changes(moodle_class):
    done = moodle.fill_moodle(moodle_class, sheet.Sheet(MOODLE, "s.csv"), say)
    before, after = rows(MOODLE), rows(done.text)
    grades = {row[0]: row[4] for row in after[1:]}
    assert grades == {
        "Participant 101": "20",  # bonus points count up to the maximum
        "Participant 102": "7.50",
        "Participant 103": sheet.number(min(FULL * 0.75, 20)),
        "Participant 104": "3.00",
    }
    for old, new in zip(before, after, strict=True):
        assert [cell for i, cell in enumerate(old) if i not in (4, 9)] == [
            c for i, c in enumerate(new) if i not in (4, 9)
        ]
    lines, told = MOODLE.split("\r\n"), done.text.split("\r\n")
    assert [told[0], told[2], told[4]] == [lines[0], lines[2], lines[4]]  # byte for byte
    assert after[1][9] == "12 &lt;of&gt; 20 points<br>&#x27;=HYPERLINK(1)"
    assert (done.filled, done.replaced) == (2, 0)
    assert [note.split(":")[0] for note in done.notes] == ["104 (Dan Example)", "102 (Bob)", "999 (Nobody Here)"]
    assert "not in the sheet" in done.notes[2]


def test_moodle_without_bonus_and_late(moodle_class):
    done = moodle.fill_moodle(moodle_class, sheet.Sheet(MOODLE, "s.csv"), say, bonus=False)
    grades = {row[0]: row[4] for row in rows(done.text)[1:]}
    assert grades["Participant 101"] == sheet.number(MANIFEST.points - LOSS)
    assert grades["Participant 103"] == sheet.number(MANIFEST.points * 0.75)


def test_another_maximum_is_scaled_only_when_asked_and_commas_stay_commas(moodle_class):
    other = MOODLE.replace("20.00", '"100,00"')
    with pytest.raises(ExportError, match=r"maximum is 100, the assignment has 20.*--scale"):
        moodle.fill_moodle(moodle_class, sheet.Sheet(other, "s.csv"), say, bonus=False)
    done = moodle.fill_moodle(moodle_class, sheet.Sheet(other, "s.csv"), say, bonus=False, scale=True)
    loss = moodle_class.students[1]
    assert rows(done.text)[3][4] == sheet.number(loss.final(False) * 5)
    half = MOODLE.replace("20.00", '"20,00"')
    third = read_results(
        write_class(moodle_class.students[0].folder.parents[2] / "b", [Person("101", late=Late(1, 1 / 3))])
    )
    done = moodle.fill_moodle(third, sheet.Sheet(half, "s.csv"), say, bonus=False)
    assert rows(done.text)[1][4] == "13,33"


@pytest.mark.parametrize(
    "text, part",
    [
        ("Student,ID,Section,A (1)\n", "no column 'Identifier'"),
        (MOODLE.split("\r\n")[0] + "\r\n", "no rows of students"),
        (MOODLE.replace("20.00", "Good"), "not on a scale"),
        (MOODLE.replace(",20.00,No", ",10.00,No"), "different maximum grades"),
        ('Identifier,"Grade\n1,2\n', "never closed"),
        (
            MOODLE.replace("Participant 10", "Participant 77").replace("Example", "Other").replace("cmd", "x"),
            "no student of",
        ),
    ],
)
def test_a_wrong_sheet_for_moodle_is_one_line(moodle_class, text, part):
    with pytest.raises(ExportError, match=part) as problem:
        moodle.fill_moodle(moodle_class, sheet.Sheet(text, "s.csv"), say)
    assert "\n" not in str(problem.value)


def test_a_name_that_two_rows_have_is_nobodys(tmp_path):
    results = read_results(write_class(tmp_path, [Person("x1", "Ada Example"), Person("103")], "folders"))
    doubled = MOODLE.replace('"Bob ""B"" Example"', '"Ada Example"')
    done = moodle.fill_moodle(results, sheet.Sheet(doubled, "s.csv"), say)
    assert [row[4] for row in rows(done.text)[1:3]] == ["", "7.50"]
    assert "x1 (Ada Example): 2 rows of the sheet match" in done.notes[0]


def test_two_hand_ins_for_one_row_fill_nothing(tmp_path):
    results = read_results(write_class(tmp_path, [Person("101"), Person("ada@example.org"), Person("103")]))
    done = moodle.fill_moodle(results, sheet.Sheet(MOODLE, "s.csv"), say)
    assert rows(done.text)[1][4] == ""
    assert done.filled == 1
    assert len(done.notes) == 2


def test_canvas_fills_one_column(tmp_path):
    people = [
        Person("11", "exampleada", where="exampleada_11", lost=("triplet-loss",)),
        Person("bob", "", lost=tuple(task.id for task in MANIFEST.tasks)),
    ]
    results = read_results(write_class(tmp_path, people, "canvas"))
    done = canvas.fill_canvas(results, sheet.Sheet(CANVAS, "g.csv"), title=MANIFEST.title)
    expected = CANVAS.replace("9.0,,90.0", f"9.0,{sheet.number(FULL - LOSS)},90.0").replace("8.0,4.0,", "8.0,0,")
    assert done.text == expected
    assert (done.filled, done.replaced, done.notes) == (2, 1, [])
    by_number = canvas.fill_canvas(results, sheet.Sheet(CANVAS, "g.csv"), column="502")
    assert by_number.text == expected
    short = CANVAS.replace("    Points Possible,,,,,10.0,20.0,(read only)", "    Points Possible")
    assert canvas.fill_canvas(results, sheet.Sheet(short, "g.csv"), column="502").filled == 2
    with pytest.raises(ExportError, match="maximum is 10, the assignment has 20"):
        canvas.fill_canvas(results, sheet.Sheet(CANVAS, "g.csv"), column="Lab 1")


@pytest.mark.parametrize(
    "text, column, part",
    [
        (MOODLE, "", "no column 'Student'"),
        (CANVAS.replace("Points Possible", "Ada"), "", "no row 'Points Possible'"),
        (CANVAS, "Deep learning", r"did you mean 'Deep metric learning \(502\)'"),
        (CANVAS.replace("Deep metric learning (502)", "Lab 2 (502)"), "", "several assignments; choose with --column"),
        (CANVAS.replace(" (501)", "").replace(" (502)", ""), "", "no column of an assignment"),
        (CANVAS.replace("Lab 1 (501)", "Deep metric learning (501)"), "", "give the number behind the name"),
    ],
)
def test_a_wrong_sheet_for_canvas_is_one_line(tmp_path, text, column, part):
    results = read_results(write_class(tmp_path, [Person("11")], "canvas"))
    with pytest.raises(ExportError, match=part):
        canvas.fill_canvas(results, sheet.Sheet(text, "g.csv"), column, MANIFEST.title)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='a",;\t\r\n= é', max_size=60))
def test_a_sheet_is_itself_again_byte_for_byte_or_refused(text):
    try:
        read = sheet.Sheet(text, "s.csv")
    except ExportError:
        assert text.count('"') % 2 or text.count('"') >= 2
        return
    assert read.text() == text


@settings(max_examples=300, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=5), st.text(alphabet='b",;\r\n', max_size=8), st.booleans())
def test_cells_are_those_that_python_reads_and_a_filled_one_is_read_back(table_, value, quoted):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL).writerows([["h1", "h2"], *table_])
    read = sheet.Sheet(out.getvalue(), "s.csv")
    assert [[cell.value for cell in row] for row in read.rows] == rows(out.getvalue())
    read.rows[1][1].fill(value)
    again = rows(read.text())
    assert again[1][1] == value
    again[1][1] = rows(out.getvalue())[1][1]
    assert again == rows(out.getvalue())


def test_brute_has_a_line_per_login(tmp_path):
    people = [Person("novakjan", late=Late(1, 0.1)), Person("=1+1"), Person("two words"), Person("empty", lost=None)]
    text, notes = brute.points_file(read_results(write_class(tmp_path, people)), bonus=False)
    assert text == f"novakjan;{sheet.number(MANIFEST.points * 0.9)}\n"
    assert len(notes) == 3
    with pytest.raises(ExportError, match="roster"):
        brute.points_file(read_results(write_class(tmp_path / "b", [Person("two words")])))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r+", "＝"])
def test_no_cell_of_the_table_is_a_formula(tmp_path, start):
    evil = f'{start}cmd|"/c calc"!A1'
    people = [Person(evil, name=evil, email=evil), Person("dan", lost=None)]
    text = table.as_csv(read_results(write_class(tmp_path, people, missing=[(evil, evil, evil)])))
    assert text.startswith("\ufeff")
    found = rows(text)
    assert not [cell for row in found for cell in row if cell.startswith(sheet.FORMULA)]
    assert {len(row) for row in found} == {len(found[0])}
    assert [dict(zip(found[0], row, strict=True))["state"] for row in found[1:]] == [
        "graded",
        "nothing to grade",
        "missing",
    ]


def test_the_table_says_what_class_json_says(tmp_path):
    results = read_results(write_class(tmp_path, [Person("ada", lost=("triplet-loss",), late=Late(2, 0.2))]))
    header, row = rows(table.as_csv(results))
    cells = dict(zip(header, row, strict=True))
    assert float(cells["points"]) == MANIFEST.points - LOSS
    assert float(cells["total"]) == pytest.approx((FULL - LOSS) * 0.8)
    assert (cells["days_late"], cells["loss"], cells["p_at_1"]) == ("2", "0.2", "0.6125")
    assert (cells["triplet-loss"], cells["misconceptions"]) == ("0.0", "triplet-loss--no-hinge")
    assert [name in header for name in (task.id for task in MANIFEST.tasks)] == [True] * len(MANIFEST.tasks)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "autograder", "export", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_command_writes_beside_the_sheet_and_tells(tmp_path):
    out = write_class(tmp_path / "out", [Person("101", "Ada Example", lost=("gem",))], "moodle")
    given_sheet = tmp_path / "sheet.csv"
    given_sheet.write_bytes(MOODLE.encode())
    done = run(out, "--moodle", given_sheet, "--csv", tmp_path / "all.csv", "--brute", tmp_path / "b.txt")
    assert done.returncode == 0, done.stderr
    assert given_sheet.read_bytes() == MOODLE.encode()
    filled = rows((tmp_path / "sheet-filled.csv").read_bytes().decode())
    assert filled[1][4] == "20"
    assert "Next step: Bonus task" in filled[1][9]
    assert "<b>" not in filled[1][9].replace("<br>", "")
    assert "0.7351946" not in filled[1][9]  # a hidden value
    assert (tmp_path / "b.txt").read_text() == f"101;{FULL - MANIFEST.task('gem').points:g}\n"
    assert "sheet-filled.csv: 1 grade\n" in done.stdout
    assert "all.csv: 1 submission\n" in done.stdout
    assert "b.txt: 1 student\n" in done.stdout


def test_bad_input_is_one_line(tmp_path):
    out = write_class(tmp_path / "out", [Person("101")])
    (tmp_path / "sheet.xlsx").write_bytes(b"PK\x03\x04\0\0")
    (tmp_path / "latin.csv").write_bytes(b"Identifier,Grade\n\xe9,1\n")
    (tmp_path / "empty").mkdir()
    broken = write_class(tmp_path / "broken", [Person("101")])
    tree = json.loads((broken / "class.json").read_text())
    del tree["students"][0]["final"]
    (broken / "class.json").write_text(json.dumps(tree))
    table_file = tmp_path / "t.csv"
    cases = [
        ([out], 2, "no platform"),
        ([out, "--moodle", tmp_path / "none.csv"], 3, "check the path"),
        ([out, "--moodle", tmp_path / "sheet.xlsx"], 3, "not CSV"),
        ([out, "--canvas", tmp_path / "latin.csv"], 3, "not UTF-8"),
        ([tmp_path / "empty", "--csv", table_file], 3, "batch --out"),
        ([broken, "--csv", table_file], 3, "is damaged"),
        ([out, out, "--csv", table_file], 2, "one folder"),
        ([out, "--csv", table_file, "--out", tmp_path / "x"], 2, "--out: it names"),
        ([out, "--csv", "/proc/nowhere/t.csv"], 5, "cannot be written"),
        ([out, "--junit", tmp_path / "empty" / ".." / "empty"], 5, "cannot be written"),
    ]
    for arguments, status, part in cases:
        done = CliRunner().invoke(app, ["export", *map(str, arguments)])
        lines = done.stderr.strip().splitlines()
        assert (done.exit_code, len(lines)) == (status, 1), done.output
        assert part in lines[0]
    assert not table_file.exists()


def test_records_of_single_grades_are_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "record.json").write_text(to_json(record_of(("gem",), "ada")))
    (result,) = graded_in([tmp_path])
    assert (result.row.key, result.final()) == ("ada", FULL - MANIFEST.task("gem").points)
    broken = tmp_path / "broken.json"
    broken.write_text("[]")
    with pytest.raises(ExportError, match="not a record"):
        graded_in([broken])
