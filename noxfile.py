"""Tests on every supported Python, each in a fresh environment: `nox`, or `nox -s tests-3.13` for one of them.

A session installs what students install, runs the public tests from the unpacked bundle, and then the unit tests without
those that train or that need programs beside Python.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
HEAVY = [  # these train networks, run whole notebooks or build environments, on one Python (make test) only
    "tests/assignment/test_cache.py",
]

nox.options.default_venv_backend = "venv"


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Install the bundle's requirements, run the public tests and the light unit tests."""
    folder = unpack_bundle(session)
    session.install("--requirement", str(folder / "requirements.txt"))
    environment = {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    with session.chdir(folder):
        session.run("python", "-m", "assignment", "check", env=environment, success_codes=[1])  # all tasks are to do
        shutil.copy(Path(__file__).with_name("solution") / "dml.py", "reference.py")
        session.run("python", "-m", "assignment", "check", "reference.py", env=environment)
    session.install("--editable", ".[grader,test]")
    session.run("python", "-m", "pytest", *(f"--ignore={path}" for path in HEAVY), *session.posargs)


def unpack_bundle(session: nox.Session) -> Path:
    """Make the students' bundle with the Python that runs nox, and unpack it."""
    target = Path(session.create_tmp()) / "bundle"
    shutil.rmtree(target, ignore_errors=True)
    environment = {"PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-m", "autograder", "release", "--out", str(target)]
    session.run(*command, env=environment, external=True)
    (archive,) = target.glob("dml-*.zip")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target)
    return target / archive.stem
