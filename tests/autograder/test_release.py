"""The template made by markers, the bundle, and the scan that proves the bundle clean."""

from __future__ import annotations

import ast
import io
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from assignment import todo
from assignment.checking.load import load_module
from assignment.manifest import load
from autograder import release as releases
from autograder.release import MarkerError, ReleaseError, bundle, handout, leak_scan, make, record_manual, release
from autograder.release.markers import check_stubs, find_blocks, make_template

ROOT = Path(__file__).resolve().parents[2]
HIDDEN = """
from assignment.checking import expect, task

@task("distances", points=1, behaviour="a sentence that only the grader knows", hint="h", shown=True)
def test_it(student, rng):
    planted = rng.uniform(-1.25, 3.75, size=(5, 3)).astype("float32")
    expect(student.distances(planted, planted)).close_to([0.125, 7.5, 0.625])
    expect(student.gem(planted, 2.0)).close_to(0.73819)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of what a release is made from."""
    root = tmp_path_factory.mktemp("repository")
    for folder in (
        "assignment",
        "data_scripts",
        "solution",
        "template",
        "notebooks",
        "autograder/hidden_tests",
        "autograder/reports",
    ):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", record_manual.MANUAL):
        shutil.copy(ROOT / file, root / file)
    return root


@pytest.fixture(scope="module")
def reference() -> str:
    return (ROOT / "solution/dml.py").read_text("utf-8")


@pytest.fixture(scope="module")
def secrets(reference) -> leak_scan.Secrets:
    hidden = {
        "autograder/hidden_tests/test_x.py": HIDDEN.encode(),
        "autograder/hidden_tests/x.bin": bytes(range(256)) * 4,
    }
    return leak_scan.collect(reference, hidden, make_template(reference, load()), load())


# ------------------------------------------------------------------------------------------------------ markers


def lines(*body: str) -> str:
    return "\n".join(["import math", "", "", "def f():", *body]) + "\n"


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        (["    ### BEGIN SOLUTION distances", "    ### BEGIN SOLUTION gem", "    return 1"], 6, "nested"),
        (["    ### BEGIN SOLUTION distances", "    ### BEGIN REFERENCE", "    return 1"], 6, "nested"),
        (["    ### BEGIN SOLUTION distances", "    return 1"], 5, "unclosed"),
        (["    return 1", "    ### END SOLUTION"], 6, "without BEGIN"),
        (["    ### BEGIN SOLUTION distances", "    # nothing", "    ### END SOLUTION", "    return 1"], 5, "empty"),
        (["    ### BEGIN SOLUTION distances", "    return 1", "    ### END REFERENCE"], 7, "closes BEGIN SOLUTION"),
        (
            ["    ### BEGIN SOLUTION distances", "    return 1", "    ### END SOLUTION distances"],
            7,
            "takes no argument",
        ),
        (["    ### BEGIN SOLUTION distances", "    return 1", "### END SOLUTION"], 7, "indented"),
        (["    ### BEGIN SOLUTION", "    return 1", "    ### END SOLUTION"], 5, "without a task"),
        (["    ### BEGIN SOLUTION distance", "    return 1", "    ### END SOLUTION"], 5, "no task 'distance'"),
        (["    ### BEGIN REFERENCE gem", "    return 1", "    ### END REFERENCE"], 5, "takes no argument"),
        (["    return 1  ### BEGIN SOLUTION gem"], 5, "line of its own"),
    ],
)
def test_wrong_markers_are_errors_with_their_line(body, line, says):
    with pytest.raises(MarkerError, match=says) as problem:
        make_template(lines(*body), load())
    assert problem.value.line == line
    assert str(problem.value).startswith(f"line {line}: ")


@pytest.mark.parametrize(
    "comment",
    [
        "## BEGIN SOLUTION distances",
        "#### BEGIN SOLUTION distances",
        "###BEGIN SOLUTION distances",
        "###  BEGIN SOLUTION distances",
        "### BEGIN  SOLUTION distances",
        "### Begin Solution distances",
        "# begin solution distances",
        "#BEGIN SOLUTION",
        "### BEGINN SOLUTION distances",
        "### BEGIN SOLUTOIN distances",
        "### BEGIN_SOLUTION distances",
        "### BEGINSOLUTION distances",
        "### BEGIN HIDDEN",
        "### START SOLUTION distances",
        "### END",
        "## end refrence",
        "### BEGIN SOLUTION distances gem",
    ],
)
def test_a_comment_like_a_marker_is_an_error(comment):
    with pytest.raises(MarkerError, match="is not a marker") as problem:
        make_template(lines(f"    {comment}", "    return 1"), load())
    assert problem.value.line == 5


