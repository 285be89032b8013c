"""The rules of the house that a machine can check: who imports whom, and that nothing machine-bound is in the tree."""

from __future__ import annotations

import ast
import subprocess
import sys
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


# Packages of the autograder, from the top down. A package imports those below, and its neighbours in its own layer
# as long as no two packages need each other.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("exports", "nbgrader", "release", "selftest"),
    ("reports",),
    ("classroom",),
    ("grading",),
    ("intake", "sandbox", "misconceptions", "hidden_tests"),
)
INSIDE = {
    "numpy",
    "torch",
    "torchvision",
    "assignment",
}  # what the student's side of the sandbox may import, and the standard library


def modules_in(path: Path) -> set[str]:
    """Names of all modules that a file imports: at its top, inside functions, and for type checking alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def imported(path: Path) -> set[str]:
    """First parts of the names of this repository's modules that a file imports."""
    return {name.split(".")[0] for name in modules_in(path)} & set(OWN)


def package(name: str) -> str:
    """The package of the autograder that a module's name belongs to: "cli" of "autograder.cli.batch"."""
    return name.split(".")[1]


def autograder_files() -> list[Path]:
    """The grader's own modules, without students' code."""
    students = ("selftest/attacks/", "selftest/styles/", "misconceptions/wrong/")
    return [p for p in (ROOT / "autograder").rglob("*.py") if not any(part in p.as_posix() for part in students)]


def package_imports() -> dict[str, dict[str, str]]:
    """Package → other packages that it imports → one module that does so."""
    found: dict[str, dict[str, str]] = {}
    for path in autograder_files():
        relative = path.relative_to(ROOT / "autograder")
        own = relative.parts[0].removesuffix(".py")
        for name in modules_in(path):
            if name.startswith("autograder.") and package(name) != own:
                found.setdefault(own, {})[package(name)] = relative.as_posix()
    return found


def test_nothing_imports_upwards():
    rank = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    own = {path.relative_to(ROOT / "autograder").parts[0].removesuffix(".py") for path in autograder_files()}
    assert own == set(rank) | {"__init__"}
    wrong = [
        f"{module} imports {other}"
        for name, others in package_imports().items()
        for other, module in others.items()
        if name != "__init__" and rank[other] < rank[name]
    ]
    assert not wrong


def circles(graph: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Groups of nodes that can be reached from each other."""

    def reached(start: str) -> set[str]:
        found, todo = set(), [start]
        while todo:
            for node in graph.get(todo.pop(), set()) - found:
                found.add(node)
                todo.append(node)
        return found

    reach = {node: reached(node) for node in graph}
    groups = {tuple(sorted({a} | {b for b in reach[a] if a in reach.get(b, ())})) for a in graph if a in reach[a]}
    return sorted(groups)


def test_no_two_packages_need_each_other():
    assert not circles({name: set(others) for name, others in package_imports().items()})


@pytest.mark.parametrize("folder", ["assignment", "autograder", "solution", "data_scripts", "notebooks"])
def test_no_two_modules_need_each_other(folder):
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / folder).rglob("*.py")
        if not any(part in path.as_posix() for part in ("attacks/", "styles/", "misconceptions/wrong/", "texts/"))
    }
    graph = {
        module: {name if name in files else name.rpartition(".")[0] for name in modules_in(path)}
        & set(files) - {module}
        for module, path in files.items()
    }
    assert not circles(graph)


def test_the_root_of_the_autograder_holds_no_modules():
    assert sorted(path.name for path in (ROOT / "autograder").glob("*.py")) == ["__init__.py", "__main__.py"]


@pytest.mark.parametrize("folder", ALLOWED)
def test_import_rule(folder):
    files = [p for p in (ROOT / folder).rglob("*.py") if not any(part in p.as_posix() for part in EXEMPT)]
    assert files
    wrong = {str(p.relative_to(ROOT)): bad for p in files if (bad := imported(p) - ALLOWED[folder])}
    assert not wrong


def test_the_students_side_of_the_sandbox_imports_nothing_of_the_grader():
    inside = ROOT / "autograder" / "sandbox" / "inside"
    allowed = INSIDE | sys.stdlib_module_names
    wrong = {
        path.name: bad
        for path in inside.glob("*.py")
        if (bad := {name for name in modules_in(path) if name.split(".")[0] not in allowed})
    }
    assert all(name.startswith("autograder.sandbox.inside.") for bad in wrong.values() for name in bad), wrong


def test_top_level():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    folders = {line.split("/")[0] for line in listed if "/" in line}
    assert folders <= {*OWN, "tests", ".ci", ".github"}


def test_no_lock_files_and_no_big_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in listed if Path(name).name in ("uv.lock", "pylock.toml", "poetry.lock")]
    assert not [name for name in listed if (ROOT / name).exists() and (ROOT / name).stat().st_size > 2_500_000]
