"""The command `export`: which files are asked for, where they go, and what to say about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from assignment.manifest import Manifest
from autograder.exports import ExportError, brute, canvas, moodle, sheet, table
from autograder.exports.filling import Filled
from autograder.exports.results import Result, Results, graded_in, read_results
from autograder.journal import write_whole
from autograder.reports import safe

SHOWN_NOTES = 20


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
        ExportError: what is given cannot be exported so. OSError: a file cannot be written.
    """
    if wanted.out is not None and bool(wanted.moodle) == bool(wanted.canvas):
        raise ExportError("--out names the filled sheet of --moodle or of --canvas: give one of them")
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
            _save(wanted.brute, text, f"{text.count(chr(10))} students", console)
            _tell(notes, console)
        if wanted.csv:
            _save(wanted.csv, table.as_csv(results), f"{len(results.students)} hand-ins", console)
    if wanted.junit:
        from autograder.exports.junit import as_junit

        students = graded_in(paths)
        _save(wanted.junit, as_junit(students, manifest), f"{len(students)} suites", console)
    if wanted.gradescope:
        _gradescope(paths, wanted.gradescope, wanted.leaderboard, manifest, console)


def _one_class(paths: Sequence[Path]) -> Results:
    if len(paths) != 1:
        raise ExportError("give one folder for a sheet, the one that 'batch --out' wrote")
    return read_results(paths[0])


def _comments(manifest: Manifest) -> Callable[[Result], list[str]]:
    from autograder.exports.telling import lines, read_feedback

    return lambda result: lines(result, read_feedback(result, manifest))


def _gradescope(paths: Sequence[Path], target: Path, leaderboard: bool, manifest: Manifest, console: Console) -> None:
    """One record goes into the file `target`, a class into `target/<student>/results.json`."""
    from autograder.exports.gradescope import results_json

    students = graded_in(paths)
    texts = [results_json(result, manifest, leaderboard) for result in students]
    if len(students) == 1 and not target.is_dir():
        _save(target, texts[0], "1 submission", console)
        return
    for result, text in zip(students, texts, strict=True):
        name = Path(result.row["folder"]).name or (result.folder.name if result.folder else "")
        (target / name).mkdir(parents=True, exist_ok=True)
        write_whole(target / name / "results.json", text)
    console.print(f"{target}: {len(students)} submissions", soft_wrap=True, highlight=False)


def _save_filled(done: Filled, source: Path, out: Path | None, console: Console) -> None:
    replaced = f", {done.replaced} of them had another" if done.replaced else ""
    _save(
        out or source.with_name(f"{source.stem}-filled{source.suffix}"),
        done.text,
        f"{done.filled} grades{replaced}",
        console,
    )
    _tell(done.notes, console)


def _save(path: Path, text: str, what: str, console: Console) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    console.print(f"{path}: {what}", soft_wrap=True, highlight=False, markup=False)


def _tell(notes: list[str], console: Console) -> None:
    for note in notes[:SHOWN_NOTES]:
        console.print(Text(f"  {safe.clean(note)}", "yellow"), soft_wrap=True)
    if len(notes) > SHOWN_NOTES:
        console.print(f"  … and {len(notes) - SHOWN_NOTES} more", highlight=False)
