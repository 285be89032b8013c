"""Grade a class from a download into a folder, with a progress bar, everybody's reports and the page of the class."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from assignment.manifest import Manifest
from assignment.text import counted
from autograder.classroom import folders
from autograder.classroom.batch import EARLIER, Batch, GradingOptions, Pool, Publish, Refuse, Report, run
from autograder.classroom.dask_workers import Cluster, DaskPool
from autograder.classroom.journal import Journal
from autograder.classroom.summary import Summary
from autograder.classroom.workers import WorkerPool, sandboxed, seconds_for
from autograder.grading import fingerprint
from autograder.grading.record import Record
from autograder.intake.classes import Class, read_class
from autograder.intake.lateness import rule
from autograder.intake.roster import read_roster
from autograder.sandbox import backends

SHOWN_PROBLEMS = 20


def grade_class(
    source: Path,
    out: Path,
    manifest: Manifest,
    console: Console,
    *,
    isolation: str,
    workers: int,
    roster: Path | None = None,
    deadline: str = "",
    assignment: str = "",
    seed: int | None = None,
    tasks: Sequence[str] | None = None,
    canary: bool = True,
    dask: str = "",
    gpu: bool = False,
) -> Report:
    """Grade everything in `source` into the folder `out`; print the bar, then what to look at.

    With `dask`, the address of a scheduler, its cluster grades instead of `workers` processes of this machine.

    Raises:
        DeadlineError, FolderError, IntakeError: options or hand-ins cannot be understood. IsolationError, WorkerError:
        the grader cannot be trusted here. JournalError: `out` cannot be written. All that is done stays done.
    """
    folders.keep_apart(source, out)
    late = rule(manifest, deadline)
    people = read_roster(roster) if roster is not None else None
    grader, own = fingerprint.of_grader(), fingerprint.of_assignment(manifest)
    with ExitStack() as stack:
        if dask:
            cluster = stack.enter_context(Cluster(dask, isolation, grader, own, gpu))
            pool: Pool = DaskPool(cluster, sandboxed(isolation, canary), seconds_for(manifest))
            wall = cluster.wall
        else:
            wall = backends.start(isolation).name  # a missing isolation shall be one line, not a worker's last words
            pool = WorkerPool(sandboxed(isolation, canary), workers, seconds_for(manifest))
        options = GradingOptions(
            manifest, own, grader, wall, seed, tuple(tasks) if tasks is not None else None, late.deadline
        )
        scratch = stack.enter_context(folders.scratch())
        with console.status("reading what was handed in"):
            members = read_class(source, scratch, manifest, late, people, assignment)
        journal = stack.enter_context(Journal(folders.make_out(out)))  # nothing is made where there is nothing to grade
        if journal.torn:
            console.print(f"the journal's last line was torn ({counted(journal.torn, 'byte')}) and is written again")
        if journal.damaged:
            lost = counted(journal.damaged, "line")
            console.print(f"{lost} of the journal cannot be read; these grades are made again")
        if other := sum(entry.facts.get("grader") != grader for entry in journal.entries.values()):
            console.print(f"{counted(other, 'grade')} of the journal by another version of the grader: made again")
        with Bar(members, console) as bar:
            batch = Batch(members, options, journal, _publish(manifest), bar, _refuse(manifest))
            try:
                report = run(batch, lambda: pool, _import_reports)
            finally:  # what was moved is moved, whatever ended the run
                _tell_aside(batch.report, out, console)
        _tell(report, batch.summary, members, console)
        _page(out, manifest, console)
        return report


class Bar:
    """One progress bar over the students, with the class so far. Nothing is drawn where the console is no terminal."""

    def __init__(self, members: Class, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[running]}"),
        )
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("grading", total=len(members.students), running="starting")

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, summary: Summary) -> None:
        """One student more is done."""
        if not self._progress.disable:
            self._progress.update(self._task, completed=len(summary.rows), running=summary.running())


def _import_reports() -> None:
    """Import what reports need, the same libraries as grading: they take seconds."""
    from autograder.reports import feedback, write  # noqa: F401


def _refuse(manifest: Manifest) -> Refuse:
    """What writes the page of a student without a grade."""

    def refuse(state: str, problem: str, name: str, folder: Path) -> None:
        from autograder.reports import ungraded, write

        write.write_pages(ungraded.feedback(state, problem, name, manifest), folder)

    return refuse


def _publish(manifest: Manifest) -> Publish:
    """What writes one student's reports."""

    def publish(record: Record, source: str, folder: Path) -> None:
        from autograder.reports import feedback, write

        write.write_reports(record, feedback.feedback(record, manifest, source), folder)

    return publish


def _page(out: Path, manifest: Manifest, console: Console) -> None:
    """Make the class's page. The grades are safe by now: what goes wrong here is a line."""
    from autograder.classroom.class_file import ClassFileError
    from autograder.reports.class_page.making import make

    try:
        with console.status("comparing files for the class's page"):
            page = make(out, manifest)
        console.print(f"its page: {page}", soft_wrap=True, highlight=False)
    except (ClassFileError, OSError) as problem:
        told = f"the class's page could not be made ({problem}); `python -m autograder report {out}` tries again"
        console.print(Text(told, "yellow"), soft_wrap=True)


def _tell_aside(report: Report, out: Path, console: Console) -> None:
    """Which students' folders were moved away, if any were."""
    if not report.aside:
        return
    folders = counted(len(report.aside), "student's folder was", "students' folders were")
    names = ", ".join(report.aside[:SHOWN_PROBLEMS]) + (", …" if len(report.aside) > SHOWN_PROBLEMS else "")
    told = f"{folders} out of date and moved to {out / EARLIER}: {names}"
    console.print(Text(told, "yellow"), soft_wrap=True)


def _tell(report: Report, summary: Summary, members: Class, console: Console) -> None:
    """The batch in a few lines."""
    pace = f", {report.files / report.seconds * 60:.0f} per minute" if report.files and report.seconds else ""
    console.print(
        f"{counted(len(members.students), 'hand-in')} ({members.platform}): {report.graded} graded now from "
        f"{counted(report.files, 'different file')} in {report.seconds:.0f} s{pace}; "
        f"{report.taken_over} taken over from the journal",
        highlight=False,
        soft_wrap=True,
    )
    console.print(summary.running(), highlight=False)
    if members.missing:
        console.print(f"{len(members.missing)} of the roster handed in nothing", highlight=False)
    problems = [problem for problem in summary.problems(members) if problem.kind != "note"]
    for problem in problems[:SHOWN_PROBLEMS]:
        who = f"{problem.who}: " if problem.who else ""
        console.print(Text(f"  {problem.kind}: {who}{problem.message}", "yellow"), soft_wrap=True)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"  … and {len(problems) - SHOWN_PROBLEMS} more, all in {report.summary.name}", highlight=False)
    console.print(f"the class: {report.summary}", soft_wrap=True, highlight=False)
