"""The instructor's command: `python -m autograder grade | batch | report | release | export | selftest`.

Exit status: 0 done (whatever the grade) · 1 `selftest` or `release --check` found a fault, `grade --replay` gave
another grade, or a file of a `batch` brought its sandbox down twice · 2 wrong options · 3 the submission cannot be
graded as a file, a `batch` finds none, a `report` no batch, or an `export` nothing that it can use · 4 the grader
cannot be trusted here (no isolation, a canary failed, a broken test) · 5 what was asked for could not be written, or
another run uses the folder · 130 a `batch` was stopped with Ctrl-C · 143 with SIGTERM.
"""

from __future__ import annotations

import difflib
import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch comes: two graders on two cores must not fight

import typer
from rich.console import Console

from assignment.manifest import Manifest, load

if TYPE_CHECKING:
    from autograder.checkpoint import Handed
    from autograder.intake import Upload

OK, FAULT, USAGE, UNUSABLE, UNTRUSTED, UNWRITTEN = range(6)
INTERRUPTED, TERMINATED = 130, 143  # as shells report the two signals

EXPORT_STATUS = (
    "Exit status: 0 written, who is left out is listed · 2 an option is wrong, missing, or does not fit the rest · "
    "3 what is given cannot be used (no batch, a damaged class.json or record, another sheet or gradebook) · "
    "5 a file cannot be written."
)
REPORT_STATUS = (
    "Exit status: 0 the page is written · 2 wrong options · 3 no folder of a batch, or its class.json is damaged · "
    "5 the page cannot be written."
)
RELEASE_STATUS = (
    "Exit status: 0 written, with --check fresh and clean · 1 something leaks, is stale, or cannot be written · "
    "2 wrong options."
)

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
errors = Console(stderr=True, highlight=False)


class Isolation(str, Enum):
    """The back ends by name."""

    auto = "auto"
    bubblewrap = "bubblewrap"
    container = "container"
    users = "users"
    process = "process"


class Kind(str, Enum):
    """The known files by kind."""

    reference = "reference"
    template = "template"
    style = "style"
    misconception = "misconception"
    attack = "attack"


def stop(status: int, message: str) -> NoReturn:
    """Say one line on stderr and end with this exit status."""
    errors.print(f"[bold red]error:[/] {_plain(message)}", soft_wrap=True)
    raise typer.Exit(status)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(" ".join("".join(c if c.isprintable() else " " for c in text).split()))


def _wide(console: Console) -> Console:
    """A console for wide tables: where the output is no terminal, nothing says how wide it is."""
    return console if console.is_terminal else Console(width=150)


def _known_tasks(tasks: list[str], manifest: Manifest) -> list[str] | None:
    ids = [task.id for task in manifest.tasks]
    numbers = {str(task.number): task.id for task in manifest.tasks}
    chosen = [numbers.get(task, task) for task in tasks]
    for task in chosen:
        if task not in ids:
            close = difflib.get_close_matches(task, ids, n=1)
            stop(
                USAGE,
                f"unknown task '{task}'" + (f"; did you mean '{close[0]}'?" if close else f"; tasks: {', '.join(ids)}"),
            )
    return chosen or None


def _uploads(checkpoint: Path | None, baseline: Path | None, manifest: Manifest) -> list[Upload]:
    """The bytes of the checkpoint, if there is one, and of the weights it began with, if they are given."""
    from autograder.intake import IntakeError, read_upload

    limit = manifest.checkpoint["file_mb"] * 10**6
    found = [read_upload(path, limit) for path in (checkpoint, baseline) if path is not None]
    if baseline is not None and not found[1].data:
        raise IntakeError(f"{baseline} is empty or has more than {limit / 1e6:g} MB; give the weights of one backbone")
    return found


