"""Grade every known file in the sandbox, several at a time, and print one table.

The task that trains is graded only for files that differ from the reference in what it runs; for the others it would
repeat the reference's training. After every attack a witness runs in the same sandbox and fails if the attack left
anything behind. The reports of an attack are searched for lines of the hidden tests and for text of the attack.
"""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assignment.manifest import Limits, Manifest, load
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
    from autograder.grading import Grade

ATTACK_LIMITS: dict[str, Any] = {
    "test_seconds": 0.5,
    "submission_seconds": 2.0,
    "import_seconds": 6.0,
}  # an attack does not have to be waited for


@dataclass(frozen=True)
class Result:
    """How one known file was graded. `fault`: "" if the grade is as expected; `named`: the mistake was recognised."""

    case: Case
    points: float
    bonus: float
    named: bool
    fault: str
    seconds: float


class Grader:
    """The sandbox of one process, with ordinary limits and with short ones for attacks."""

    def __init__(self, isolation: str) -> None:
        from autograder.sandbox.wall import Wall

        self.manifest = load()
        short: Limits = dataclasses.replace(self.manifest.limits, **ATTACK_LIMITS)
        self.short = dataclasses.replace(self.manifest, limits=short)
        self.wall = Wall(isolation, self.manifest)
        self._wrong_points: float | None = None

    def grade(self, case: Case, seed: int | None = None) -> Result:
        """Grade one known file, with its own seed or this one, and judge the grade."""
        from autograder import grading
        from autograder.known import submission_of

        start = time.monotonic()
        attack = case.kind == ATTACK
        manifest = self.short if attack else self.manifest
        self.wall.manifest = manifest
        tasks = None if case.trains else [t.id for t in manifest.tasks if not t.trains]
        submission = submission_of(case.id, case.source)
        grade = grading.grade(submission, self.wall, manifest, seed, tasks, explain=not attack)
        wrong_points = self.wrong_points() if attack else 0.0
        fault = fault_of(case, grade.score, manifest, wrong_points)
        if attack:
            fault = fault or self.left_behind() or leak(grade, case.source, manifest)
        named = any(o.misconception == case.id for s in grade.score.tasks for o in s.outcomes)
        score = grade.score
        return Result(case, score.points, score.bonus, named, fault, time.monotonic() - start)

    def wrong_points(self) -> float:
        """Points of the wrong solution that attacks are based on."""
        from autograder import grading
        from autograder.known import submission_of

        if self._wrong_points is None:
            tasks = [t.id for t in self.manifest.tasks if not t.trains]
            submission = submission_of("wrong", wrong_solution())
            score = grading.grade(submission, self.wall, self.manifest, tasks=tasks, explain=False).score
            self._wrong_points = score.points + score.bonus
        return self._wrong_points

    def left_behind(self) -> str:
        """What the witness finds in the sandbox, "" if it finds nothing."""
        with self.wall.session(witness()) as session:
            problem = session.import_problem
        return f"left behind: {problem.message}" if problem is not None else ""


@cache
def hidden_lines() -> tuple[str, ...]:
    """Lines of the hidden tests that are long enough to be recognised."""
    from autograder.grading import HIDDEN_TESTS

    texts = [path.read_text(encoding="utf-8") for path in HIDDEN_TESTS.glob("*.py")]
    shown = ("behaviour=", "hint=", '"""', "from ", "import ")
    lines = {line.strip() for text in texts for line in text.splitlines()}
    return tuple(line for line in lines if len(line) > 30 and not line.startswith(shown) and "hint" not in line)


def leak(grade: Grade, source: str, manifest: Manifest) -> str:
    """Text of the hidden tests, or of the submission, that is in the student's reports; "" if there is none."""
    from autograder.record import record
    from autograder.reports.feedback import feedback
    from autograder.reports.html import render as to_html
    from autograder.reports.markdown import render as to_markdown

    entry = json.loads(json.dumps(record(grade, manifest)))
    shown = feedback(entry, manifest, source)
    text = to_html(shown) + to_markdown(shown)
    found = [line for line in hidden_lines() if line in text and line not in source]
    messages = {
        o.message for s in grade.score.tasks for o in s.outcomes if len(o.message) > 30 and o.reason != "import"
    }
    found += [message for message in messages if message in text and message not in source]
    return f"a report shows: {found[0][:60]!r}" if found else ""


_grader: Grader | None = None


def _start(isolation: str) -> None:
    global _grader
    _grader = Grader(isolation)


def _grade(case: Case, seed: int | None) -> Result:
    if _grader is None:
        raise RuntimeError("the worker has no grader")
    return _grader.grade(case, seed)


def worst(results: list[Result]) -> Result:
    """The worst of one file's results with several seeds, with the seconds of all."""
    chosen = min(results, key=lambda result: (not result.fault, result.points + result.bonus))
    return dataclasses.replace(chosen, seconds=sum(result.seconds for result in results))


def selftest(isolation: str, workers: int, kinds: Sequence[str], only: str, seeds: int, console: Console) -> int:
    """Grade the known files of these kinds whose id contains `only`; print the table; return the number of faults.

    With `seeds`, correct files are graded with each of the seeds 0 … seeds − 1; the worst grade is shown.
    """
    from autograder.sandbox import backends

    backends.start(isolation)  # report a missing isolation in one line, before workers start
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
    results = [worst(own) for own in found.values()]
    results.sort(key=lambda result: (KINDS.index(result.case.kind), result.case.id))
    show(results, time.monotonic() - start, console)
    return sum(bool(result.fault) for result in results)


def show(results: list[Result], seconds: float, console: Console) -> None:
    """Print the table and its sums."""
    table = Table("kind", "file", "points", "bonus", "expected", "as expected", "named", "seconds")
    for result in results:
        verdict = f"[bold red]no: {result.fault}[/]" if result.fault else "[green]yes[/]"
        named = ("yes" if result.named else "–") if result.case.kind == MISCONCEPTION else ""
        case = result.case
        figures = (f"{result.points:g}", f"{result.bonus:g}")
        table.add_row(case.kind, case.id, *figures, case.expected, verdict, named, f"{result.seconds:.1f}")
    console.print(table)
    for kind in KINDS:
        own = [result for result in results if result.case.kind == kind]
        good = sum(not result.fault for result in own)
        if own:
            console.print(f"{kind}: {good} of {len(own)} as expected")
    console.print(f"{len(results)} files in {seconds:.0f} s, {sum(bool(r.fault) for r in results)} not as expected")
