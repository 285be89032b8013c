"""Grade all files with a known grade in the sandbox, in parallel, and print one table.

Files that change nothing that the improvement task runs are graded without it, since it would repeat the reference's
training. After each attack a witness is started in the same sandbox, which fails if the attack left anything behind.
The reports that a student would get for an attack are searched for lines of the hidden tests and messages of the
attack.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assignment.checking.outcome import Reason
from assignment.manifest import Manifest, load
from autograder.selftest.cases import (
    ATTACK,
    KINDS,
    MISCONCEPTION,
    REFERENCE,
    STYLE,
    Case,
    cases,
    fault_of,
    witness,
    wrong_solution,
)

if TYPE_CHECKING:
    from autograder.grading.grade import Grade


@dataclass(frozen=True)
class Result:
    """The grade of one file. `fault`: "" if it is as expected; `named`: whether the misconception was recognised."""

    case: Case
    points: float
    bonus: float
    named: bool
    fault: str
    seconds: float


class Grader:
    """The sandbox of one process, with the ordinary limits or with short ones for attacks."""

    def __init__(self, isolation: str) -> None:
        from autograder.sandbox.wall import Wall

        self.manifest = load()
        limits = self.manifest.limits  # short ones are enough to show that an attack is stopped
        short = dataclasses.replace(limits, test_seconds=0.5, submission_seconds=2.0, import_seconds=6.0)
        self.short = dataclasses.replace(self.manifest, limits=short)
        self.wall = Wall(isolation, self.manifest)
        self._wrong_points: float | None = None

    def grade(self, case: Case, seed: int | None = None) -> Result:
        """Grade one file, with its default seed or this one, and compare the grade with the expected one."""
        from autograder.grading.grade import grade
        from autograder.grading.reference_files import submission_of

        start = time.monotonic()
        attack = case.kind == ATTACK
        manifest = self.short if attack else self.manifest
        self.wall.manifest = manifest
        tasks = None if case.trains else [t.id for t in manifest.tasks if not t.trains]
        submission = submission_of(case.id, case.source)
        given = grade(submission, self.wall, manifest, seed, tasks, explain=not attack)
        wrong_points = self.wrong_points() if attack else 0.0
        fault = fault_of(case, given.score, manifest, wrong_points)
        if attack:
            fault = fault or self.left_behind() or leak(given, case.source, manifest)
        named = any(o.misconception == case.id for s in given.score.tasks for o in s.outcomes)
        score = given.score
        return Result(case, score.points, score.bonus, named, fault, time.monotonic() - start)

    def wrong_points(self) -> float:
        """Points of the wrong solution, which attacks are based on, without an attack."""
        from autograder.grading.grade import grade
        from autograder.grading.reference_files import submission_of

        if self._wrong_points is None:
            tasks = [t.id for t in self.manifest.tasks if not t.trains]
            submission = submission_of("wrong", wrong_solution())
            score = grade(submission, self.wall, self.manifest, tasks=tasks, explain=False).score
            self._wrong_points = score.points + score.bonus
        return self._wrong_points

    def left_behind(self) -> str:
        """What the witness finds in the sandbox after an attack, "" if it finds nothing."""
        with self.wall.session(witness()) as session:
            problem = session.import_problem
        return f"left behind: {problem.message}" if problem is not None else ""


@cache
def hidden_lines() -> tuple[str, ...]:
    """Lines of the hidden tests that are long enough to be unique."""
    from autograder.grading.grade import HIDDEN_TESTS

    texts = [path.read_text(encoding="utf-8") for path in HIDDEN_TESTS.glob("*.py")]
    shown = ("behaviour=", "hint=", '"""', "from ", "import ")
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return tuple(line for line in lines if len(line) > 30 and not line.startswith(shown) and "hint" not in line)


def leak(grade: Grade, source: str, manifest: Manifest) -> str:
    """A line of the hidden tests or a message of the submission that its reports contain, "" if there is none."""
    from autograder.grading.make_record import record_of
    from autograder.reports.feedback import feedback
    from autograder.reports.html import render as to_html
    from autograder.reports.markdown import render as to_markdown

    result = feedback(record_of(grade, manifest), manifest, source)
    text = to_html(result) + to_markdown(result)
    found = [line for line in hidden_lines() if line in text and line not in source]
    messages = {
        o.message for s in grade.score.tasks for o in s.outcomes if len(o.message) > 30 and o.reason != Reason.IMPORT
    }
    found += [message for message in messages if message in text and message not in source]
    return f"a report contains {found[0][:60]!r}" if found else ""


_grader: Grader | None = None


def _start(isolation: str) -> None:
    global _grader
    _grader = Grader(isolation)


def _grade(case: Case, seed: int | None) -> Result:
    if _grader is None:
        raise RuntimeError("the worker has no grader")
    return _grader.grade(case, seed)


def worst(results: list[Result]) -> Result:
    """The worst of the results of one file with several seeds, with the sum of the seconds."""
    chosen = min(results, key=lambda result: (not result.fault, result.points + result.bonus))
    return dataclasses.replace(chosen, seconds=sum(result.seconds for result in results))


def selftest(isolation: str, workers: int, kinds: Sequence[str], only: str, seeds: int, console: Console) -> int:
    """Grade the files of these kinds whose id contains `only`; print the table; return the number of faults.

    With `seeds`, correct files are graded with the seeds 0 … seeds − 1 instead of their default one; the worst grade is
    shown.
    """
    from autograder.sandbox import backends

    backends.start(isolation)  # if it is missing, the error is raised here, not in a worker
    chosen = [case for case in cases() if only in case.id and case.kind in kinds]
    several: Sequence[int | None] = range(seeds) if seeds else [None]
    jobs = [(case, seed) for case in chosen for seed in (several if case.kind in (REFERENCE, STYLE) else [None])]
    start = time.monotonic()
    found: dict[Case, list[Result]] = {case: [] for case in chosen}
    context = multiprocessing.get_context("spawn")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(isolation,)) as pool,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        bar = progress.add_task("known files", total=len(jobs))
        for future in as_completed([pool.submit(_grade, *job) for job in jobs]):
            found[future.result().case].append(future.result())
            progress.advance(bar)
    results = [worst(results) for results in found.values()]
    results.sort(key=lambda result: (KINDS.index(result.case.kind), result.case.id))
    show(results, time.monotonic() - start, console)
    return sum(bool(result.fault) for result in results)


def show(results: list[Result], seconds: float, console: Console) -> None:
    """Print the table and the totals."""
    table = Table("kind", "file", "points", "bonus", "expected", "as expected", "named", "seconds")
    for result in results:
        verdict = f"[bold red]no: {result.fault}[/]" if result.fault else "[green]yes[/]"
        named = ("yes" if result.named else "–") if result.case.kind == MISCONCEPTION else ""
        case = result.case
        earned = (f"{result.points:g}", f"{result.bonus:g}")
        table.add_row(case.kind, case.id, *earned, case.expected, verdict, named, f"{result.seconds:.1f}")
    console.print(table)
    for kind in KINDS:
        of_kind = [result for result in results if result.case.kind == kind]
        good = sum(not result.fault for result in of_kind)
        if of_kind:
            console.print(f"{kind}: {good} of {len(of_kind)} as expected")
    console.print(f"{len(results)} files in {seconds:.0f} s, {sum(bool(r.fault) for r in results)} not as expected")