def _handed(uploads: list[Upload], data: str, root: Path | None) -> Handed | None:
    """The checkpoint together with the images that it is judged on."""
    if not uploads:
        return None
    from assignment.datasets import DataMissing
    from autograder.checkpoint import Handed, hidden_pictures, pictures_of

    try:
        return Handed(uploads[0], pictures_of(data, root) if data else hidden_pictures(), *uploads[1:])
    except (DataMissing, ValueError) as problem:
        stop(USAGE, str(problem))


def _other_kind(file: Path, manifest: Manifest) -> str:
    """What to do with a file that is neither Python nor a notebook."""
    from autograder.intake.archives import is_archive

    if is_archive(file.name):
        return f"{file} is an archive: `python -m autograder batch {file} --out DIR` takes it, of one student, too"
    return f"{file} is neither a .py nor an .ipynb; give the student's {manifest.file}"


def _tell_notebook(notes: tuple[str, ...], manifest: Manifest, console: Console) -> None:
    console.print(f"lines count in {manifest.file} as it was made of the notebook; --out keeps it", style="dim")
    for note in notes:
        console.print(f"  [yellow]note:[/] {_plain(note)}", soft_wrap=True, highlight=False)


@app.command()
def grade(
    file: Annotated[
        Optional[Path], typer.Argument(help="The student's dml.py; with --replay only if it moved.")
    ] = None,
    out: Annotated[Optional[Path], typer.Option(help="Folder for record.json, feedback.html, feedback.md.")] = None,
    seed: Annotated[Optional[int], typer.Option(help="Seed of all inputs; by default the file's own.", min=0)] = None,
    isolation: Annotated[Isolation, typer.Option(help="How the student's code is shut in.")] = Isolation.auto,
    task: Annotated[Optional[list[str]], typer.Option(help="Only this task (id or number) and what it needs.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON and nothing else.")] = False,
    canary: Annotated[bool, typer.Option(help="First see that known files are graded as they must be.")] = True,
    checkpoint: Annotated[
        Optional[Path], typer.Option(help="A trained network handed in, too: best.pt of a run.")
    ] = None,
    data: Annotated[str, typer.Option(help="Judge it on a data set's test classes instead of the hidden sample.")] = "",
    root: Annotated[Optional[Path], typer.Option(help="Folder of that data set.")] = None,
    baseline_weights: Annotated[
        Optional[Path], typer.Option(help="What its backbone began with: a state_dict; without it random weights.")
    ] = None,
    replay: Annotated[
        Optional[Path], typer.Option(metavar="RECORD", help="Repeat this record's grade; say whether it is the same.")
    ] = None,
    explain: Annotated[
        str, typer.Option(metavar="TASK", help="Show hidden inputs and values of a task, here only.")
    ] = "",
) -> None:
    """Grade one file: a table here, a record and the student's feedback in --out."""
    manifest = load()
    tasks = _known_tasks(task or [], manifest)
    explained = _known_tasks([explain], manifest) if explain else None
    if replay is not None and (tasks or seed is not None):
        stop(USAGE, "--replay takes seed and tasks from the record: leave out --seed and --task")
    if checkpoint is None and (data or root or baseline_weights):
        stop(USAGE, "--data, --root and --baseline-weights say how to judge a checkpoint: add --checkpoint FILE")
    if root and not data:
        stop(USAGE, f"--root {root} is the folder of a data set: say which with --data")
    from autograder.intake import IntakeError, read_submission
    from autograder.intake.choice import KINDS
    from autograder.replay import MOST_DIFFERENCES, differences, read_past

    try:
        past = read_past(replay, file) if replay is not None else None
        if past is not None:
            file, seed, tasks = past.file, past.seed, past.tasks
            if past.record.get("checkpoint") and checkpoint is None:
                stop(USAGE, f"{replay} judged a checkpoint, too: add it with --checkpoint")
        if file is None:
            stop(USAGE, "give the student's file, or a record with --replay")
        if file.is_file() and file.suffix.lower() not in KINDS:
            stop(UNUSABLE, _other_kind(file, manifest))
        submission = read_submission(file, manifest)
        submission = submission if past is None else past.named(submission)
        uploads = _uploads(checkpoint, baseline_weights, manifest)
    except IntakeError as problem:
        stop(UNUSABLE, str(problem))
    if isolation is Isolation.process and not as_json:
        errors.print("[yellow]note:[/] `process` is no wall: only grade code that you trust.")

    from autograder.sandbox.backends import IsolationError
    from autograder.sandbox.wall import Wall

    try:
        wall = Wall(isolation.value, manifest)  # starts importing its libraries while we import ours
    except IsolationError as problem:
        stop(UNTRUSTED, str(problem))
    with wall:
        from assignment.checking.student import GraderFault
        from autograder import grading
        from autograder.explained import explain as explain_to
        from autograder.record import record
        from autograder.reports import feedback, terminal, write

        handed = _handed(uploads, data, root)
        manifest = manifest.with_checkpoint() if handed else manifest
        console = Console(stderr=True) if as_json else Console()
        try:
            with console.status("warming up" + (" and grading two known files" if canary else "")):
                wall.wait_ready()
                if canary:
                    grading.canaries(wall, wall.manifest)
            with terminal.Progress(manifest, console, f"grading {submission.name}") as progress:
                result = grading.grade(submission, wall, manifest, seed, tasks, progress, handed=handed)
            entry = record(result, manifest)
            if as_json:
                typer.echo(write.as_json(entry), nl=False)
            else:
                terminal.print_result(entry, manifest, console)
                if submission.notebook:
                    _tell_notebook(submission.notebook.notes, manifest, console)
            for asked in explained or []:
                explain_to(submission, wall, manifest, result.seed, asked, console)
        except GraderFault as problem:
            stop(UNTRUSTED, f"the grader is at fault, not the submission: {problem}")
    if out is not None:
        try:
            written = write.write_reports(entry, feedback.feedback(entry, manifest, submission.source), out)
            if submission.notebook:
                write.write_text(out / manifest.file, submission.source)
        except write.ReportError as problem:
            stop(UNWRITTEN, str(problem))
        if not as_json:
            console.print(f"feedback for the student: {written.html}", soft_wrap=True, highlight=False)
    if past is not None:
        changed = differences(past.record, entry)
        for line in changed[:MOST_DIFFERENCES]:
            console.print(f"  [yellow]{_plain(line)}[/]", soft_wrap=True, highlight=False)
        told = (
            f"differs in {len(changed)} places from the record" if changed else "identical to the record, bit for bit"
        )
        console.print(told, soft_wrap=True, highlight=False)
        raise typer.Exit(FAULT if changed else OK)