@pytest.mark.parametrize(
    "comment", ["# the end of the list", "# beginning with the largest", "# -----", "# solution: none"]
)
def test_an_ordinary_comment_is_none(comment):
    assert comment in make_template(lines(f"    {comment}", "    return math.pi"), load())


def test_a_marker_in_a_docstring_is_text():
    source = lines('    """', "    ### BEGIN SOLUTION distances", '    """', "    return math.pi")
    assert make_template(source, load()) == source


def test_a_block_becomes_a_stub_at_its_indentation():
    source = lines(
        "    if True:", "        ### BEGIN SOLUTION gem", "        return math.pi", "        ### END SOLUTION"
    )
    template = make_template(source, load())
    assert '        # your code\n        raise NotImplementedError("Task 14: Generalised-mean pooling")\n' in template
    assert "math.pi" not in template
    assert template.startswith("import math\n")


def test_a_name_that_only_a_removed_block_defines_is_an_error():
    source = "### BEGIN REFERENCE\nLIMIT = 3\n### END REFERENCE\n\n\ndef f():\n    return LIMIT\n"
    with pytest.raises(MarkerError, match="'LIMIT', which the template uses"):
        make_template(source, load())


def test_a_reference_that_is_no_python_is_an_error_with_its_line():
    with pytest.raises(MarkerError, match="line 2"):
        make_template("x = 1\ny = (\n", load())


# ----------------------------------------------------------------------------------------------------- template


def test_the_committed_template_and_table_are_fresh(tree):
    for path, text in make(tree).texts.items():
        assert (ROOT / path).read_text("utf-8") == text, f"{path} is stale: run python -m autograder release"


def test_every_task_has_a_stub_unless_the_manifest_says_otherwise(reference):
    check_stubs(find_blocks(reference, load()), load())
    without = reference.replace("### BEGIN SOLUTION gem\n", "### BEGIN SOLUTION arcface\n")
    with pytest.raises(MarkerError, match="task 'gem' has no solution block"):
        check_stubs(find_blocks(without, load()), load())
    too_many = reference.replace("### BEGIN SOLUTION arcface\n", "### BEGIN SOLUTION reduction\n", 1)
    with pytest.raises(MarkerError, match="task 'reduction' has a solution block, but 'stub = false'"):
        check_stubs(find_blocks(too_many, load()), load())


def test_the_template_imports_and_every_stub_names_its_task(tmp_path, tree):
    path = tmp_path / "dml.py"
    path.write_text(make(tree).texts["template/dml.py"], "utf-8")
    module = load_module(path)
    with pytest.raises(NotImplementedError, match="Task 1: "):
        module.GDextractor(None, 64)
    with pytest.raises(NotImplementedError, match="Task 13: ArcFace"):
        module.ArcFace(2, 2)
    with pytest.raises(NotImplementedError, match="Task 7: "):
        module.distances(None, None)
    assert [task.id for task in todo.remaining(path)] == [task.id for task in load().tasks if not task.bonus]


def test_the_template_lints_clean(tmp_path, tree):
    path = tmp_path / "dml.py"
    path.write_text(make(tree).texts["template/dml.py"], "utf-8")
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "E,F,I,W",
        "--ignore",
        "F401",
        "--line-length",
        "120",
        str(path),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No module named ruff" in found.stderr:
        pytest.skip("ruff is not installed")
    assert found.returncode == 0, found.stdout


def test_nothing_is_left_to_do_in_the_reference():
    assert todo.remaining(ROOT / "solution/dml.py") == []


def test_a_stub_behind_a_return_no_longer_counts():
    tree = ast.parse('def f(x):\n    return x\n    raise NotImplementedError("Task 2: Triplet loss")\n')
    assert todo.stubs(tree) == {}


# ---------------------------------------------------------------------------------------------------- leak scan


def test_the_bundle_is_clean(tree):
    assert [str(finding) for finding in make(tree).findings] == []


def test_the_scan_knows_every_marked_block(reference, secrets):
    blocks = find_blocks(reference, load())
    known = {origin for runs in secrets.runs.values() for origin in runs.values()}
    assert {f"solution/dml.py:{block.begin}" for block in blocks} <= known


LINE = "        descriptors = torch.cat([model(images.to(device)) for images in batches])"


