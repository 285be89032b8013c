"""Records on their way into a real gradebook, and out of it again by nbgrader's own means."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is not installed: install the extra `nbgrader`")
from nbgrader.api import Gradebook
from rich.console import Console

from assignment.manifest import load
from autograder.exports import ExportError
from autograder.nbgrader import HELPERS, CourseError, check_cell, source
from autograder.nbgrader.exporting import entries_of, export_records
from autograder.nbgrader.gradebook import export, first_and_last
from autograder.nbgrader.grading import unreadable
from tests.autograder import class_folder
from tests.autograder.class_folder import Person, write_class
from tests.autograder.records import tree_of

ROOT = Path(__file__).parents[2]
MANIFEST = load()
NAMES = [task.id for task in MANIFEST.tasks]
QUESTIONS = sum(question.points for question in source.questions())


def record_of(owner: str, lost: tuple[str, ...] = (), **more) -> dict:
    return {**tree_of(class_folder.record_of(lost, owner)), **more}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory) -> Path:
    """A gradebook that knows the assignment's notebook, as nbgrader's generate_assignment leaves it."""
    path = tmp_path_factory.mktemp("fresh") / "gradebook.db"
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"  # nbgrader starts `alembic` by name
    try:
        with Gradebook(f"sqlite:///{path}") as book:
            book.add_assignment("dml")
            book.add_notebook("dml", "dml")
            notebook = source.notebook((ROOT / "solution/dml.py").read_text("utf-8"), MANIFEST, source.questions())
            for cell in notebook["cells"]:
                mark, kind = cell["metadata"]["nbgrader"], cell["cell_type"]
                if mark["grade"]:
                    book.add_grade_cell(mark["grade_id"], "dml", "dml", max_score=mark["points"], cell_type=kind)
                if mark["solution"]:
                    book.add_solution_cell(mark["grade_id"], "dml", "dml")
    finally:
        os.environ["PATH"] = before
    return path


@pytest.fixture
def database(fresh, tmp_path) -> Path:
    path = tmp_path / "gradebook.db"
    path.write_bytes(fresh.read_bytes())
    return path


@contextmanager
def opened(path: Path):
    with Gradebook(f"sqlite:///{path}") as book:
        yield book


def write(folder: Path, *records: dict) -> Path:
    for i, record in enumerate(records):
        path = folder / f"s-{i}" / "record.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record), encoding="utf-8")
    return folder


def put(database: Path, folder: Path, *records: dict, **options):
    written = export_records(database, [write(folder, *records)], MANIFEST, Console(quiet=True), **options)
    return {row.student: row for row in written}


def table(database: Path) -> dict[str, dict[str, str]]:
    """What `nbgrader export` writes, by its own plugin."""
    from nbgrader.plugins import CsvExportPlugin

    plugin = CsvExportPlugin()
    plugin.to = str(database.with_suffix(".csv"))
    with opened(database) as book:
        plugin.export(book)
    with open(plugin.to, encoding="utf-8") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_totals_are_the_records(database, tmp_path):
    records = [record_of("ann"), record_of("bob", ("descriptor", "arcface")), record_of("cy", tuple(NAMES))]
    rows = put(database, tmp_path / "out", *records, add_students=True)
    shown = table(database)
    for record in records:
        owner = record["submission"]["owner"]
        total = record["points"] + record["bonus"]
        assert rows[owner].total == float(shown[owner]["raw_score"]) == float(shown[owner]["score"]) == total
        assert float(shown[owner]["max_score"]) == MANIFEST.points + QUESTIONS
    with opened(database) as book:
        grade = book.find_grade(check_cell("descriptor"), "dml", "dml", "bob")
        assert (grade.auto_score, grade.needs_manual_grade, grade.failed_tests) == (0, False, True)
        comment = book.find_comment("GDextractor", "dml", "dml", "bob").comment
        assert "0 of 3" in comment and "<b>" not in comment and "Hint: Think of the formula." in comment
        assert "points" in book.find_comment(HELPERS, "dml", "dml", "bob").comment
        formgrader = {row["student"]: row["score"] for row in book.submission_dicts("dml")}  # what its pages show
        assert formgrader == {owner: row.total for owner, row in rows.items()}


def test_what_a_person_wrote_stays(database, tmp_path):
    put(database, tmp_path / "out", record_of("ann", ("gem",)), add_students=True)
    with opened(database) as book:
        grade = book.find_grade(check_cell("training-step"), "dml", "dml", "ann")
        grade.manual_score, grade.extra_credit = 1.5, 0.25
        answer = book.find_grade("answer-margin", "dml", "dml", "ann")
        answer.manual_score, answer.needs_manual_grade = 0.75, False
        book.find_comment("train", "dml", "dml", "ann").manual_comment = "Nice."
        book.db.commit()
    total = MANIFEST.points + MANIFEST.bonus_points - 1 - 2 + 1.75 + 0.75
    rows = put(database, tmp_path / "out", record_of("ann", ("gem",)))
    assert (rows["ann"].total, rows["ann"].changed) == (total, 0)
    with opened(database) as book:
        grade = book.find_grade(check_cell("training-step"), "dml", "dml", "ann")
        assert (grade.manual_score, grade.extra_credit, grade.needs_manual_grade) == (1.5, 0.25, False)
        assert book.find_comment("train", "dml", "dml", "ann").comment == "Nice."
    rows = put(database, tmp_path / "out", record_of("ann", ("gem", "training-step")))
    assert (rows["ann"].total, rows["ann"].changed) == (total, 1)
    with opened(database) as book:  # another automatic score below a manual one: a person should look
        assert book.find_grade(check_cell("training-step"), "dml", "dml", "ann").needs_manual_grade


def dump(database: Path) -> list[str]:
    import sqlite3

    with sqlite3.connect(database) as connection:
        return list(connection.iterdump())


def test_twice_is_as_once(database, tmp_path):
    late = {"key": "ann", "submitted": "2026-05-02T10:00:00+02:00", "late": {"days": 2, "loss": 0.2}}
    records = [record_of("Ann A.", hand_in=late), record_of("bob", ("gem",))]
    put(database, tmp_path / "out", *records, add_students=True)
    once = dump(database)
    rows = put(database, tmp_path / "out", *records)
    assert dump(database) == once
    assert [row.changed for row in rows.values()] == [0, 0]


def test_being_late(database, tmp_path):
    def hand_in(late):
        return {"key": "ann", "submitted": "2026-05-02T10:00:00+02:00", "late": late}

    everything = MANIFEST.points + MANIFEST.bonus_points
    put(database, tmp_path / "out", record_of("x", hand_in=hand_in({"days": 2, "loss": 0.2})), add_students=True)
    row = table(database)["ann"]
    assert float(row["late_submission_penalty"]) == pytest.approx(0.2 * everything)
    assert float(row["score"]) == pytest.approx(0.8 * everything)
    assert row["timestamp"] == "2026-05-02 08:00:00"  # UTC, as nbgrader keeps it
    put(database, tmp_path / "out", record_of("x", hand_in=hand_in({"days": None, "loss": None})))
    assert float(table(database)["ann"]["late_submission_penalty"]) > 0  # late, nobody knows how much: left alone
    put(database, tmp_path / "out", record_of("ann"))  # a record of `grade`: nothing known
    assert float(table(database)["ann"]["late_submission_penalty"]) > 0
    put(database, tmp_path / "out", record_of("x", hand_in=hand_in(None)))
    assert float(table(database)["ann"]["late_submission_penalty"]) == 0


def test_penalty_of_the_manifest():
    from autograder.nbgrader.plugins import penalty

    assert penalty(MANIFEST, 20.0, 60.0) is None  # within the grace
    assert penalty(MANIFEST, 20.0, 86_400.0 * 1.5) == pytest.approx(20.0 * 2 * MANIFEST.late["loss_per_day"])
    assert penalty(MANIFEST, 20.0, 1e9) == pytest.approx(20.0 * MANIFEST.late["most_loss"])


def test_a_checkpoint_is_kept_by_later_records_without_one(database, tmp_path):
    record = record_of("ann")
    points = MANIFEST.checkpoint_task.points
    more = {"id": "checkpoint", "number": 16, "title": "t", "bonus": True, "earned": points, "possible": points}
    record["tasks"].append({**more, "state": "all", "tests": record["tasks"][0]["tests"]})
    record["bonus"] += points
    facts = {"name": "best.pt", "sha256": "", "bytes": 1, "data": "hidden sample", "images": 1, "baseline_sha256": ""}
    record["checkpoint"] = facts
    total = record["points"] + record["bonus"]
    assert put(database, tmp_path / "out", record, add_students=True)["ann"].total == total
    assert put(database, tmp_path / "out", record_of("ann"))["ann"].total == total


def test_an_unreadable_notebook_is_worth_nothing_and_says_why(database):
    entry = unreadable("ann", "dml.ipynb is no valid JSON <b>", MANIFEST)
    assert export(database, [entry], MANIFEST, add_students=True)[0].total == 0
    with opened(database) as book:
        comment = book.find_comment(HELPERS, "dml", "dml", "ann").comment
        assert "no valid JSON" in comment and "<b>" not in comment
        assert not book.find_grade(check_cell("gem"), "dml", "dml", "ann").needs_manual_grade


def line(database: Path, paths: list[Path], **options) -> str:
    before = database.read_bytes() if database.is_file() else b""
    with pytest.raises((CourseError, ExportError)) as caught:
        export_records(database, paths, MANIFEST, Console(quiet=True), **options)
    assert (database.read_bytes() if database.is_file() else b"") == before  # nothing was written
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_bad_input_is_one_line_and_writes_nothing(database, tmp_path):
    good = write(tmp_path / "good", record_of("ann"))
    assert "does not exist" in line(tmp_path / "no.db", [good])
    assert "does not contain the students" in line(database, [good])
    assert "student 'ann': has two records" in line(
        database, [write(tmp_path / "two", record_of("ann"), record_of("ann"))]
    )
    assert "--student ID" in line(database, [write(tmp_path / "anonymous", record_of(""))])
    assert "give one" in line(database, [tmp_path / "two"], student="ann")
    assert "schema 99" in line(database, [write(tmp_path / "old", record_of("ann", schema=99))])
    assert "only some tasks" in line(database, [write(tmp_path / "part", record_of("ann", asked_tasks=["gem"]))])
    assert "entry tasks.0" in line(database, [write(tmp_path / "torn", record_of("ann", tasks=[{"id": "gem"}]))])
    assert "no notebook 'dml'" in line(database, [good], assignment="other", add_students=True)
    (tmp_path / "empty").mkdir()
    assert "no record.json" in line(database, [tmp_path / "empty"])
    assert "cannot be read" in line(database, [tmp_path / "absent.json"])
    text = tmp_path / "text.json"
    text.write_text("hello")
    assert "JSON: " in line(database, [text])
    text.write_text("[]")
    assert "not a record" in line(database, [text])
    assert "cannot be used as a gradebook" in line(text, [good], add_students=True)


def test_points_that_were_changed_are_told(database, tmp_path):
    with opened(database) as book:
        book.find_grade_cell(check_cell("gem"), "dml", "dml").max_score = 7
        book.db.commit()
    assert "'check-gem' of the gradebook: is worth 7, not 0" in line(
        database, [write(tmp_path / "a", record_of("ann"))], add_students=True
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_gradebook_that_cannot_be_written(database, tmp_path):
    database.chmod(0o444)
    assert "cannot be used" in line(database, [write(tmp_path / "a", record_of("ann"))], add_students=True)


def test_a_locked_gradebook_is_one_line(database, tmp_path, monkeypatch):
    import sqlite3

    import nbgrader.api
    from sqlalchemy import create_engine

    monkeypatch.setattr(nbgrader.api, "create_engine", lambda url, **kw: create_engine(f"{url}?timeout=0.1", **kw))
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        assert "locked" in line(database, [write(tmp_path / "a", record_of("ann"))], add_students=True)
    finally:
        holder.close()


def test_the_command(database, tmp_path):
    folder = write(tmp_path / "out", record_of("", ("gem",)))
    command = [sys.executable, "-m", "autograder", "export", "--nbgrader", database, folder]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True, timeout=300)

    done = run("--student", "ann", "--add-students")
    assert done.returncode == 0, done.stderr
    assert "ann" in done.stdout and "24" in done.stdout
    assert entries_of([folder], MANIFEST, "ann")[0][0].scores["gem"] == 0
    done = run()
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1


def people(database: Path) -> dict[str, tuple]:
    with opened(database) as book:
        return {s.id: (s.first_name, s.last_name, s.email) for s in book.students}


def class_of(out: Path, *rows: Person, **changes: dict) -> Path:
    """A batch's folder whose class.json differs from what lies in `students/`."""
    write_class(out, rows)
    tree = json.loads((out / "class.json").read_text())
    tree["students"] = [{**row, **changes[row["key"]]} for row in tree["students"] if row["key"] in changes]
    (out / "class.json").write_text(json.dumps(tree))
    return out