@app.command()
def batch(
    source: Annotated[Path, typer.Argument(metavar="IN", help="What the learning platform gave: a folder or archive.")],
    out: Annotated[Path, typer.Option(help="Folder for journal, grades, reports; a later run goes on from there.")],
    workers: Annotated[Optional[int], typer.Option(help="Graders at once; by default one per core.", min=1)] = None,
    roster: Annotated[Optional[Path], typer.Option(help="Class list: a CSV with a column of identifiers.")] = None,
    deadline: Annotated[str, typer.Option(help="For example 2026-05-31T23:59+02:00; else the manifest's.")] = "",
    assignment: Annotated[str, typer.Option(help="Which one, where nbgrader's folder holds several.")] = "",
    seed: Annotated[Optional[int], typer.Option(help="Seed of all inputs; by default each file's own.", min=0)] = None,
    isolation: Annotated[Isolation, typer.Option(help="How the students' code is shut in.")] = Isolation.auto,
    task: Annotated[Optional[list[str]], typer.Option(help="Only this task (id or number) and what it needs.")] = None,
    canary: Annotated[bool, typer.Option(help="First see that known files are graded as they must be.")] = True,
    dask: Annotated[str, typer.Option(metavar="ADDRESS", help="Grade on a Dask cluster: its scheduler.")] = "",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Dask: only workers with --resources GPU=1, one file each.")
    ] = False,
) -> None:
    """Grade a class: every file once, reports for each student, one summary. The same command goes on after a stop."""
    from assignment.cores import available_cores
    from autograder.batch_command import grade_class
    from autograder.intake import IntakeError
    from autograder.journal import JournalError
    from autograder.lateness import DeadlineError
    from autograder.places import PlaceError
    from autograder.sandbox.backends import IsolationError
    from autograder.stopping import Terminated, sigterm_like_ctrl_c
    from autograder.workers import CrewError

    manifest = load()
    if (dask and workers) or (gpu and not dask):
        stop(USAGE, "--dask takes the workers that its cluster has, so not --workers; --gpu goes with --dask")
    try:
        with sigterm_like_ctrl_c():
            report = grade_class(
                source,
                out,
                manifest,
                Console(),
                isolation=isolation.value,
                workers=workers or available_cores(),
                roster=roster,
                deadline=deadline,
                assignment=assignment,
                seed=seed,
                tasks=_known_tasks(task or [], manifest),
                canary=canary,
                dask=dask,
                gpu=gpu,
            )
    except (DeadlineError, PlaceError) as problem:
        stop(USAGE, str(problem))
    except IntakeError as problem:
        stop(UNUSABLE, str(problem))
    except (IsolationError, CrewError) as problem:
        stop(UNTRUSTED, f"the grader is at fault, not a submission: {problem}")
    except KeyboardInterrupt as asked:
        errors.print("stopped; what is done is in the journal, and the same command goes on")
        raise typer.Exit(TERMINATED if isinstance(asked, Terminated) else INTERRUPTED) from None
    except OSError as problem:
        told = str(problem) if isinstance(problem, JournalError) else f"{problem.filename}: {problem.strerror}"
        stop(UNWRITTEN, told)
    raise typer.Exit(FAULT if report.fell else OK)


