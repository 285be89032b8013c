"""The walkthrough notebooks, executed: to their end with the reference, with kind words where a task is missing."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="nbclient is not installed: pip install -e '.[notebooks]'")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install -e '.[notebooks]'")
import nbformat
from nbclient import NotebookClient

from assignment.manifest import load
from notebooks import source
from notebooks.running import run
from notebooks.source import outputs

ROOT = Path(__file__).resolve().parents[2]
REFERENCE, TEMPLATE = ROOT / "solution/dml.py", ROOT / "template/dml.py"
NEEDED = {  # task numbers that the boxes ask for where nothing is written
    "1-retrieval": {1, 7},
    "2-triplets": {1, 2, 3, 4, 5, 6, 7, 10},
    "3-average-precision": {1, 8, 11},
    "4-training": {1, 2, 3, 4, 5, 6},
    "5-pets": {1, 2, 7, 12, 13},
    "6-products": {1, 11},
    "7-for-instructors": set(),
}
QUICK = "3-average-precision"


def marked(names: list[str]) -> list[object]:
    """All but the quick one are slow."""
    return [pytest.param(name, marks=[] if name == QUICK else pytest.mark.slow) for name in names]


def shown(notebook, kind: str) -> list[str]:
    return [each["data"][kind] for each in outputs(notebook) if kind in each.get("data", {})]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", marked(source.names()))
def test_with_the_reference(name, tmp_path):
    ran = run(name, REFERENCE, tmp_path, sample=True)
    assert not ran.problem
    assert ran.to_do == []
    pictures = [each for each in outputs(ran.notebook) if "image/png" in each.get("data", {})]
    assert pictures and all(each["metadata"]["walkthrough"]["words"] for each in pictures)
    names = [each["metadata"]["walkthrough"]["name"] for each in pictures]
    assert len(names) == len(set(names)) and all(re.fullmatch(r"[a-z0-9-]+", each) for each in names)
    assert not [each for each in outputs(ran.notebook) if each.output_type == "stream" and each.name == "stderr"]
    if name[0] != "7":
        assert any("embedded sample" in text for text in shown(ran.notebook, "text/plain"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", marked([name for name in source.names() if name[0] != "7"]))
def test_with_the_template(name, tmp_path):
    ran = run(name, TEMPLATE, tmp_path, sample=True)
    assert not ran.problem
    assert set(ran.to_do) == NEEDED[name]
    boxes = "\n".join(shown(ran.notebook, "text/plain"))
    for number in ran.to_do:
        task = next(task for task in load().tasks if task.number == number)
        assert task.title in boxes
    assert re.search(r"python -m assignment check dml\.py --task [a-z-]+", boxes)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_file_with_some_tasks_shows_some_sections(tmp_path):
    """The template with one task written."""
    body = "    return (distances_pos - distances_neg + margin).relu()"
    text, n = re.subn(
        r"    # your code\n    raise NotImplementedError\(\"Task 2[^\n]*\n", body + "\n", TEMPLATE.read_text("utf-8")
    )
    assert n == 1
    (tmp_path / "dml.py").write_text(text, "utf-8")
    ran = run("2-triplets", tmp_path / "dml.py", tmp_path, sample=True)
    assert not ran.problem
    assert set(ran.to_do) == NEEDED["2-triplets"] - {2}
    assert len(shown(ran.notebook, "image/png")) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_in_the_students_bundle(tmp_path, monkeypatch):
    """A student's folder: the zip, nothing installed but libraries, `dml.py` one folder above the notebook."""
    from autograder.release import make

    made = make()
    (tmp_path / "bundle.zip").write_bytes(made.archive)
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / made.name.removesuffix(".zip") / "notebooks"
    (folder.parent / "dml.py").write_bytes(REFERENCE.read_bytes())
    notebook = nbformat.read(folder / f"{QUICK}.ipynb", as_version=4)
    where = "import assignment, os\nprint(os.path.realpath(assignment.__file__), dml.__file__)"
    notebook.cells.append(nbformat.v4.new_code_cell(where))
    monkeypatch.delenv("DML", raising=False)
    monkeypatch.setenv("DML_DATA", "sample")
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    assert notebook.cells[-1].outputs[0].text.split() == [
        str(folder.parent / "assignment/__init__.py"),
        str(folder.parent / "dml.py"),
    ]
