"""Build the course tree: settings, the instructor's notebook, what students get beside it, nbgrader's own release."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from assignment.text import counted, one_line
from autograder import release as releases
from autograder.exports.files import make_folder
from autograder.nbgrader import CourseError, course_id, source
from autograder.release import leak_scan

CONFIG = "nbgrader_config.py"
CONFIG_TEXT = '''\
"""Settings of the course for nbgrader. Add yours below the call; see autograder/NBGRADER.md for what it sets."""

from autograder.nbgrader.plugins import configure

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "{course}"
configure(c)
'''
SECONDS = 600.0


@dataclass(frozen=True)
class Course:
    """A built course: its folder, and a line of text for each part."""

    folder: Path
    lines: tuple[str, ...]


def build(folder: Path, root: Path = releases.ROOT) -> Course:
    """Build the course in `folder` or update an existing one; gradebook and submissions are kept.

    Raises:
        CourseError: the folder cannot be written, nbgrader is not installed or fails, or the release has a leak and
            was removed.
        ReleaseError: the students' bundle cannot be made or is not clean.
    """
    made = releases.make(root)
    if made.findings:
        raise releases.ReleaseError(f"the bundle is not clean: {made.findings[0]}; remove it from that file")
    manifest, asked = made.manifest, source.questions()
    name = course_id(manifest)
    files = {path: data for path, data in made.files.items() if path != manifest.file}
    files[f"{name}.ipynb"] = source.as_json(source.notebook(made.reference, manifest, asked))
    try:
        for path, data in files.items():
            _write(folder / "source" / name / path, data)
        config = folder / CONFIG
        kept = config.exists()
        if not kept:
            _write(config, CONFIG_TEXT.format(course=name).encode())
    except OSError as problem:
        raise CourseError(
            f"{folder}: cannot be written ({problem.strerror}); check the path and its permissions"
        ) from None
    _generate(folder, name)
    released = folder / "release" / name
    for finding in leaks(released, made.secrets, asked):
        _remove(released)
        raise CourseError(f"{released}: had a leak and was removed; {finding}")
    count = sum(path.is_file() for path in released.rglob("*"))
    return Course(
        folder,
        (
            f"{config}: {'kept' if kept else 'written'}",
            f"{folder / 'source' / name}: {counted(len(files), 'file')} with solutions and mark schemes",
            f"{released}: {counted(count, 'file')}, clean",
            f"{folder / 'gradebook.db'}: contains the assignment '{name}'",
        ),
    )


def leaks(released: Path, secrets: leak_scan.Secrets, asked: list[source.Question]) -> Iterator[str]:
    """What the released notebook contains that students must not read; the files beside it are the bundle's."""
    files = {path.name: path.read_bytes() for path in sorted(released.glob("*.ipynb"))}
    yield from map(str, leak_scan.scan(files, secrets))
    for path, data in files.items():
        for question in asked:
            line = json.dumps(question.scheme.split("\n")[1], ensure_ascii=False)[1:-1]
            if line.encode() in data:
                yield f"{path}: contains the mark scheme of '{question.id}'"


def environment() -> dict[str, str]:
    """The environment of nbgrader's commands, which start `alembic` by name; it is installed beside this Python."""
    return {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}


def _generate(folder: Path, name: str) -> None:
    """Run nbgrader to make release/ and to add the assignment to its gradebook."""
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", name, "--force"]
    done = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, errors="replace", timeout=SECONDS
    )
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = next(
            (line for line in reversed(lines) if "Error" in line or "No module" in line), lines[-1] if lines else ""
        )
        raise CourseError(f"{folder}: nbgrader generate_assignment failed; {one_line(reason)}")


def _remove(released: Path) -> None:
    for path in sorted(released.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def _write(path: Path, data: bytes) -> None:
    make_folder(path.parent)
    path.write_bytes(data)
