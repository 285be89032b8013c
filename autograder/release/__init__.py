"""Make what students receive (template, handout table, bundle), and check that it contains no secrets."""

from __future__ import annotations

from pathlib import Path

from assignment import manifest as manifests
from assignment.files import write_whole
from assignment.text import counted
from autograder.release import bundle, handout, leak_scan, record_manual
from autograder.release.markers import MarkerError, check_stubs, find_blocks, make_template

__all__ = ["Made", "MarkerError", "ReleaseError", "make", "release"]

ROOT = Path(__file__).resolve().parents[2]
REFERENCE, TEMPLATE = "solution/dml.py", "template/dml.py"
MANIFEST = "assignment/assignment.toml"
INSTRUCTORS = ("solution", "autograder/hidden_tests", "autograder/misconceptions", "autograder/selftest")


class ReleaseError(Exception):
    """The release failed; the message is one line."""


class Made:
    """A release in memory.

    Attributes:
        texts: contents of the generated files of the repository, by path.
        files: the bundle's files by their path in it. archive: the zip. name: of the zip.
        findings: of the leak scan. manifest, reference, secrets: what it was made from.
    """

    def __init__(self, root: Path) -> None:
        self.reference, manifest_text = _read(root / REFERENCE), _read(root / MANIFEST)
        self.manifest = manifest = manifests.parse(manifest_text)
        try:
            template = make_template(self.reference, manifest)
            check_stubs(find_blocks(self.reference, manifest), manifest)
        except MarkerError as problem:
            raise ReleaseError(f"{REFERENCE}, {problem}") from None
        self.texts = {
            TEMPLATE: template,
            bundle.HANDOUT: handout.with_table(_read(root / bundle.HANDOUT), manifest),
            record_manual.MANUAL: record_manual.with_rows(_read(root / record_manual.MANUAL)),
        }
        self.files = bundle.collect(root, template, manifest.file)
        self.files["README.md"] = self.texts[bundle.HANDOUT].encode("utf-8")
        self.name = f"dml-{manifest.version}.zip"
        self.archive = bundle.pack(self.files, self.name.removesuffix(".zip"))
        instructors = {
            path.relative_to(root).as_posix(): path.read_bytes()
            for folder in INSTRUCTORS
            for path in bundle.files_below(root / folder)
        }
        self.secrets = leak_scan.collect(self.reference, instructors, f"{template}\n{manifest_text}", manifest)
        self.findings = leak_scan.scan(self.files, self.secrets)


def make(root: Path = ROOT) -> Made:
    """Make a release in memory; ReleaseError if that is not possible."""
    try:
        return Made(root)
    except (
        bundle.BundleError,
        handout.HandoutError,
        manifests.ManifestError,
        record_manual.RecordManualError,
    ) as problem:
        raise ReleaseError(str(problem)) from None


def release(check: bool, out: Path, root: Path = ROOT) -> None:
    """Write template, handout table and `<out>/dml-<version>.zip`; with `check` only compare.

    Prints a line per file. Nothing is written if the bundle has a leak.

    Raises:
        ReleaseError: wrong markers, a leak, a stale generated file (with `check`), or a file that cannot be read or
            written.
    """
    made = make(root)
    if made.findings:
        for finding in made.findings:
            print(f"leak: {finding}")
        count = counted(len(made.findings), "leak")
        raise ReleaseError(f"the bundle is not clean: {count}, the first in {made.findings[0].file}; remove them")
    stale = [path for path, text in made.texts.items() if _bytes(root / path) != text.encode("utf-8")]
    if check:
        if stale:
            raise ReleaseError(f"{' and '.join(stale)}: stale; run 'python -m autograder release'")
        print("\n".join(f"{path}: fresh" for path in made.texts))
        print(f"{made.name}: clean, {len(made.files)} files, {len(made.archive) / 1024:.0f} KB")
        return
    for path in made.texts:
        if path in stale:
            _write(root / path, made.texts[path].encode("utf-8"))
        print(f"{path}: {'written' if path in stale else 'was fresh'}")
    _write(out / made.name, made.archive)
    print(f"{out / made.name}: {len(made.files)} files, {len(made.archive) / 1024:.0f} KB, clean")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ReleaseError(f"{path} cannot be read: {getattr(problem, 'strerror', None) or problem}") from None


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as problem:
        raise ReleaseError(f"{path} cannot be written: {problem.strerror}") from None
