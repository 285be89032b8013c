"""Tests on every supported Python, each in a fresh environment: `nox`, or `nox -s tests-3.13` for one of them.

A session installs what students install, runs the public tests from the unpacked bundle, and then the unit tests except
those that train networks, start graders or run programs: `make test` runs these on one Python.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
HEAVY = """
    backbones batch batch_command cache checkpoint checkpoint_grade checkpoints class_page class_page_browser cli
    cluster container distributed execution gradebook gradescope grading improvement lab malformed manual
    nbgrader_course neighbours plots plots_attention plots_run release replay selftest training users wall
""".split()  # test_<name>.py, in whatever folder of tests/

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
    ignored = [f"--ignore-glob=*/test_{name}.py" for name in HEAVY]
    session.run("python", "-m", "pytest", "--timeout=600", *ignored, *session.posargs, env={"OMP_NUM_THREADS": "1"})


def unpack_bundle(session: nox.Session) -> Path:
    """Make the students' bundle with the Python that runs nox, and unpack it."""
    target = Path(session.create_tmp()) / "bundle"
    shutil.rmtree(target, ignore_errors=True)
    command = [sys.executable, "-m", "autograder", "release", "--out", str(target)]
    session.run(*command, env={"PYTHONPATH": os.getcwd()}, external=True)
    (archive,) = target.glob("dml-*.zip")
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target)
    return target / archive.stem
