"""Exports go by class.json: stale folders, people who are unclear, paths that cannot be written, one line for each."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autograder.__main__ import app
from autograder.exports import ExportError, OptionError, brute, table
from autograder.exports.exclusions import certain
from autograder.exports.gradescope.results import results_json
from autograder.exports.results import graded_in, read_results
from autograder.grading.record import to_json
from tests.autograder.class_folder import MANIFEST, Person, record_of, write_class

FULL = f"{MANIFEST.points + MANIFEST.bonus_points:g}"


def edit(out: Path, **changes: dict[str, object]) -> Path:
    """Change rows of class.json by key."""
    tree = json.loads((out / "class.json").read_text())
    tree["students"] = [{**row, **changes.get(row["key"], {})} for row in tree["students"]]
    (out / "class.json").write_text(json.dumps(tree))
    return out


def without(out: Path, *keys: str) -> Path:
    """Take students out of class.json; their folders stay, as after a batch of another archive."""
    tree = json.loads((out / "class.json").read_text())
    tree["students"] = [row for row in tree["students"] if row["key"] not in keys]
    (out / "class.json").write_text(json.dumps(tree))
    return out


def keys(*paths: Path) -> list[str]:
    return [result.row.key for result in graded_in(paths)]


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_folder_that_class_json_does_not_name_is_left_alone(tmp_path, monkeypatch):
    out = without(write_class(tmp_path / "out", [Person("ada"), Person("bob"), Person("eve")]), "eve")
    shutil.copytree(out / "students" / "eve", out / "earlier" / "eve")
    assert keys(out) == keys(out / "students") == keys(tmp_path) == ["ada", "bob"]
    assert keys(out / "students" / "bob") == keys(out / "students" / "bob" / "record.json") == ["bob"]
    monkeypatch.chdir(out / "students" / "bob")
    assert keys(Path(), Path("record.json")) == ["bob", "bob"]
    for stale in ("students/eve", "students/eve/record.json", "earlier/eve"):
        with pytest.raises(ExportError, match=r"earlier run and not in .*class.json"):
            graded_in([out / stale])


def test_who_has_no_grade_any_more_has_none_although_a_record_is_left(tmp_path):
    out = write_class(tmp_path, [Person("ada"), Person("bob")])
    edit(out, bob={"state": "unusable", "problem": "the file is empty"})
    students, notes = certain(graded_in([out / "students"]))
    assert [result.row.key for result in students] == ["ada"]
    assert notes == ["bob: no grade (the file is empty); omitted"]


def test_records_of_single_grades_beside_a_batch_are_taken_too(tmp_path):
    write_class(tmp_path / "class", [Person("ada")])
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.json").write_text(to_json(record_of((), "decoy")))
    (tmp_path / "own" / "record.json").write_text(to_json(record_of(("gem",), "zoe")))
    assert sorted(keys(tmp_path)) == ["ada", "zoe"]
    (result,) = graded_in([tmp_path / "own" / "mine.json"])
    assert (result.row.key, f"{json.loads(results_json(result, MANIFEST))['score']:g}") == ("decoy", FULL)


def test_brute_leaves_out_who_is_unclear_with_one_note(tmp_path):
    people = [Person("novak"), Person("1099"), Person("1 (a.zip)"), Person("2")]
    out = edit(
        write_class(tmp_path, people),
        novak={"standing": "listed"},
        **{"1099": {"standing": "unlisted"}, "1 (a.zip)": {"standing": "duplicate"}, "2": {"standing": "duplicate"}},
    )
    text, notes = brute.points_file(read_results(out))
    assert text == f"novak;{FULL}\n"
    assert len(notes) == 1
    for told in ("1099 (not in the roster)", "1 (a.zip) (not clear whose it is)", "2 (not clear"):
        assert told in notes[0]


def test_brute_prefers_the_login_and_says_where_only_numbers_are_known(tmp_path):
    out = edit(
        write_class(tmp_path / "a", [Person("s1001")], "moodle"), s1001={"standing": "listed", "login": "novakjan"}
    )
    assert brute.points_file(read_results(out)) == (f"novakjan;{FULL}\n", [])
    text, notes = brute.points_file(read_results(write_class(tmp_path / "b", [Person("101")], "moodle")))
    assert text == f"101;{FULL}\n"
    assert "identifiers of moodle" in notes[0] and "--roster" in notes[0]


def test_many_unclear_people_are_a_short_note(tmp_path):
    out = write_class(tmp_path, [Person(f"{i:03}") for i in range(30)])
    edit(out, **{f"{i:03}": {"standing": "unlisted"} for i in range(30)})
    students, notes = certain(read_results(out).students)
    assert students == []
    assert notes[0].endswith("019 (not in the roster) and 10 more")


def test_the_table_rounds_p_at_1_and_knows_the_e_mail_of_who_is_missing(tmp_path):
    out = edit(
        write_class(tmp_path, [Person("ada")], missing=[("mia", "Mia", "=mia@example.org")]),
        ada={"p_at_1": 0.4950000000000001},
    )
    ada, mia = lines(table.as_csv(read_results(out)))
    assert ada["p_at_1"] == "0.495"
    assert (mia["key"], mia["name"], mia["email"], mia["state"]) == ("mia", "Mia", "'=mia@example.org", "missing")


@pytest.mark.parametrize("gone", ["standing", "attempts", "tasks"])
def test_a_row_that_is_not_whole_is_one_line(tmp_path, gone):
    out = write_class(tmp_path, [Person("ada")])
    tree = json.loads((out / "class.json").read_text())
    del tree["students"][0][gone]
    (out / "class.json").write_text(json.dumps(tree))
    with pytest.raises(ExportError, match="is damaged"):
        read_results(out)


def error(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["export", *map(str, arguments)])
    (line,) = done.stderr.strip().splitlines()
    return done.exit_code, line


def test_a_record_that_is_gone_sends_to_the_batch(tmp_path):
    out = write_class(tmp_path / "out", [Person("ada")])
    (out / "students" / "ada" / "record.json").unlink()
    _, line = error(out, "--junit", tmp_path / "report.xml")
    assert "run the batch again" in line and "check the path" not in line


def test_what_is_in_the_way_of_a_file_is_said(tmp_path):
    out = write_class(tmp_path / "out", [Person("ada"), Person("bob")])
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    file.write_text("mine")
    cases = [
        (("--csv", folder), f"{folder}: it cannot be written (it is a folder)"),
        (("--csv", file / "t.csv"), f"{file}: it cannot be written (it is a file, not a folder)"),
        (("--csv", "/proc/x/t.csv"), "/proc/x: it cannot be written (no folder can be created there)"),
        (("--csv", "/proc/t.csv"), "/proc/t.csv: it cannot be written (no file can be created there)"),
        (("--gradescope", file), f"{file / 'ada'}: it cannot be written ({file} is a file, not a folder)"),
    ]
    for options, told in cases:
        assert error(out, *options) == (5, f"error: {told}; choose another path")
    assert file.read_text() == "mine"
    assert list(folder.iterdir()) == []


def test_two_results_never_share_a_file(tmp_path):
    for name in ("ann", "bob"):
        (tmp_path / name / "dml").mkdir(parents=True)
        (tmp_path / name / "dml" / "record.json").write_text(to_json(record_of((), name)))
    assert "dml: several of these records" in error(tmp_path, "--gradescope", tmp_path / "results")[1]


def test_options_that_do_not_fit_are_told_apart_from_data_that_cannot_be_used(tmp_path):
    assert issubclass(OptionError, ExportError)
    from rich.console import Console

    from autograder.exports.write import Options, export_class

    out = write_class(tmp_path, [Person("ada")])
    for paths, wanted in (
        ([out], Options(csv=tmp_path / "t.csv", out=tmp_path / "x")),
        ([out, out], Options(csv=tmp_path / "t.csv")),
    ):
        with pytest.raises(OptionError):
            export_class(paths, wanted, MANIFEST, Console(quiet=True))


@pytest.mark.parametrize("command", ["export", "report", "release"])
def test_a_commands_help_says_what_its_exit_statuses_mean(command):
    shown = CliRunner().invoke(app, [command, "--help"]).stdout
    assert "Exit status: 0" in " ".join(shown.split())


def test_a_damaged_class_json_is_the_same_status_for_export_and_report(tmp_path):
    (write_class(tmp_path, [Person("ada")]) / "class.json").write_text("{")
    asked = (["export", str(tmp_path), "--csv", str(tmp_path / "t.csv")], ["report", str(tmp_path)])
    assert [CliRunner().invoke(app, arguments).exit_code for arguments in asked] == [3, 3]