@pytest.mark.parametrize(
    "text",
    [
        f"def test():\n{LINE}\n",
        "descriptors=torch.cat( [ model( images.to(device) ) for images in batches ] )\n",
        f"\t\t{LINE.strip()}  # far away\n",
        "descriptors = torch.cat(\n  [\n    model(images.to(device))  # all\n    for images in batches\n  ]\r\n)",
        f"x = 1; {LINE.strip()}; y = 2\n",
        f"# {LINE.strip()}\n",
        "d = torch.where(same.bool(), distances.square(), (margin - distances).clamp_min(0).square())\n",
        "lambda distances_pos, margin: return (distances_pos - distances_neg + margin).clamp_min(0)\n",
        "code = 'def f():\\n" + LINE + "\\n'\n",
    ],
    ids=[
        "pasted",
        "spacing",
        "comment",
        "wrapped",
        "in a line",
        "commented out",
        "other target",
        "short",
        "in a string",
    ],
)
def test_a_solution_line_in_a_public_test_is_found(text, secrets):
    found = leak_scan.scan({"assignment/public_tests/check_x.py": text.encode()}, secrets)
    assert found and "solution/dml.py:" in found[0].what


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_do_not_hide_it(encoding, secrets):
    assert leak_scan.scan({"README.md": f"look: {LINE}\n".encode(encoding)}, secrets)


def test_a_solution_in_a_notebook_is_found(secrets):
    split = ["descriptors = torch.cat(\n", "    [model(images.to(device)) for images in batches]\n", ")"]
    for cell in (
        {"cell_type": "code", "source": split, "outputs": []},
        {"cell_type": "code", "source": "", "outputs": [{"output_type": "stream", "text": f'"quoted"\n{LINE}\n'}]},
    ):
        notebook = json.dumps({"cells": [cell], "nbformat": 4})
        assert leak_scan.scan({"notes.ipynb": notebook.encode()}, secrets)


def test_a_solution_in_a_zip_in_a_zip_is_found(secrets):
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", LINE)
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    found = leak_scan.scan({"data.zip": outer.getvalue()}, secrets)
    assert [finding.file for finding in found] == ["data.zip!inner.zip!a.txt"]


def test_a_solution_as_text_in_an_npz_is_found(tmp_path, secrets):
    np.savez_compressed(tmp_path / "x.npz", source=np.frombuffer(LINE.encode(), np.uint8))
    assert leak_scan.scan({"x.npz": (tmp_path / "x.npz").read_bytes()}, secrets)


def test_compiled_python_is_refused_under_any_name(tmp_path, secrets):
    py_compile.compile(str(ROOT / "solution/dml.py"), cfile=str(tmp_path / "c"), doraise=True)
    (found,) = leak_scan.scan({"assignment/helper.txt": (tmp_path / "c").read_bytes()}, secrets)
    assert found.what == "is not UTF-8 text, so it cannot be scanned"


@pytest.mark.parametrize("name", ["assignment/public_tests/check_y.py", "README.md", "assignment/datasets/x.npz"])
def test_a_copied_hidden_test_is_found(name, secrets):
    whole, body = HIDDEN.encode(), HIDDEN.partition("def test_it")[2].replace("    ", "\t").encode()
    for text in (whole, body, b"# mine\n" + body):
        assert "autograder/hidden_tests/test_x.py" in leak_scan.scan({name: text}, secrets)[0].what


@pytest.mark.parametrize("text", ["from autograder.hidden_tests import oracles", "    ### BEGIN SOLUTION gem\n"])
def test_a_canary_is_found(text, secrets):
    (found,) = leak_scan.scan({"assignment/ordinary.py": text.encode()}, secrets)
    assert found.what.endswith("which only instructors' files contain")


@pytest.mark.parametrize("path", ["autograder/misconceptions/explain.py", "autograder/selftest/cases.py"])
def test_every_instructors_folder_is_secret(path):
    secrets = make().secrets
    found = leak_scan.scan({"assignment/new.py": (ROOT / path).read_bytes()}, secrets)
    assert f"is the instructors' file {path}" in {finding.what for finding in found}


def test_a_hidden_data_file_is_found(secrets):
    found = leak_scan.scan({"assignment/harmless.png": bytes(range(256)) * 4}, secrets)
    assert found[0].what == "is the instructors' file autograder/hidden_tests/x.bin"


@pytest.mark.parametrize(
    "text",
    [
        "optimizer.zero_grad()\noptimizer.step()\nwith torch.no_grad():\n    pass\n",
        "else:\n    return x\n",
        "descriptors = torch.cat([model(images_of_mine.to(device)) for images_of_mine in batches])\n",
        "expect(answer).close_to([0.5, 7.5, 0.625])\n",
        "triplet_loss([0.5], [0.4], margin=0.2) is [0.3]",
    ],
)
def test_ordinary_text_is_clean(text, secrets):
    assert leak_scan.scan({"assignment/ordinary.py": text.encode(), "README.md": text.encode()}, secrets) == []


# ------------------------------------------------------------------------------------------- bundle and release


def changed(tree: Path, tmp_path: Path, path: str, change) -> Path:
    root = tmp_path / "changed"
    shutil.copytree(tree, root)
    change(root / path)
    return root


