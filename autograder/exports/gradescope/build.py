"""Build Gradescope's autograder zip: two scripts, versions to install, and the grading part of this repository."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

from assignment import manifest as manifests
from assignment.files import write_whole
from autograder.release import MANIFEST, REFERENCE, ROOT, TEMPLATE, ReleaseError
from autograder.release.bundle import TIME
from autograder.release.markers import MarkerError, make_template

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCRIPTS = ("setup.sh", "run_autograder")
SCRIPTS_IN = "autograder/exports/gradescope"
FOLDERS = ("assignment", "autograder")
FILES = ("solution/__init__.py", "solution/dml.py", "template/dml.py")
OMITTED = ("autograder/cli", "autograder/__main__.py", "autograder/selftest", "autograder/nbgrader")  # not needed there
GRADER = "grader"


def build(target: Path, root: Path = ROOT) -> str:
    """Write the zip; return a line about it.

    Raises:
        ReleaseError: the template is out of date, a file is missing, or the zip cannot be written.
    """
    files = collect(root)
    manifest = manifests.parse(files[f"{GRADER}/{MANIFEST}"].decode("utf-8"))
    try:
        template = make_template(files[f"{GRADER}/{REFERENCE}"].decode("utf-8"), manifest)
    except MarkerError as problem:
        raise ReleaseError(f"{REFERENCE}, {problem}") from None
    if files[f"{GRADER}/{TEMPLATE}"] != template.encode("utf-8"):
        raise ReleaseError(f"{TEMPLATE}: it is out of date; run 'python -m autograder release'")
    data = pack(files)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data)
    except OSError as problem:
        raise ReleaseError(f"{target}: it cannot be written ({problem.strerror}); choose another path") from None
    return f"{target}: {len(files)} files, {len(data) / 1024:.0f} KB; for instructors only, it contains hidden tests"


def collect(root: Path) -> dict[str, bytes]:
    """The files of the zip by their path in it; ReleaseError if one is missing."""
    try:
        files = {name: (root / SCRIPTS_IN / name).read_bytes() for name in SCRIPTS}
        files["constraints.txt"] = (root / "constraints.txt").read_bytes()
        files["requirements.txt"] = requirements((root / "pyproject.toml").read_text(encoding="utf-8")).encode("utf-8")
        found = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*")) if path.is_file()]
        found += [root / name for name in FILES if (root / name).is_file() or name.endswith("dml.py")]
        for path in found:
            name = path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(root).parts)
            if not hidden and not name.startswith(OMITTED):
                files[f"{GRADER}/{name}"] = path.read_bytes()
    except OSError as problem:
        raise ReleaseError(f"{problem.filename}: it cannot be read ({problem.strerror})") from None
    return files


def requirements(pyproject: str) -> str:
    """The grader's requirements in pyproject.toml; their versions are in constraints.txt."""
    project = tomllib.loads(pyproject)["project"]
    return "\n".join([*project["dependencies"], *project["optional-dependencies"]["grader"]]) + "\n"


def pack(files: dict[str, bytes]) -> bytes:
    """Zip the files, with executable scripts; equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = (0o755 if path in SCRIPTS else 0o644) << 16
            archive.writestr(entry, files[path])
    return buffer.getvalue()
