"""A course that is built, released, handed in, graded and exported with nbgrader's own commands."""

from __future__ import annotations

import copy
import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbgrader", reason="nbgrader is not installed: install the extra `nbgrader`")
from assignment.manifest import load
from autograder.nbgrader import CourseError, source
from autograder.nbgrader.course import build, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_bubblewrap,
    pytest.mark.needs_nbgrader,
]
MANIFEST = load()
EVERYTHING = MANIFEST.points + MANIFEST.bonus_points
CHEAT = """
import glob, sqlite3

def raise_marks():
    for place in {places!r}:
        try:
            sqlite3.connect(place).execute("update grade set auto_score = 100, manual_score = 100")
            open(place + ".touched", "w").write("x")
        except Exception:
            pass

raise_marks()

class Equal:
    def __eq__(self, other):
        raise_marks()
        return True
"""


def nbgrader(folder: Path, *arguments: object, status: int = 0) -> str:
    command = [sys.executable, "-m", "nbgrader", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=600)
    assert done.returncode == status, done.stderr[-4000:]
    return done.stdout + done.stderr


def cell_of(notebook: dict, name: str) -> dict:
    return next(c for c in notebook["cells"] if c["metadata"]["nbgrader"]["grade_id"] == name)


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("course")
    lines = build(folder).lines
    assert len(lines) == 4 and "clean" in lines[2]
    return folder


@pytest.fixture(scope="module")
def notebooks(course) -> dict[str, bytes]:
    """What students hand in, by their names."""
    empty = json.loads((course / "release/dml/dml.ipynb").read_text("utf-8"))
    solved = json.loads((course / "source/dml/dml.ipynb").read_text("utf-8"))
    perfect = copy.deepcopy(empty)
    for cell in perfect["cells"]:
        mark = cell["metadata"]["nbgrader"]
        if mark["solution"] and cell["cell_type"] == "code":
            lines = "".join(cell_of(solved, mark["grade_id"])["source"]).split("\n")
            cell["source"] = "\n".join(line for line in lines if "### " not in line)
        elif mark["grade"] and mark["solution"]:
            cell["source"] = "It is a hinge. <script>alert(1)</script>"
    noisy = 'import sys, warnings\nwarnings.warn("careful")\nprint("on stderr", file=sys.stderr)\n'
    loss = cell_of(perfect, "triplet_loss")
    loss["source"] = noisy + loss["source"].replace("    return", "    warnings.warn('again')\n    return")
    crashing = copy.deepcopy(perfect)
    cell_of(crashing, "gem")["source"] += "\n\ndef gem(*_, **__):\n    import os\n    os._exit(0)\n"
    cheating = copy.deepcopy(empty)
    for cell in cheating["cells"]:
        mark = cell["metadata"]["nbgrader"]
        if mark["grade"] and mark["locked"]:
            output = {"output_type": "execute_result", "data": {"text/plain": "100"}, "metadata": {}}
            cell.update(source="100", outputs=[{**output, "execution_count": 1}])
            mark["points"] = 100
    places = [str(course / "gradebook.db"), "gradebook.db", "../../../gradebook.db"]
    cell_of(cheating, "helpers")["source"] = CHEAT.format(places=places)
    cell_of(cheating, "triplet_loss")["source"] = "def triplet_loss(a, b, margin):\n    return Equal()\n"
    messy = copy.deepcopy(perfect)
    messy["cells"].reverse()
    cell_of(messy, "train")["metadata"]["nbgrader"]["grade_id"] = "check-gem"
    cell_of(messy, "distances")["metadata"]["nbgrader"] = {"grade_id": "distances"}
    messy["cells"] += [copy.deepcopy(cell_of(messy, "smooth_ap_loss")), {"cell_type": "code"}, 7]
    messy["cells"] = [c for c in messy["cells"] if "check-descriptor" not in json.dumps(c)]
    made = {"perfect": perfect, "empty": empty, "crashing": crashing, "cheating": cheating, "messy": messy}
    made["late"] = perfect
    return {**{name: source.as_json(tree) for name, tree in made.items()}, "broken": b'{"cells": ['}


@pytest.fixture(scope="module")
def graded(course, notebooks) -> Path:
    for name, data in notebooks.items():
        folder = course / "submitted" / name / "dml"
        folder.mkdir(parents=True)
        (folder / "dml.ipynb").write_bytes(data)
        (folder / "timestamp.txt").write_text(f"2026-05-0{4 if name == 'late' else 1} 11:00:00 UTC")
    nbgrader(course, "db", "assignment", "add", "dml", "--duedate", "2026-05-02 12:00:00 UTC")
    nbgrader(course, "autograde", "dml")
    return course