def test_release_writes_the_same_bytes_twice(tree, tmp_path, capsys):
    release(False, tmp_path / "a", tree)
    for path in sorted((tree / "assignment").rglob("*.py")):
        os.utime(path, (1e9, 1e9))
    release(False, tmp_path / "b", tree)
    name = f"dml-{load().version}.zip"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "clean" in capsys.readouterr().out
    release(True, tmp_path / "c", tree)
    assert not (tmp_path / "c").exists()


def test_what_is_in_the_bundle(tree):
    made = make(tree)
    with zipfile.ZipFile(io.BytesIO(made.archive)) as archive:
        assert archive.testzip() is None
        names = [name.partition("/")[2] for name in archive.namelist()]
    assert {"README.md", "dml.py", "requirements.txt", "assignment/public_tests/check_distances.py"} <= set(names)
    assert names == sorted(names)
    assert {Path(name).parts[0] for name in names} == {
        "README.md",
        "dml.py",
        "requirements.txt",
        "assignment",
        "data_scripts",
        "notebooks",
    }
    notebooks = {name: json.loads(data) for name, data in made.files.items() if name.endswith(".ipynb")}
    assert [name[10] for name in notebooks] == list("123456")  # the seventh shows the autograder
    assert not any(cell.get("outputs") for each in notebooks.values() for cell in each["cells"])
    assert not set(names) & bundle.KEPT_BACK
    assert "torch>=2.4\n" in made.files["requirements.txt"].decode()


def test_a_stale_template_fails_the_check(tree, tmp_path):
    root = changed(tree, tmp_path, "template/dml.py", lambda path: path.write_text("x = 1\n", "utf-8"))
    with pytest.raises(ReleaseError, match=r"template/dml\.py: stale"):
        release(True, tmp_path, root)
    release(False, tmp_path / "out", root)
    release(True, tmp_path, root)


def test_a_leak_stops_the_release_before_anything_is_written(tree, tmp_path, capsys):
    def paste(path: Path) -> None:
        path.write_text(path.read_text("utf-8") + f"\n\ndef helper():\n{LINE}\n", "utf-8")

    root = changed(tree, tmp_path, "assignment/public_tests/check_gem.py", paste)
    with pytest.raises(ReleaseError, match=r"not clean: 1 leak, the first in assignment/public_tests/check_gem\.py"):
        release(False, tmp_path / "out", root)
    assert "leak: assignment/public_tests/check_gem.py: contains code of solution/dml.py:" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        ("solution/dml.py", lambda p: p.unlink(), "cannot be read"),
        ("solution/dml.py", lambda p: p.write_text("### END SOLUTION\n"), "solution/dml.py, line 1: END SOLUTION"),
        ("pyproject.toml", lambda p: p.unlink(), "pyproject.toml: is missing"),
        ("assignment/README.md", lambda p: p.write_text("x"), "add the lines"),
        ("assignment/x.bin", lambda p: p.write_bytes(b"x"), "assignment/x.bin: not listed"),
    ],
)
def test_what_cannot_be_released_is_one_line(tree, tmp_path, path, change, says):
    root = changed(tree, tmp_path, path, change)
    with pytest.raises(ReleaseError, match=re.escape(says)) as problem:
        release(False, tmp_path / "out", root)
    assert "\n" not in str(problem.value)


def test_an_out_that_is_a_file_is_one_line(tree, tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(ReleaseError, match="cannot be written"):
        release(False, tmp_path / "out", tree)


def test_the_requirements_install_on_every_supported_python():
    """Ranges with their markers: an exact version exists for some Pythons only."""
    made = bundle.requirements((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = {each.name: each for each in map(Requirement, made.splitlines()[1:])}
    assert {"torch", "numpy", "tomli"} <= wanted.keys()
    assert not any(part.operator in ("==", "===", "~=") for each in wanted.values() for part in each.specifier)
    assert wanted["tomli"].marker.evaluate({"python_version": "3.10"})
    assert not wanted["tomli"].marker.evaluate({"python_version": "3.11"})


def test_the_table_tells_points_and_needs():
    text = handout.table(load())
    assert "| 5 | One epoch of training (`training-step`) | `train` | 2 | 2 |" in text
    assert f"**{load().points:g} + {load().bonus_points:g}**" in text


def test_the_unpacked_bundle_works_alone(tree, tmp_path):
    with zipfile.ZipFile(io.BytesIO(make(tree).archive)) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / f"dml-{load().version}"
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        call = [sys.executable, *command]
        return subprocess.run(
            call, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    listed = run("dml.py")
    assert listed.returncode == 0, listed.stderr
    assert "Triplet loss" in listed.stdout and "11 of 11 tasks to do" in listed.stdout
    checked = run("-m", "assignment", "check")
    assert checked.returncode == 1, checked.stderr
    assert "0 of 11 tasks pass" in checked.stdout


def test_the_root_is_the_repository():
    assert releases.ROOT == ROOT
