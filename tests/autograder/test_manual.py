"""The manual: its links and commands are there, and its examples of new tasks are executed as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from assignment.manifest import load
from autograder.__main__ import app
from autograder.release.markers import make_template

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "autograder" / "README.md"
TEXT = MANUAL.read_text()
EXAMPLE = re.compile(r"<!-- example: (\S+?)(?:, before ([^\n]*?))? -->\n```\w+\n(.*?)```\n", re.DOTALL)
PARTS = ("assignment", "autograder", "solution", "template", "data_scripts", "notebooks")
FILES = ("pyproject.toml", "constraints.txt", "README.md")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "autograder/README.md", "autograder/NBGRADER.md", "data_scripts/README.md")
GRADE = """
import dataclasses, json
import autograder
from pathlib import Path
from assignment.checking.student import GraderFault
from assignment.manifest import load
from autograder.grading.grade import grade
from autograder.grading.reference_files import reference, submission_of, template
from autograder.misconceptions import catalogue
from autograder.sandbox.wall import Wall
manifest = load()
manifest = dataclasses.replace(manifest, limits=dataclasses.replace(manifest.limits, test_seconds=30.0))
found = {"where": str(Path(autograder.__file__).parents[1])}
with Wall("auto", manifest) as wall:
    def graded(name, source, task_id, manifest=manifest):
        result = grade(submission_of(name, source), wall, manifest, 0, [task_id])
        (task,) = result.score.tasks
        return [task.earned, task.state, task.outcomes[-1].misconception]
    for wrong in (m for m in catalogue.load() if m.tasks[0] in ("soft-triplet", "class-means")):
        files = {"reference": reference(), "template": template(), wrong.id: wrong.source}
        found |= {f"{wrong.tasks[0]} {name}": graded(name, source, wrong.tasks[0]) for name, source in files.items()}
    *others, last = manifest.tasks
    undeclared = dataclasses.replace(manifest, tasks=(*others, dataclasses.replace(last, loop_free=())))
    try:
        graded("reference", reference(), "class-means", undeclared)
    except GraderFault as problem:
        found["not declared"] = str(problem)
print(json.dumps(found))
"""


def examples() -> list[tuple[str, str, str]]:
    return EXAMPLE.findall(TEXT)


def apply(root: Path) -> None:
    """Do what the manual says: make the files, put the other blocks in before the lines that it names."""
    for name, before, block in examples():
        path = root / name
        if not before:
            assert not path.exists(), f"{name} is there already"
            path.write_text(block)
            continue
        text = path.read_text()
        (start,) = [match.start() for match in re.finditer(rf"^{re.escape(before)}", text, re.MULTILINE)]
        path.write_text(f"{text[:start]}{block}\n\n{text[start:]}")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=400
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """What the example needs of the repository, with the example in it."""
    root = tmp_path_factory.mktemp("course")
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "results"))
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    apply(root)
    return root


@pytest.mark.parametrize("title", ["A new task", "A loop-free task"])
def test_an_example_has_five_parts_and_as_many_lines_as_its_title_says(title):
    (section,) = [part for part in TEXT.split("\n## ") if part.startswith(f"{title} in ")]
    parts = EXAMPLE.findall(section)
    folders = [str(Path(name).parent) for name, _, _ in parts]
    wrong = "autograder/misconceptions/wrong"
    assert folders == ["assignment", "solution", "autograder/hidden_tests", "assignment/public_tests", wrong]
    lines = [line for _, _, block in parts for line in block.splitlines() if line.strip()]
    assert section.startswith(f"{title} in {len(lines)} lines\n")


def test_the_template_gets_stubs(copy):
    from assignment import manifest as manifests

    manifest = manifests.parse((copy / "assignment" / "assignment.toml").read_text())
    number = len(load().tasks) + 1
    assert (manifest.task("soft-triplet").number, manifest.task("class-means").number) == (number, number + 1)
    template = make_template((copy / "solution" / "dml.py").read_text(), manifest)
    assert f'NotImplementedError("Task {number}: ' in template
    assert f'NotImplementedError("Task {number + 1}: ' in template
    assert f'NotImplementedError("Task {number}: …")' in TEXT
    assert "softplus" not in template and "one_hot(labels, n_classes)" not in template


@pytest.mark.slow
def test_the_examples_are_released_and_graded(copy):
    done = run(copy, "-m", "autograder", "release")
    assert done.returncode == 0, done.stderr
    assert "soft_triplet_loss" in (copy / "template" / "dml.py").read_text()
    assert "softplus" not in (copy / "template" / "dml.py").read_text()
    assert "Triplet loss with a soft margin" in (copy / "assignment" / "README.md").read_text()
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed: there is no wall")
    done = run(copy, "-c", GRADE)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("where") == str(copy)
    assert found == {
        "soft-triplet reference": [1.0, "all", ""],
        "soft-triplet template": [0.0, "not-implemented", ""],
        "soft-triplet soft-triplet--swapped": [0.0, "none", "soft-triplet--swapped"],
        "class-means reference": [1.0, "all", ""],
        "class-means template": [0.0, "not-implemented", ""],
        "class-means class-means--loop": [0.5, "part", "class-means--loop"],
        "not declared": "task 'class-means' has no name in its `loop_free`; a loop-free task needs both",
    }


@pytest.mark.slow
def test_the_public_tests_run(copy):
    done = run(copy, "-m", "assignment", "check", "solution/dml.py", "--task", "soft-triplet", "--task", "class-means")
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(copy, "-m", "autograder", "task", "class-means")
    assert "autograder/misconceptions/wrong/class-means--loop.py" in done.stdout


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    page = ROOT / name
    links = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert links
    for link in links:
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        file = page.parent / target if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def test_there_are_ten_steps():
    section = TEXT.split("## A course in ten steps")[1].split("\n## ")[0]
    assert re.findall(r"^(\d+)\. \*\*", section, re.MULTILINE) == [str(n) for n in range(1, 11)]


def test_commands_and_options_are_there():
    known = get_command(app).commands
    found = re.findall(r"python -m autograder (\w+)([^`\n]*)", TEXT)
    assert {name for name, _ in found} >= {"batch", "release", "grade", "export", "report", "selftest"}
    exports = " ".join(re.findall(r"`(--[^`]*)`", TEXT.split("## Platforms")[1].split("\n## ")[0]))
    for name, rest in [*found, ("export", exports)]:
        options = {
            option for parameter in known[name].params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= options, name
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0


def test_it_names_every_isolation_there_is():
    from autograder.sandbox.backends import Isolation

    table = TEXT.split("| isolation")[1].split("\n\n")[0]
    assert all(f"`{value.value}`" in table for value in Isolation if value is not Isolation.auto)
