"""Write the files of the command `export` and print a line about each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from assignment.manifest import Manifest
from assignment.text import counted
from autograder.exports import ExportError, OptionError, brute, canvas, moodle, sheet, table
from autograder.exports.exclusions import print_notes
from autograder.exports.files import make_folder, write_file
from autograder.exports.filling import Filled
from autograder.exports.results import Result, Results, graded_in, read_results


@dataclass(frozen=True)
class Options:
    """Options of `export`: sheets to fill (`moodle`, `canvas`), files to write, and how."""

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

    @property
    def any(self) -> bool:
        """Whether any file is to be written."""
        return any((self.moodle, self.canvas, self.brute, self.csv, self.junit, self.gradescope))


def export_class(paths: Sequence[Path], options: Options, manifest: Manifest, console: Console) -> None:
    """Write all files and print a line about each.

    Raises:
        OptionError: options contradict each other. ExportError: the input cannot be used. OSError: a file cannot be
        written.
    """
    if options.out is not None and bool(options.moodle) == bool(options.canvas):
        raise OptionError("--out: it names the filled sheet of --moodle or of --canvas; give one of them")
    if options.moodle or options.canvas or options.brute or options.csv:
        results = _one_class(paths)
        if options.moodle:
            given = sheet.read(options.moodle)
            done = moodle.fill_moodle(results, given, _comments(manifest), options.bonus, options.scale)
            _save_filled(done, options.moodle, options.out, console)
        if options.canvas:
            given = sheet.read(options.canvas)
            done = canvas.fill_canvas(results, given, options.column, manifest.title, options.bonus, options.scale)
            _save_filled(done, options.canvas, options.out, console)
        if options.brute:
            text, notes = brute.points_file(results, options.bonus)
            _save(options.brute, text, counted(text.count("\n"), "student"), console)
            print_notes(notes, console)
        if options.csv:
            _save(options.csv, table.as_csv(results), counted(len(results.students), "submission"), console)
    if options.junit:
        from autograder.exports.junit import as_junit

        students = graded_in(paths)
        _save(options.junit, as_junit(students, manifest), counted(len(students), "suite"), console)
    if options.gradescope:
        _gradescope(paths, options.gradescope, options.leaderboard, manifest, console)


def _one_class(paths: Sequence[Path]) -> Results:
    if len(paths) != 1:
        raise OptionError("OUT: a sheet needs one folder; give the output folder of 'batch'")
    return read_results(paths[0])


def _comments(manifest: Manifest) -> Callable[[Result], list[str]]:
    from autograder.exports.feedback_text import lines, read_feedback

    return lambda result: lines(result, read_feedback(result, manifest))


def _gradescope(paths: Sequence[Path], target: Path, leaderboard: bool, manifest: Manifest, console: Console) -> None:
    """Write one record to the file `target`, a class to `target/<student>/results.json`."""
    from autograder.exports.gradescope.results import results_json

    students = graded_in(paths)
    texts = [results_json(result, manifest, leaderboard) for result in students]
    if len(students) == 1 and not target.is_dir():
        _save(target, texts[0], "1 submission", console)
        return
    names = [Path(result.row.folder).name or result.path.resolve().parent.name for result in students]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ExportError(f"{twice}: several of these records are in a folder with this name; export them one by one")
    for name, text in zip(names, texts, strict=True):
        make_folder(target / name)
        write_file(target / name / "results.json", text)
    console.print(f"{target}: {counted(len(students), 'submission')}", soft_wrap=True, highlight=False, markup=False)


def _save_filled(done: Filled, source: Path, out: Path | None, console: Console) -> None:
    replaced = f", {done.replaced} of them replaced" if done.replaced else ""
    _save(
        out or source.with_name(f"{source.stem}-filled{source.suffix}"),
        done.text,
        f"{counted(done.filled, 'grade')}{replaced}",
        console,
    )
    print_notes(done.notes, console)


def _save(path: Path, text: str, what: str, console: Console) -> None:
    make_folder(path.parent)
    write_file(path, text)
    console.print(f"{path}: {what}", soft_wrap=True, highlight=False, markup=False)
