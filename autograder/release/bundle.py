"""The student bundle: its files, and a reproducible zip of them."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDERS = ("assignment", "data_scripts")
HANDOUT = "assignment/README.md"  # README.md at the top of the bundle
NOTEBOOKS = "notebooks"
FOR_INSTRUCTORS = "7-for-instructors"  # the only notebook that needs the autograder
KEPT_BACK = {  # maintainers' tools; the first one reveals the images of the hidden sample
    "data_scripts/make_samples.py",
    "data_scripts/constraints.py",
}
ALLOWED = (  # every file of these folders that students receive fits one pattern; `*` does not match a "/"
    "assignment/*.py",
    "assignment/README.md",
    "assignment/assignment.toml",
    "assignment/improvement.md",
    "assignment/checking/*.py",
    "assignment/datasets/*.py",
    "assignment/datasets/SAMPLE.md",
    "assignment/datasets/fashion_sample.npz",
    "assignment/evaluation/*.py",
    "assignment/plots/*.py",
    "assignment/plots/templates/*.css",
    "assignment/plots/templates/*.j2",
    "assignment/public_tests/*.py",
    "assignment/public_tests/pytest.ini",
    "assignment/training/*.py",
    "assignment/walkthrough/*.py",
    "data_scripts/*.py",
    "data_scripts/README.md",
)
TIME = (1980, 1, 1, 0, 0, 0)  # of all entries, so that the zip is reproducible; the earliest possible


class BundleError(ValueError):
    """The bundle cannot be made; the message is one line."""


def collect(root: Path, template: str, name: str) -> dict[str, bytes]:
    """Collect the files of the bundle by path.

    Args:
        root: of the repository. template: text of the student's file. name: of the student's file.

    Raises:
        BundleError: a file that is not on the list, a missing handout or pyproject.toml.
    """
    files: dict[str, bytes] = {}
    for folder in FOLDERS:
        for path in files_below(root / folder):
            relative = path.relative_to(root).as_posix()
            if relative in KEPT_BACK:
                continue
            if not any(path.relative_to(root).match(pattern) for pattern in ALLOWED):
                raise BundleError(f"{relative}: not listed as a file for students; move it or extend bundle.ALLOWED")
            files["README.md" if relative == HANDOUT else relative] = path.read_bytes()
    if "README.md" not in files:
        raise BundleError(f"{HANDOUT}: is missing; a bundle needs its handout")
    files[name] = template.encode("utf-8")
    files |= walkthroughs(root)
    files["requirements.txt"] = requirements(_read(root, "pyproject.toml")).encode("utf-8")
    return files


def walkthroughs(root: Path) -> dict[str, bytes]:
    """Build the walkthrough notebooks for students without outputs, by path in the bundle.

    Raises:
        BundleError: jupytext is not installed.
    """
    texts = sorted((root / NOTEBOOKS / "texts").glob("[0-9]*.py"))
    try:
        from notebooks.source import as_bytes, convert
    except ModuleNotFoundError as problem:
        raise BundleError(f"{problem.name}: not installed; run 'python -m pip install -e .[grader]'") from None
    return {
        f"{NOTEBOOKS}/{text.stem}.ipynb": as_bytes(convert(text.read_text(encoding="utf-8")))
        for text in texts
        if text.stem != FOR_INSTRUCTORS
    }


def pack(files: dict[str, bytes], folder: str) -> bytes:
    """Zip the files below one folder; equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{path}", TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also on Windows
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[path])
    return buffer.getvalue()


def requirements(pyproject: str) -> str:
    """Write requirements.txt: the base dependencies as pyproject.toml has them, ranges and markers included.

    >>> print(requirements("[project]\\ndependencies = ['torch>=2.4', 'tomli; python_version < \\"3.11\\"']"))
    # The dependencies in pyproject.toml: python -m pip install -r requirements.txt
    torch>=2.4
    tomli; python_version < "3.11"
    <BLANKLINE>
    """
    dependencies = tomllib.loads(pyproject)["project"]["dependencies"]
    comment = "# The dependencies in pyproject.toml: python -m pip install -r requirements.txt"
    return "\n".join([comment, *dependencies]) + "\n"


def files_below(folder: Path) -> Iterator[Path]:
    """All files except caches and hidden files, sorted."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path


def _read(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BundleError(f"{name}: is missing; restore it from the repository") from None