@app.command(epilog=RELEASE_STATUS)
def release(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if something is stale or leaks.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for the student bundle.")] = Path("dist"),
    nbgrader: Annotated[
        Optional[Path], typer.Option(metavar="DIR", help="Build a course for nbgrader there instead.")
    ] = None,
    gradescope: Annotated[
        Optional[Path], typer.Option(metavar="FILE.zip", help="Write Gradescope's autograder there instead.")
    ] = None,
) -> None:
    """Make template/dml.py and the students' bundle from the reference; prove that the bundle gives nothing away."""
    from autograder.nbgrader import CourseError
    from autograder.release import ReleaseError
    from autograder.release import release as make

    if check and (nbgrader is not None or gradescope is not None):
        stop(USAGE, "--check goes with the students' bundle: what the other two build is checked whenever it is built")
    try:
        if nbgrader is None and gradescope is None:
            make(check=check, out=out)
        if nbgrader is not None:
            from autograder.nbgrader.course import build

            for line in build(nbgrader).lines:
                typer.echo(line)
        if gradescope is not None:
            from autograder.release.gradescope import build as build_zip

            typer.echo(build_zip(gradescope))
    except (ReleaseError, CourseError) as problem:
        stop(FAULT, str(problem))


@app.command(epilog=EXPORT_STATUS)
def export(
    records: Annotated[
        list[Path], typer.Argument(metavar="OUT…", help="What `batch --out` wrote, or record.json files.")
    ],
    moodle: Annotated[Optional[Path], typer.Option(metavar="SHEET", help="Moodle's grading worksheet to fill.")] = None,
    canvas: Annotated[Optional[Path], typer.Option(metavar="SHEET", help="Canvas's gradebook to fill.")] = None,
    column: Annotated[str, typer.Option(help="Canvas: the assignment's name or number.")] = "",
    scale: Annotated[bool, typer.Option("--scale", help="The sheet's maximum is another: scale the points.")] = False,
    out: Annotated[Optional[Path], typer.Option(help="The filled sheet; else beside it, `…-filled.csv`.")] = None,
    brute: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write BRUTE's `login;points`.")] = None,
    csv: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write a table of everything.")] = None,
    junit: Annotated[Optional[Path], typer.Option(metavar="FILE", help="Write JUnit XML, a suite each.")] = None,
    gradescope: Annotated[
        Optional[Path], typer.Option(metavar="FILE", help="Write results.json; of a class, a folder of them.")
    ] = None,
    leaderboard: Annotated[bool, typer.Option("--leaderboard", help="Gradescope: publish P@1.")] = False,
    bonus: Annotated[bool, typer.Option(help="Bonus points count.")] = True,
    nbgrader: Annotated[Optional[Path], typer.Option(metavar="GRADEBOOK", help="nbgrader's gradebook.db.")] = None,
    student: Annotated[str, typer.Option(metavar="ID", help="nbgrader: whose the one record is.")] = "",
    assignment: Annotated[str, typer.Option(help="nbgrader: its name, if it is not the course's own.")] = "",
    add_students: Annotated[bool, typer.Option("--add-students", help="nbgrader: create unknown students.")] = False,
) -> None:
    """Write grades for a learning platform; points are those after lateness. In nbgrader, manual grades stay."""
    from autograder.export_command import Wanted, export_class
    from autograder.exports import ExportError, OptionError
    from autograder.nbgrader import CourseError

    wanted = Wanted(moodle, canvas, brute, csv, junit, gradescope, out, column, bonus, scale, leaderboard)
    if nbgrader is None and not wanted.anything():
        stop(USAGE, "say for whom: --moodle, --canvas, --brute, --csv, --junit, --gradescope or --nbgrader")
    try:
        if wanted.anything():
            export_class(records, wanted, load(), Console())
        if nbgrader is not None:
            from autograder.nbgrader.exporting import export_records

            export_records(nbgrader, records, load(), _wide(Console()), student, assignment, add_students)
    except OptionError as problem:
        stop(USAGE, str(problem))
    except (CourseError, ExportError) as problem:
        stop(UNUSABLE, str(problem))
    except OSError as problem:
        stop(UNWRITTEN, f"{problem.filename} cannot be written: {problem.strerror}")