def test_a_class_goes_by_class_json(database, tmp_path):
    out = class_of(
        tmp_path / "out",
        *(Person(key) for key in ("s1002", "1002", "st4", "1099", "1 (a)", "s1005")),
        s1002={"standing": "listed", "name": "Eve B. Example", "email": "eve@example.org"},
        st4={"standing": "listed", "state": "unusable", "problem": "the file is empty"},
        s1005={"standing": "listed", "name": "=cmd|x, Ada", "email": "=1+1"},
        **{"1099": {"standing": "unlisted"}, "1 (a)": {"standing": "duplicate"}},
    )
    for given in (out, out / "students"):  # 1002 is of an earlier run: its folder is there, class.json knows it not
        told = Console(record=True, file=io.StringIO(), width=200)
        export_records(database, [given], MANIFEST, told, add_students=True)
        assert people(database) == {
            "s1002": ("Eve B.", "Example", "eve@example.org"),
            "s1005": ("Ada", "'=cmd|x", "'=1+1"),  # no formula in what `nbgrader export` writes
        }
        text = told.export_text()
        assert f"{database}: 2 students" in text
        assert "st4: no grade (the file is empty); omitted" in text
        assert "1099 (not in the roster)" in text and "1 (a) (not clear whose it is)" in text
    with opened(database) as book:
        student = book.find_student("s1002")
        student.first_name, student.email = "Eva", None
        book.db.commit()
    export_records(database, [out], MANIFEST, Console(quiet=True))
    assert people(database)["s1002"] == ("Eva", "Example", "eve@example.org")  # what a person wrote stays


def test_one_student_of_a_class(database, tmp_path):
    out = class_of(tmp_path / "out", Person("1099"), Person("old"), **{"1099": {"standing": "unlisted"}})
    own = out / "students" / "1099"
    assert "1099 (not in the roster)" in line(database, [own], add_students=True)
    assert "earlier run" in line(database, [out / "students" / "old"], add_students=True)
    export_records(database, [own], MANIFEST, Console(quiet=True), student="ann", add_students=True)
    assert list(people(database)) == ["ann"]  # --student says who it is


@pytest.mark.parametrize(
    "name, parts",
    [
        ("Ada B. Example", ("Ada B.", "Example")),
        ("Example, Ada", ("Ada", "Example")),
        ("Ada", ("", "Ada")),
        ("", ("", "")),
    ],
)
def test_names_have_two_parts(name, parts):
    assert first_and_last(name) == parts
