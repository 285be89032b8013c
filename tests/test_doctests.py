"""The examples in docstrings: each is executed."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("assignment", "autograder", "solution", "notebooks", "data_scripts")
STUDENTS = ("selftest/attacks/", "selftest/styles/", "misconceptions/wrong/")


def modules() -> list[str]:
    """Names of the modules whose text holds an example."""
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in files
        if ">>> " in path.read_text("utf-8", errors="ignore") and not any(part in path.as_posix() for part in STUDENTS)
    ]


@pytest.mark.parametrize("name", modules())
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert found.attempted, "an example that is in no docstring is never executed"
    assert not found.failed
