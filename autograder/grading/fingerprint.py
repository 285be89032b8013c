"""Hashes of everything that a grade depends on: grades with the same key are equal."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from functools import cache
from importlib import metadata
from pathlib import Path

from assignment.manifest import Manifest

REPOSITORY = Path(__file__).parents[2]
# Everything that can change a grade, except intake: the source that intake reads is hashed with the file.
GRADER = (
    "assignment",
    "autograder/grading",
    "autograder/hidden_tests",
    "autograder/misconceptions",
    "autograder/sandbox",
    "solution/dml.py",
)
REPORTS = ("autograder/reports", "autograder/misconceptions", "assignment")
TYPES = (".py", ".npz", ".toml", ".ini", ".j2", ".css", ".c")
LIBRARIES = ("torch", "torchvision", "numpy", "scipy")
NOT_GRADING = ("assignment/assignment.toml", "assignment/plots/")


def of_grader() -> str:
    """Hash of the hidden tests, the reference, the grading code and the versions of Python and the libraries."""
    versions = [f"{name} {_version(name)}" for name in LIBRARIES]
    return _hash(of_files(GRADER), platform.python_version(), *versions)


def of_reports() -> str:
    """Hash of the code that writes reports."""
    return of_files(REPORTS)


def of_assignment(manifest: Manifest) -> str:
    """Hash of the manifest without the rule for late submissions, which changes no grade."""
    tree = dataclasses.asdict(dataclasses.replace(manifest, late={}))
    return _hash(json.dumps(tree, sort_keys=True))


def key(submission: str, assignment: str, grader: str, seed: int, tasks: tuple[str, ...] | None, isolation: str) -> str:
    """The key of a grade: hash of the submission, the assignment, the grader and the grading options."""
    return _hash(submission, assignment, grader, str(seed), json.dumps(tasks), isolation)


def default_seed(sha256: str) -> int:
    """Return the seed of the hidden inputs of a file with this hash: other inputs for every file, always the same."""
    return int(sha256[:8], 16) % 2**31


@cache
def of_files(names: tuple[str, ...]) -> str:
    """Hash of these files and of all files in these folders, names included."""
    digest = hashlib.sha256()
    for name in names:
        root = REPOSITORY / name
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            relative = path.relative_to(REPOSITORY).as_posix()
            if path.suffix in TYPES and not relative.startswith(NOT_GRADING) and path.is_file():
                data = path.read_bytes()
                digest.update(f"{relative} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"
