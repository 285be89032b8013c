"""The walkthrough notebooks as they are kept: short, one source, nothing given away; and the tool's own lines."""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import re
import textwrap
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

pytest.importorskip("jupytext", reason="jupytext is not installed: pip install -e '.[notebooks]'")
import nbformat

from assignment.manifest import load
from autograder.release import leak_scan
from notebooks import gallery, source
from notebooks.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = load()
REFERENCE = (ROOT / "solution/dml.py").read_text("utf-8")


def code(name: str) -> str:
    return "\n".join(cell.source for cell in source.build(name).cells if cell.cell_type == "code")


@pytest.fixture(scope="module")
def secrets() -> leak_scan.Secrets:
    hidden = {str(path): path.read_bytes() for path in (ROOT / "autograder/hidden_tests").rglob("*.py")}
    published = [(ROOT / name).read_text("utf-8") for name in ("template/dml.py", "assignment/assignment.toml")]
    return leak_scan.collect(REFERENCE, hidden, "\n".join(published), MANIFEST)


def test_there_are_seven_in_this_order():
    assert [name[0] for name in source.names()] == list("1234567")


@pytest.mark.parametrize("name", source.names())
def test_a_notebook_is_short_and_without_outputs(name):
    notebook = source.build(name)
    assert len(notebook.cells) <= 25
    assert notebook.cells[0].source.startswith(f"# {name[0]} · ")
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    assert source.as_bytes(notebook) == source.as_bytes(source.build(name))
    assert json.loads(source.as_bytes(notebook))["nbformat"] == 4


@pytest.mark.parametrize("name", source.names())
def test_links_lead_to_notebooks(name):
    text = "\n".join(cell.source for cell in source.build(name).cells if cell.cell_type == "markdown")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target.removesuffix(".ipynb") in source.names()


@pytest.mark.parametrize("name", [name for name in source.names() if name[0] != "7"])
def test_nothing_is_given_away(name, secrets):
    data = source.as_bytes(source.build(name))
    assert leak_scan.scan({f"{name}.ipynb": data, f"{name}.py": code(name).encode()}, secrets) == []


def test_the_scan_would_find_lines_of_the_solution(secrets):
    lines = REFERENCE.splitlines()
    first = next(number for number, line in enumerate(lines) if "relevant.cumsum" in line)
    stolen = textwrap.dedent("\n".join(lines[first : first + 3]))
    text = (source.SOURCE / "3-average-precision.py").read_text("utf-8") + f"\n# %%\n{stolen}\n"
    assert leak_scan.scan({"3.ipynb": source.as_bytes(source.convert(text))}, secrets)


@pytest.mark.parametrize("name", [name for name in source.names() if name[0] != "7"])
def test_every_use_of_a_task_is_behind_a_question(name):
    """What is called on `dml` stands in an `if` that asks for tasks, or in a function; else a template would fail."""
    tree = ast.parse(code(name))
    first_names = {each for task in MANIFEST.tasks for each in task.names}
    loose = [
        node.lineno
        for statement in tree.body
        if not isinstance(statement, (ast.If, ast.For, ast.FunctionDef, ast.ClassDef))
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dml"
    ]
    assert not loose
    used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and getattr(n.value, "id", "") == "dml"}
    assert used <= first_names


@pytest.mark.parametrize("name", source.names())
def test_tasks_are_asked_for_by_names_that_exist(name):
    ids = re.findall(r"walkthrough\.ready\(dml((?:, \"[^\"]+\")+)\)", code(name))
    for asked in ids:
        for task_id in re.findall(r'"([^"]+)"', asked):
            assert MANIFEST.task(task_id).id == task_id
    assert ids or name[0] == "7"


def test_build_writes_what_is_asked_for(tmp_path):
    done = CliRunner().invoke(app, ["build", "3", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["3-average-precision.ipynb"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["build", "9"], "there is no notebook '9'; choose from 1-retrieval, "),
        (["run", "1", "--dml", "nowhere.py"], "nowhere.py: there is no such file"),
        (["lab", "--dml", "nowhere.py"], "nowhere.py: there is no such file"),
        (["gallery", "--out", "nowhere"], "is missing, older than its source or executed with another file"),
    ],
)
def test_a_mistake_is_one_line(arguments, words):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert words in done.stderr and done.stderr.count("\n") == 1 and not done.stdout


def test_lab_keeps_what_one_has_written(tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: started.append(arguments))
    for variable in ("DML", "DML_DATA"):
        monkeypatch.setenv(variable, "")  # put back afterwards
    mine = tmp_path / "1-retrieval.ipynb"
    mine.write_text("mine", "utf-8")
    os.utime(mine, (1, 1))
    arguments = ["lab", "--sample", "--dml", str(gallery.REFERENCE), "--out", str(tmp_path), "--port=1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert mine.read_text("utf-8") == "mine" and "1-retrieval.ipynb is older than its source" in done.stdout
    assert sorted(path.stem for path in tmp_path.iterdir()) == source.names()
    assert started[0][1:] == ["-m", "jupyterlab", str(mine), "--port=1"]
    assert os.environ["DML"] == str(gallery.REFERENCE) and os.environ["DML_DATA"] == "sample"


def executed(name: str, picture: bytes) -> nbformat.NotebookNode:
    """A notebook as if it had been executed with the reference and had shown one picture."""
    notebook = source.build(name)
    notebook.metadata["ran_with"] = source.fingerprint(gallery.REFERENCE)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    about = {"walkthrough": {"name": "a-picture", "words": "What is seen"}}
    png = {"image/png": base64.b64encode(picture).decode()}
    cell.outputs = [nbformat.v4.new_output("display_data", data=png, metadata=about)]
    return notebook


def test_the_gallery_is_made_of_executed_notebooks(tmp_path):
    png = io.BytesIO()
    Image.effect_noise((64, 48), 80).save(png, "PNG")
    for name in source.names():
        source.write(executed(name, png.getvalue()), tmp_path / f"{name}.ipynb")
    made = gallery.make(tmp_path, tmp_path / "gallery")
    assert [path.name for path in made] == ["README.md", *(f"{name[0]}-a-picture.png" for name in source.names())]
    assert "![What is seen](3-a-picture.png)" in made[0].read_text("utf-8")
    assert Image.open(made[1]).size == (64, 48)
    stale = executed("3-average-precision", png.getvalue())
    stale.cells[0].source += " and more"
    source.write(stale, tmp_path / "3-average-precision.ipynb")
    with pytest.raises(source.NotebookError, match=r"3-average-precision\.ipynb is missing, older than its source"):
        gallery.make(tmp_path, tmp_path / "gallery")


def test_the_gallery_in_the_repository_is_whole():
    page = (gallery.FOLDER / "README.md").read_text("utf-8")
    shown = re.findall(r"\]\(([^)]+\.png)\)", page)
    assert sorted(shown) == sorted(path.name for path in gallery.FOLDER.glob("*.png"))
    assert {name[0] for name in shown} == set("1234567")
    assert sum(path.stat().st_size for path in gallery.FOLDER.iterdir()) <= gallery.MOST_BYTES
