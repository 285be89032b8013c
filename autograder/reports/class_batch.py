"""Grade a class from a download: progress bar, reports of all students, page of the class."""

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
    """Grade all submissions in `source` into the folder `out`; print a progress bar, then a summary and the problems.

    With `dask`, the address of a scheduler, its cluster grades, otherwise `workers` processes of this machine.

    Raises:
        DeadlineError, FolderError, IntakeError: options or submissions cannot be used. IsolationError, WorkerError:
        the grader cannot be trusted here. JournalError: `out` cannot be written. Finished grades are kept.
    """
    folders.keep_apart(source, out)
    late = rule(manifest, deadline)
    people = read_roster(roster) if roster is not None else None
    grader, assignment_hash = fingerprint.of_grader(), fingerprint.of_assignment(manifest)
    with ExitStack() as stack:
        if dask:
            cluster = stack.enter_context(Cluster(dask, isolation, grader, assignment_hash, gpu))
            pool: Pool = DaskPool(cluster, sandboxed(isolation, canary), seconds_for(manifest))
            back_end = cluster.back_end
        else:
            back_end = backends.start(isolation).name  # if it is missing, the error is raised here, not in a worker
            pool = WorkerPool(sandboxed(isolation, canary), workers, seconds_for(manifest))
        options = GradingOptions(
            manifest,
            assignment_hash,
            grader,
            back_end,
            seed,
            tuple(tasks) if tasks is not None else None,
            late.deadline,
        )
        scratch = stack.enter_context(folders.scratch())
        with console.status("reading the submissions"):
            members = read_class(source, scratch, manifest, late, people, assignment)
        # The output folder is created after the submissions were read, so that their errors create nothing.
        journal = stack.enter_context(Journal(folders.make_out(out)))
        _print_journal(journal, grader, console)
        with Bar(members, console) as bar:
            batch = Batch(members, options, journal, _publish(manifest), bar, _refuse(manifest))
            try:
                report = run(batch, lambda: pool, _import_reports)
            finally:  # also after an exception
                _print_moved(batch.report, out, console)
        _print_summary(report, batch.summary, members, console)
        _make_page(out, manifest, console)
        return report


class Bar:
    """A progress bar over the students, with the grades so far; not drawn if the console is not a terminal."""

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
        """Update the bar after a student."""
        if not self._progress.disable:
            self._progress.update(self._task, completed=len(summary.rows), running=summary.running())


def _print_journal(journal: Journal, grader: str, console: Console) -> None:
    """Print which grades of the journal do not count. `grader`: hash of the present grader."""
    if journal.torn:
        console.print(
            f"journal: the last line is incomplete ({counted(journal.torn, 'byte')}); its file is graded again"
        )
    if journal.damaged:
        console.print(f"journal: {counted(journal.damaged, 'line')} cannot be read; these files are graded again")
    facts = [entry.facts for entry in journal.entries.values()]
    current = {known.get("submission") for known in facts if known.get("grader") == grader}
    if outdated := {known.get("submission") for known in facts} - current:
        files = counted(len(outdated), "file was", "files were")
        console.print(f"journal: {files} graded by another version of the grader; these files are graded again")


def _import_reports() -> None:
    """Import the libraries of the reports, which takes seconds, while the workers start."""
    from autograder.reports import feedback, write  # noqa: F401


def _refuse(manifest: Manifest) -> Refuse:
    """Return the function that writes the report of a student without a grade."""

    def refuse(state: str, problem: str, name: str, folder: Path) -> None:
        from autograder.reports import ungraded, write

        write.write_pages(ungraded.feedback(state, problem, name, manifest), folder)

    return refuse


def _publish(manifest: Manifest) -> Publish:
    """Return the function that writes a student's reports."""

    def publish(record: Record, source: str, folder: Path) -> None:
        from autograder.reports import feedback, write

        write.write_reports(record, feedback.feedback(record, manifest, source), folder)

    return publish


def _make_page(out: Path, manifest: Manifest, console: Console) -> None:
    """Make the class page. The grades are on the disk already, so a failure here is only reported."""
    from autograder.classroom.class_file import ClassFileError
    from autograder.reports.class_page.making import make

    try:
        with console.status("comparing files for the class page"):
            page = make(out, manifest)
        console.print(f"class page: {page}", soft_wrap=True, highlight=False)
    except (ClassFileError, OSError) as problem:
        again = f"`python -m autograder report {out}`"
        console.print(Text(f"class page: it could not be made ({problem}); try {again}", "yellow"), soft_wrap=True)


def _print_moved(report: Report, out: Path, console: Console) -> None:
    """Print the names of students' folders that were moved away."""
    if not report.aside:
        return
    folders = counted(len(report.aside), "student's folder was", "students' folders were")
    names = ", ".join(report.aside[:SHOWN_PROBLEMS]) + (", …" if len(report.aside) > SHOWN_PROBLEMS else "")
    console.print(Text(f"{folders} out of date and moved to {out / EARLIER}: {names}", "yellow"), soft_wrap=True)


def _print_summary(report: Report, summary: Summary, members: Class, console: Console) -> None:
    """Print a summary of the batch and the problems."""
    pace = f", {report.files / report.seconds * 60:.0f} per minute" if report.files and report.seconds else ""
    console.print(
        f"{counted(len(members.students), 'submission')} ({members.platform}): {report.graded} graded now from "
        f"{counted(report.files, 'different file')} in {report.seconds:.0f} s{pace}; "
        f"{report.taken_over} taken from the journal",
        highlight=False,
        soft_wrap=True,
    )
    console.print(summary.running(), highlight=False)
    if members.missing:
        console.print(f"{len(members.missing)} of the roster submitted nothing", highlight=False)
    problems = [problem for problem in summary.problems(members) if problem.kind != "note"]
    for problem in problems[:SHOWN_PROBLEMS]:
        who = f"{problem.who}: " if problem.who else ""
        console.print(Text(f"  {problem.kind}: {who}{problem.message}", "yellow"), soft_wrap=True)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"  … and {len(problems) - SHOWN_PROBLEMS} more, all in {report.summary.name}", highlight=False)
    console.print(f"class: {report.summary}", soft_wrap=True, highlight=False)
