"""The doors through which files of strangers come in, each with one verdict: what was taken, or one line why not.

Whatever else leaves a door (another exception, a second line, a hang, more memory than allowed) is a fault of ours.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from assignment.manifest import load
from autograder.classroom.class_file import EMPTY_ROW, GRADED, Points
from autograder.classroom.journal import digest
from autograder.classroom.summary import Summary, run_measured
from autograder.exports import ExportError
from autograder.exports.results import Result, Results
from autograder.intake import IntakeError, read_submission
from autograder.intake.classes import Class, read_class
from autograder.intake.lateness import rule
from autograder.intake.roster import read_roster

MANIFEST = load()
Door = Callable[[bytes, Path], str]


def through(door: str, data: bytes, folder: Path) -> str:
    """Bring `data` to a door; `folder` is empty and may be used. Return the verdict, one line."""
    try:
        verdict = DOORS[door](data, folder)
    except (IntakeError, ExportError) as problem:
        verdict = f"refused: {problem}"
    if not verdict or "\n" in verdict or "\r" in verdict or len(verdict) > 2000:
        raise AssertionError(f"no verdict in one line: {verdict[:3000]!r}")
    verdict.encode()  # lone surrogates can be written nowhere
    return verdict


def python_file(data: bytes, folder: Path) -> str:
    """A .py, read and looked at as the sandbox does before it runs anything."""
    from autograder.sandbox.inside import static

    (folder / "dml.py").write_bytes(data)
    source = read_submission(folder / "dml.py", MANIFEST).source
    digest(source)
    names = {name: list(MANIFEST.aliases.get(name, ())) for name in ("distances", "average_precision")}
    _, findings = static.examine(source, names)
    return f"taken: {len(source)} characters, usable {findings.get('usable')}"


def notebook(data: bytes, folder: Path) -> str:
    """An .ipynb, taken apart in this process; in earnest it has one of its own (see `notebook_apart`)."""
    from autograder.intake import cells
    from autograder.intake.notebook import TEMPLATE

    names = {name: list(MANIFEST.aliases.get(name, ())) for task in MANIFEST.tasks for name in task.names}
    try:
        made = cells.assemble(data, names, TEMPLATE.read_text(encoding="utf-8"))
    except cells.Unusable as problem:
        return f"refused: {problem}"
    except (RecursionError, MemoryError):
        return "refused: too deep"
    json.dumps(made)
    return f"taken: {len(made['pieces'])} pieces"


def notebook_apart(data: bytes, folder: Path) -> str:
    """An .ipynb, as a batch reads it."""
    (folder / "dml.ipynb").write_bytes(data)
    source = read_submission(folder / "dml.ipynb", MANIFEST).source
    digest(source)
    return f"taken: {len(source)} characters"


def archive(name: str) -> Door:
    """An archive of this name: as a student's in a folder, and as what the platform gave."""

    def door(data: bytes, folder: Path) -> str:
        student = folder / "in" / "s-1"
        student.mkdir(parents=True)
        (student / name).write_bytes(data)
        (student.parent / "s-2").mkdir()
        (student.parent / "s-2" / "dml.py").write_text("x = 1\n")
        told = whole_class(folder / "in", folder / "scratch-1")
        try:
            return f"{told}; {whole_class(student / name, folder / 'scratch-2')}"
        except IntakeError as problem:
            return f"{told}; refused: {problem}"

    return door


def whole_class(source: Path, scratch: Path) -> str:
    """Read a class and every hand-in of it; everybody has a file or a reason."""
    scratch.mkdir()
    handed = read_class(source, scratch, MANIFEST, rule(MANIFEST, "2026-05-31T23:59+02:00"))
    taken = 0
    for student in handed.students:
        if student.latest is None:
            if not student.problem or "\n" in student.problem:
                raise AssertionError(f"neither a file nor a reason in one line: {student}")
            continue
        if not student.latest.path.resolve().is_relative_to(source.parent.resolve()) and not (
            student.latest.path.resolve().is_relative_to(scratch.resolve())
        ):
            raise AssertionError(f"a file from elsewhere: {student.latest.path}")
        try:
            student.latest.read(MANIFEST)
            taken += 1
        except IntakeError as problem:
            if "\n" in str(problem):
                raise AssertionError(str(problem)) from None
    json.dumps([student.key for student in handed.students]).encode()
    return f"taken: {taken} of {len(handed.students)}, {handed.platform}"


def metadata(data: bytes, folder: Path) -> str:
    """Gradescope's submission_metadata.yml beside two submissions."""
    for name in ("submission_1", "submission_2"):
        (folder / "in" / name).mkdir(parents=True)
        (folder / "in" / name / "dml.py").write_text(f"# {name}\n")
    (folder / "in" / "submission_metadata.yml").write_bytes(data)
    return whole_class(folder / "in", folder / "scratch")


def roster(data: bytes, folder: Path) -> str:
    """A class list."""
    (folder / "roster.csv").write_bytes(data)
    people = read_roster(folder / "roster.csv").people
    if len({person.id.casefold() for person in people}) != len(people):
        raise AssertionError("two people with one identifier")
    return f"taken: {len(people)} people"


def sheet(data: bytes, folder: Path) -> str:
    """A grading sheet of Moodle or Canvas, filled with two grades; what is not filled stays as it was."""
    from autograder.exports.canvas import fill_canvas
    from autograder.exports.moodle import fill_moodle
    from autograder.exports.sheet import read

    path = folder / "sheet.csv"
    path.write_bytes(data)
    if read(path).text().encode() != data:
        raise AssertionError("the sheet is not what it was, and nothing was filled")
    told = []
    fills = {
        "Moodle": lambda own: fill_moodle(RESULTS, own, lambda result: ["=1+1", "fine"]),
        "Canvas": lambda own: fill_canvas(RESULTS, own),
    }
    for platform, fill in fills.items():
        try:
            told.append(f"{platform}: {fill(read(path)).filled} filled")
        except ExportError as problem:
            told.append(f"{platform}: refused, {problem}")
    return "; ".join(told)


def checkpoint(name: str) -> Door:
    """A file of weights, read as the sandbox reads it."""

    def door(data: bytes, folder: Path) -> str:
        from assignment.checking.checkpoint import PROBLEMS, Evaluation

        (folder / name).write_bytes(data)
        told = Evaluation(ModuleType("dml"), folder).inspect(name, 100_000_000)
        problem = told["problem"]
        return f"refused: {PROBLEMS[problem]}" if problem else f"taken: {told['parameters']} parameters"

    return door


def _result(key: str, points: float) -> Result:
    return Result(replace(EMPTY_ROW, key=key, state=GRADED, points=points, final=Points(points, 0.0)), None)


RESULTS = Results(
    [_result("ada", 17.5), _result("bob", 3.0)],
    Summary(MANIFEST).class_file(Class("folders", [], [], []), ("g", "a"), "process", run_measured(1.0, 0, 0, 0)),
)
DOORS: dict[str, Door] = {
    "py": python_file,
    "ipynb": notebook,
    "ipynb-apart": notebook_apart,
    "zip": archive("dml.zip"),
    "tar": archive("dml.tar"),
    "pt": checkpoint("best.pt"),
    "safetensors": checkpoint("best.safetensors"),
    "roster": roster,
    "sheet": sheet,
    "metadata": metadata,
}


def emptied(folder: Path) -> Path:
    """The folder, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