@app.command(epilog=REPORT_STATUS)
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `batch --out` wrote.")],
    pseudonyms: Annotated[
        bool, typer.Option("--pseudonyms", help="A page for the class to see: no names, P@1 under drawn ones.")
    ] = False,
    out: Annotated[Optional[Path], typer.Option(help="The page; else class.html there, or class-shared.html.")] = None,
) -> None:
    """Make the page of a class again, or one that the class may see. With 1,000 students it opens within a second."""
    from autograder.reports.class_page.making import make
    from autograder.reports.class_page.reading import PageError

    try:
        page = make(folder, load(), pseudonyms=pseudonyms, out=out)
    except PageError as problem:
        stop(UNUSABLE, str(problem))
    except OSError as problem:
        stop(UNWRITTEN, f"{problem.filename} cannot be written: {problem.strerror}")
    typer.echo(f"the class: {page}")


@app.command()
def selftest(
    isolation: Annotated[Isolation, typer.Option(help="How the code is shut in.")] = Isolation.auto,
    workers: Annotated[int, typer.Option(help="Graders at once.", min=1, max=64)] = 2,
    kind: Annotated[Optional[list[Kind]], typer.Option(help="Only files of this kind; may be repeated.")] = None,
    only: Annotated[str, typer.Option(help="Only files whose name contains this.")] = "",
    seeds: Annotated[int, typer.Option(help="Grade correct files with so many seeds each.", min=0)] = 0,
) -> None:
    """Grade every file whose grade is known: reference, template, misconceptions, styles, attacks; one table."""
    from autograder.sandbox.backends import IsolationError
    from autograder.selftest import run

    try:
        faults = run.selftest(isolation.value, workers, kind or list(Kind), only, seeds, _wide(Console()))
    except IsolationError as problem:
        stop(UNTRUSTED, str(problem))
    raise typer.Exit(FAULT if faults else OK)


if __name__ == "__main__":
    app(prog_name="python -m autograder")
