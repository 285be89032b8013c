"""The command `export`: which files are asked for, where they go, and what to say about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from assignment.manifest import Manifest
from assignment.text import counted
from autograder.exports import ExportError, OptionError, brute, canvas, moodle, sheet, table
from autograder.exports.exclusions import tell
from autograder.exports.files import make_folder, write_file
from autograder.exports.filling import Filled
from autograder.exports.results import Result, Results, graded_in, read_results


@dataclass(frozen=True)
class Wanted:
    """What is asked for: sheets to fill (`moodle`, `canvas`), files to write, and how."""

    moodle: Path | None = None
    canvas: Path | None = None
    brute: Path | None = None
    csv: Path | None = None
    junit: Path | None = None
    gradescope: Path | None = None
    out: Path | None = None
    column: str = ""
    bonus: bool = True
    scale: bool = False
    leaderboard: bool = False

    def anything(self) -> bool:
        """Whether there is anything to do."""
        return any((self.moodle, self.canvas, self.brute, self.csv, self.junit, self.gradescope))


def export_class(paths: Sequence[Path], wanted: Wanted, manifest: Manifest, console: Console) -> None:
    """Write everything that is asked for and say a line about each.

    Raises:
        OptionError: options do not fit. ExportError: what is given cannot be used. OSError: a file cannot be written.
    """
    if wanted.out is not None and bool(wanted.moodle) == bool(wanted.canvas):
        raise OptionError("--out names the filled sheet of --moodle or of --canvas: give one of them")
    if wanted.moodle or wanted.canvas or wanted.brute or wanted.csv:
        results = _one_class(paths)
        if wanted.moodle:
            given = sheet.read(wanted.moodle)
            done = moodle.fill_moodle(results, given, _comments(manifest), wanted.bonus, wanted.scale)
            _save_filled(done, wanted.moodle, wanted.out, console)
        if wanted.canvas:
            given = sheet.read(wanted.canvas)
            done = canvas.fill_canvas(results, given, wanted.column, manifest.title, wanted.bonus, wanted.scale)
            _save_filled(done, wanted.canvas, wanted.out, console)
        if wanted.brute:
            text, notes = brute.points_file(results, wanted.bonus)
            _save(wanted.brute, text, counted(text.count("\n"), "student"), console)
            tell(notes, console)
        if wanted.csv:
            _save(wanted.csv, table.as_csv(results), counted(len(results.students), "hand-in"), console)
    if wanted.junit:
        from autograder.exports.junit import as_junit

        students = graded_in(paths)
        _save(wanted.junit, as_junit(students, manifest), counted(len(students), "suite"), console)
    if wanted.gradescope:
        _gradescope(paths, wanted.gradescope, wanted.leaderboard, manifest, console)


def _one_class(paths: Sequence[Path]) -> Results:
    if len(paths) != 1:
        raise OptionError("give one folder for a sheet, the one that 'batch --out' wrote")
    return read_results(paths[0])


def _comments(manifest: Manifest) -> Callable[[Result], list[str]]:
    from autograder.exports.feedback_text import lines, read_feedback

    return lambda result: lines(result, read_feedback(result, manifest))


def _gradescope(paths: Sequence[Path], target: Path, leaderboard: bool, manifest: Manifest, console: Console) -> None:
    """One record goes into the file `target`, a class into `target/<student>/results.json`."""
    from autograder.exports.gradescope.results import results_json

    students = graded_in(paths)
    texts = [results_json(result, manifest, leaderboard) for result in students]
    if len(students) == 1 and not target.is_dir():
        _save(target, texts[0], "1 submission", console)
        return
    names = [Path(result.row.folder).name or result.path.resolve().parent.name for result in students]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ExportError(f"several of these records lie in a folder '{twice}'; export them one by one")
    for name, text in zip(names, texts, strict=True):
        make_folder(target / name)
        write_file(target / name / "results.json", text)
    console.print(f"{target}: {counted(len(students), 'submission')}", soft_wrap=True, highlight=False, markup=False)


def _save_filled(done: Filled, source: Path, out: Path | None, console: Console) -> None:
    replaced = f", {done.replaced} of them had another" if done.replaced else ""
    _save(
        out or source.with_name(f"{source.stem}-filled{source.suffix}"),
        done.text,
        f"{counted(done.filled, 'grade')}{replaced}",
        console,
    )
    tell(done.notes, console)


def _save(path: Path, text: str, what: str, console: Console) -> None:
    make_folder(path.parent)
    write_file(path, text)
    console.print(f"{path}: {what}", soft_wrap=True, highlight=False, markup=False)
