"""The rules of the house that a machine can check: who imports whom, and that nothing machine-bound is in the tree."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OWN = ("assignment", "solution", "autograder", "template", "data_scripts", "benchmarks", "notebooks")
ALLOWED = {
    "assignment": {"assignment"},
    "solution": {"assignment", "solution"},
    "template": {"assignment"},
    "autograder": {"assignment", "solution", "autograder", "notebooks"},  # the bundle holds notebooks
    "notebooks": {"assignment", "notebooks"},
    "data_scripts": {"assignment", "data_scripts"},
}
EXEMPT = ("selftest/attacks/", "notebooks/texts/7-for-instructors.py")  # the second shows the autograder


def imported(path: Path) -> set[str]:
    """First parts of the names of this repository's modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found & set(OWN)


@pytest.mark.parametrize("folder", ALLOWED)
def test_import_rule(folder):
    files = [p for p in (ROOT / folder).rglob("*.py") if not any(part in p.as_posix() for part in EXEMPT)]
    assert files
    wrong = {str(p.relative_to(ROOT)): bad for p in files if (bad := imported(p) - ALLOWED[folder])}
    assert not wrong


def test_inside_imports_nothing_of_the_grader():
    inside = ROOT / "autograder" / "sandbox" / "inside"
    wrong = {path.name: imported(path) - {"assignment"} for path in inside.glob("*.py")}
    assert not {name: bad for name, bad in wrong.items() if bad}


def test_top_level():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    folders = {line.split("/")[0] for line in listed if "/" in line}
    assert folders <= {*OWN, "tests", ".ci"}


def test_no_lock_files_and_no_big_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in listed if Path(name).name in ("uv.lock", "pylock.toml", "poetry.lock")]
    assert not [name for name in listed if (ROOT / name).exists() and (ROOT / name).stat().st_size > 2_500_000]
