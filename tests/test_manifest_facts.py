"""Only the manifest and a task's own files hold the id of a task or the name of a function that students write."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

from assignment.manifest import load

ROOT = Path(__file__).parents[1]
MANIFEST = load()
FACTS = {task.id for task in MANIFEST.with_checkpoint().tasks} | {n for task in MANIFEST.tasks for n in task.names}
OWN_FILES = (
    "assignment/manifest.py",  # reads the manifest, whose table of settings has a task's name
    "solution/dml.py",  # the contract
    "template/dml.py",
    "autograder/hidden_tests/test_",
    "assignment/public_tests/check_",
    "assignment/checking/improvement.py",  # what the hidden test of the task runs in the sandbox
    "autograder/misconceptions/wrong/",  # overlays on the contract
    "autograder/selftest/attacks/",
    "autograder/selftest/styles/",
    "autograder/selftest/wrong_solution.py",
)
EXEMPT = (
    "tests/",  # a test is about particular tasks
    "notebooks/texts/",  # a lesson is, too
    "benchmarks/",  # and a measurement
    "assignment/training/",  # calls the functions of the contract by name; its losses and poolings have the same names
)
OTHER_MEANINGS = {
    "train": "a split, a folder of images, a command",
    "gem": "a value of the setting `pooling`",
    "reduction": "a setting of the descriptor",
    "checkpoint": "a part of the record",
}


def constants(tree: ast.AST) -> Iterator[ast.Constant]:
    """All string constants but docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node


def facts(source: str) -> list[tuple[int, str]]:
    """Lines and words of a source that only the manifest may hold."""
    known = FACTS - OTHER_MEANINGS.keys()
    mistakes = tuple(f"{task.id}--" for task in MANIFEST.tasks)
    return [
        (node.lineno, node.value)
        for node in constants(ast.parse(source))
        if node.value in known or node.value.startswith(mistakes)
    ]


def test_no_fact_of_a_task_is_in_code():
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split() if not name.startswith((*OWN_FILES, *EXEMPT))]
    assert len(names) > 100
    found = {name: bad for name in names if (bad := facts((ROOT / name).read_text(encoding="utf-8")))}
    assert not found


def test_the_scan_finds_lists_and_single_names():
    source = '"""smooth-ap"""\nLOOPS = ("distances", "smooth_ap_loss")\nif task == "improvement":\n    x = "train"\n'
    assert facts(source) == [(2, "distances"), (2, "smooth_ap_loss"), (3, "improvement")]
    assert facts('CANARY = "triplet-loss--no-hinge"') == [(1, "triplet-loss--no-hinge")]


def test_every_exception_is_needed():
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    sources = {name: (ROOT / name).read_text(encoding="utf-8") for name in listed.stdout.split()}
    for prefix in EXEMPT:
        assert any(facts(source) for name, source in sources.items() if name.startswith(prefix)), prefix
    words = {
        node.value
        for name, source in sources.items()
        if not name.startswith((*OWN_FILES, *EXEMPT))
        for node in constants(ast.parse(source))
    }
    assert words >= OTHER_MEANINGS.keys()


def test_the_files_of_a_task_have_its_name():
    for task in MANIFEST.tasks:
        name = task.id.replace("-", "_")
        assert (ROOT / f"autograder/hidden_tests/test_{name}.py").is_file()
        assert (ROOT / f"assignment/public_tests/check_{name}.py").is_file()