def totals(course: Path) -> dict[str, float]:
    nbgrader(course, "export")
    with (course / "grades.csv").open(encoding="utf-8") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def test_release(course):
    released = course / "release/dml"
    names = {path.name for path in released.iterdir()}
    assert names == {"dml.ipynb", "README.md", "requirements.txt", "assignment", "data_scripts"}
    text = (released / "dml.ipynb").read_text("utf-8")
    assert "BEGIN SOLUTION" not in text and "Mark scheme" not in text and "Task 2: Triplet loss" in text


def test_building_again_keeps_settings_and_grades(graded):
    before = totals(graded)
    config = graded / "nbgrader_config.py"
    config.write_text(config.read_text() + "# mine\n")
    assert build(graded).lines[0].endswith(": kept")
    assert config.read_text().endswith("# mine\n")
    assert totals(graded) == before


def test_validate(course, notebooks, tmp_path):
    shutil.copytree(course / "release/dml", tmp_path / "dml")
    for name in ("perfect", "empty"):
        (tmp_path / "dml" / f"{name}.ipynb").write_bytes(notebooks[name])
    told = nbgrader(tmp_path / "dml", "validate", "perfect.ipynb")
    assert "Success! Your notebook passes all the tests." in told  # its warnings on stderr cost nothing
    open_cells = sum(not task.bonus for task in MANIFEST.tasks) + len(source.questions())
    assert f"VALIDATION FAILED ON {open_cells} CELL(S)!" in nbgrader(tmp_path / "dml", "validate", "empty.ipynb")


def test_totals_and_records(graded):
    found = totals(graded)
    gem = MANIFEST.task("gem").points
    assert found == {
        "perfect": EVERYTHING,
        "messy": EVERYTHING,
        "late": pytest.approx(EVERYTHING * (1 - 2 * MANIFEST.late["loss_per_day"])),  # nbgrader's due date, our rates
        "crashing": EVERYTHING - gem,
        "empty": 0,
        "cheating": 0,
        "broken": 0,
    }
    for name in set(found) - {"broken"}:
        record = json.loads((graded / "records" / name / "dml" / "record.json").read_text("utf-8"))
        assert record["points"] + record["bonus"] == (EVERYTHING if name == "late" else found[name])
        assert record["wall"]["isolation"] != "process"
    assert not list(graded.rglob("*.touched"))


def test_feedback(graded):
    nbgrader(graded, "generate_feedback", "dml")
    pages = {path.parts[-3]: path.read_text("utf-8") for path in graded.glob("feedback/*/dml/dml.html")}
    assert set(pages) == {"perfect", "late", "messy", "crashing", "empty", "cheating", "broken"}
    assert all("Mark scheme" not in page and "<script>alert" not in page for page in pages.values())
    assert "Mark scheme" in (graded / "autograded/perfect/dml/dml.ipynb").read_text("utf-8")
    assert "no valid JSON" in pages["broken"]
    assert "ended the process" in pages["crashing"]


def test_the_other_road_gives_the_same(graded, tmp_path):
    """Points of records that were written elsewhere, over those of `nbgrader autograde`."""
    from rich.console import Console

    from autograder.nbgrader.exporting import export_records

    before = totals(graded)
    rows = export_records(graded / "gradebook.db", [graded / "records"], MANIFEST, Console(quiet=True))
    assert {row.student: (row.total - row.penalty, row.changed) for row in rows} == {
        name: (before[name], 0) for name in before if name != "broken"
    }
    assert totals(graded) == before


def test_exchange(course, tmp_path):
    exchange = tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    where = f"--Exchange.root={exchange}"
    nbgrader(course, "release_assignment", "dml", where)
    student = tmp_path / "student"
    student.mkdir()
    nbgrader(student, "fetch_assignment", "dml", "--course=dml", where)
    assert (student / "dml" / "assignment" / "manifest.py").is_file()
    nbgrader(student, "submit", "dml", "--course=dml", where)
    nbgrader(course, "collect", "dml", where)
    assert len(list(course.glob("submitted/*/dml/assignment/manifest.py"))) == 1


def test_a_cell_that_vanished_after_hand_ins_is_one_line(graded, monkeypatch):
    monkeypatch.setattr(source, "questions", lambda text=None: [])
    with pytest.raises(CourseError, match="Cannot add or remove cells"):
        build(graded)
