"""From the instructor's record to what a student may see. Nothing reaches a student's report but through here.

A hidden test shows what was called, the kind of what came back, the grader's sentence and the hint; never a value,
never a text that the student's process wrote. A shown test's values may be seen: its inputs are no secret and it ran
before anything hidden. So may the message of a failed import. All texts are plain; whoever renders them escapes them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from assignment.checking.outcome import NOT_IMPLEMENTED, Reason
from assignment.manifest import Manifest, Task
from assignment.text import code_line, one_line
from autograder.grading.record import ImportProblem, Record, SyntaxFinding, TaskResult, TestResult
from autograder.misconceptions import catalogue
from autograder.reports import late, safe, words
from autograder.reports.in_cells import in_cells
from autograder.reports.pictures import Grid, read_grid

DEFINITION = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w{1,60})\b", re.MULTILINE)
TOP_LEVEL = re.compile(r"^(?:(?:async[ \t]+)?(?:def|class)[ \t]+(\w{1,60})\b|(\w{1,60})[ \t]*=)", re.MULTILINE)
MOST_NAMES = 300


@dataclass(frozen=True)
class SourceLine:
    """A line of the student's own file, or of a cell of their notebook (cells count from 1; 0: there are none)."""

    number: int
    text: str
    cell: int = 0

    @property
    def place(self) -> str:
        """Where it is: "line 12", "cell 7, line 3"."""
        return f"cell {self.cell}, line {self.number}" if self.cell else f"line {self.number}"


@dataclass(frozen=True)
class TestFeedback:
    """One behaviour that was tested.

    Attributes:
        state: "passed", "failed" or "skipped". headline: what happened, one sentence.
        called, returned, expected: "" where there is none. explanation: what such an error usually means.
        misconception, sentence: name and sentence of the known mistake that gives the same values.
        also: behaviours of other tests of the task that ended in exactly this way; `points` are theirs, too.
    """

    __test__ = False  # for pytest

    behaviour: str
    points: float
    state: str
    headline: str = ""
    called: str = ""
    returned: str = ""
    expected: str = ""
    explanation: str = ""
    where: SourceLine | None = None
    hint: str = ""
    misconception: str = ""
    sentence: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskFeedback:
    """One task. `words` say its state; `silent` if there is nothing more to say than that."""

    number: int
    id: str
    title: str
    bonus: bool
    earned: float
    possible: float
    state: str
    words: str
    silent: bool
    tests: tuple[TestFeedback, ...]

    @property
    def symbol(self) -> str:
        """A sign for the state, for those who do not see its colour."""
        return words.SYMBOLS[self.state]

    @property
    def open(self) -> bool:
        """Whether its tests are shown at once: something in it is not right."""
        return self.state != "all" and not self.silent


@dataclass(frozen=True)
class Notice:
    """Something about the file as a whole."""

    title: str
    text: str
    where: SourceLine | None = None


@dataclass(frozen=True)
class Step:
    """What to do next."""

    title: str
    text: str
    hint: str


@dataclass(frozen=True)
class Retrieval:
    """P@1 on classes never seen, before and after training, and a picture of the nearest images."""

    before: float | None
    after: float | None
    grid: Grid | None


@dataclass(frozen=True)
class Feedback:
    """Everything a student's report says. `points` are those before lateness; `late` says what that takes off."""

    title: str
    version: str
    file: str
    graded: bool
    whole: bool
    points: float
    possible: float
    bonus: float
    bonus_possible: float
    summary: str
    late: str
    notices: tuple[Notice, ...]
    tasks: tuple[TaskFeedback, ...]
    next_step: Step | None
    retrieval: Retrieval | None
    checkpoint: Retrieval | None


def feedback(record: Record, manifest: Manifest, source: str = "") -> Feedback:
    """Say to a student what their record says.

    Args:
        record: of the grade. manifest: for limits, names, hints.
        source: the submitted text; without it no lines are quoted and no renamed function is recognised.
    """
    reader = _Reader(record, manifest, source)
    tasks = tuple(reader.task(entry) for entry in record.tasks)
    ordinary = [task for task in tasks if not task.bonus]
    complete = sum(task.state == "all" for task in ordinary)
    told = Feedback(
        title=manifest.title,
        version=manifest.version,
        file=one_line(record.submission.name, 80) or manifest.file,
        graded=True,
        whole=record.asked_tasks is None,
        points=record.points,
        possible=sum(task.possible for task in ordinary),
        bonus=record.bonus,
        bonus_possible=sum(task.possible for task in tasks if task.bonus),
        summary=_summary(tasks, complete, len(ordinary)),
        late=late.told(record),
        notices=reader.notices(),
        tasks=tasks,
        next_step=reader.next_step(tasks),
        retrieval=_retrieval(record, manifest.training_task.id),
        checkpoint=_retrieval(record, manifest.checkpoint_task.id),
    )
    return in_cells(told, reader.notebook) if reader.notebook else told


class _Reader:
    """Translates the entries of one record."""

    def __init__(self, record: Record, manifest: Manifest, source: str) -> None:
        self.record = record
        self.manifest = manifest
        self.source = source
        self.notebook = record.submission.notebook
        self.known = safe.vocabulary(manifest)
        self.lines = re.split(r"\r\n|\r|\n", source) if source else []

    def where(self, line: Any) -> SourceLine | None:
        """A line of the file, if it exists and holds something."""
        number = safe.line_number(line, len(self.lines))
        text = code_line(self.lines[number - 1]) if number else ""
        return SourceLine(number, text) if text else None

    def definition(self, name: str) -> SourceLine | None:
        """The line where the file defines a function or class; the last one, which is the one that counts."""
        starts = [match.start(1) for match in DEFINITION.finditer(self.source) if match[1] == name]
        return self.where(len(re.findall(r"\r\n|\r|\n", self.source[: starts[-1]])) + 1) if starts else None

    def task(self, entry: TaskResult) -> TaskFeedback:
        """One task's entry."""
        known = self.manifest.task(entry.id)
        state = entry.shown_state
        gone = state == NOT_IMPLEMENTED and entry.missing
        text = words.NOT_THERE if gone else words.STATES[state]
        if self.record.never_ran:
            state, text = "skipped", "not run: see the top of this report"
        elif state == "skipped" and entry.tests[0].problem:
            text = f"waits: it {safe.problem(entry.tests[0].problem, len(self.lines))}"
        return TaskFeedback(
            number=known.number,
            id=known.id,
            title=known.title,
            bonus=known.bonus,
            earned=entry.earned,
            possible=entry.possible,
            state=state,
            words=text,
            silent=state in (NOT_IMPLEMENTED, "skipped") and not gone,  # it may only have another name
            tests=self.tests(known, entry.tests),
        )

    def tests(self, task: Task, entries: Sequence[TestResult]) -> tuple[TestFeedback, ...]:
        """A task's tests; failures that end in the same way are told once."""
        texts = [entry.behaviour for entry in entries]
        found: list[TestFeedback] = []
        first: dict[tuple[Any, ...], int] = {}
        for entry in entries:
            test = self.test(task, entry)
            if texts.count(entry.behaviour) > 1 and (case := re.search(r"\[([\w -]+)\]$", entry.name)):
                test = replace(test, behaviour=f"{test.behaviour} ({case[1]})")
            key = (entry.reason, test.state, test.headline, test.explanation, test.where)
            if key in first and entry.reason not in ("", Reason.UNEXPECTED):
                same = found[first[key]]
                also = (*same.also, test.behaviour)
                found[first[key]] = replace(same, also=also, points=same.points + test.points)
                continue
            first.setdefault(key, len(found))
            if any(test.misconception == earlier.misconception for earlier in found):
                test = replace(test, sentence="")  # it has been said
            found.append(test)
        return tuple(found)

    def test(self, task: Task, entry: TestResult) -> TestFeedback:
        """One test's entry."""
        result = TestFeedback(one_line(entry.behaviour), entry.points, entry.status)
        if entry.status == "passed":
            return result
        reason = entry.reason
        called = safe.called(entry.called, self.known)
        result = replace(result, called=called, where=self.where(entry.line), hint=one_line(entry.hint))
        name = called.removeprefix("the gradient of ").partition("(")[0]
        if reason == Reason.UNEXPECTED:
            return self._unexpected(result, entry)
        if reason == Reason.EXCEPTION:
            return self._exception(result, entry)
        if reason == Reason.NOT_IMPLEMENTED:
            needs = safe.problem(entry.problem, len(self.lines))
            text = f"Not implemented yet: it {needs}." if needs.startswith("needs") else "Not implemented yet."
            return replace(result, headline=text, called="", hint="", where=None)
        if reason == Reason.PREREQUISITE:
            needs = safe.problem(entry.problem, len(self.lines))
            text = f"Not run: {'it ' if needs.startswith('needs') else ''}{needs}."
            return replace(result, headline=text, called="", hint="", where=None)
        if reason in (Reason.IMPORT, Reason.SYNTAX):
            return replace(result, headline="Not run: the file could not be imported.", called="", hint="", where=None)
        if reason == Reason.MISSING:
            return replace(result, headline=self._missing(task, name), called="", hint="", where=None)
        if reason == Reason.SIGNATURE:
            text = f"`{name}` cannot be called with the task's arguments. Compare its definition with the handout."
            return replace(result, headline=text, hint="", where=self.definition(name.rpartition(".")[2]))
        if reason == Reason.VALUE:
            return replace(result, headline=words.value_problem(entry.message), where=None)
        if reason == Reason.TIMEOUT and entry.message.startswith("not tried again"):
            reason = "not tried"
        text = words.session_problem(reason, self.manifest.limits, task.trains)
        if task == self.manifest.checkpoint_task and reason in words.SESSION_WORDS:  # it has limits of its own
            text = f"Your file {words.SESSION_WORDS[reason]} while it described images with the checkpoint's network."
        return replace(result, headline=text, where=None)

    def _unexpected(self, result: TestFeedback, entry: TestResult) -> TestFeedback:
        shown = entry.shown
        value, wanted = entry.returned, entry.expected
        problem = one_line(entry.problem) if shown else safe.problem(entry.problem, len(self.lines))
        # the tests leave the arguments out where they look at something else than the value, such as a loop or a state
        given = (
            re.search(r"[(\[]", result.called) and "(...)" not in result.called and "more steps" not in entry.problem
        )
        none = "None came back: is a `return` missing at the end of the function?" if value is None and given else ""
        name, sentence = _misconception(entry.misconception)
        return replace(
            result,
            headline=f"{'There' if problem.startswith('are ') else 'It'} {problem}.",
            returned=_returned(value, shown) if given else "",
            expected=safe.shown(wanted) if shown and wanted is not None else "",
            explanation=none,
            misconception=name,
            sentence=sentence,
        )

    def _exception(self, result: TestFeedback, entry: TestResult) -> TestFeedback:
        name = safe.exception(entry.exception)
        line = f" in line {result.where.number}" if result.where else ""
        raised = f"raised {_article(name)}" if name else "raised an exception of your own"
        explanation = words.explain(name, entry.message)
        return replace(result, headline=f"Your code {raised}{line}.", explanation=explanation)

    def _missing(self, task: Task, name: str) -> str:
        """The sentence for a function that is not there; a renamed one is guessed from the file's own names."""
        wanted = name if name in task.names else " or ".join(task.names)
        found = [a or b for a, b in TOP_LEVEL.findall(self.source)[:MOST_NAMES]]
        known = {name for other in self.manifest.tasks for name in other.names}
        free = [own for own in dict.fromkeys(found) if own not in known]
        lower = {own.lower().replace("_", ""): own for own in reversed(free)}
        simple = wanted.lower().replace("_", "")
        near = difflib.get_close_matches(wanted, free, n=1, cutoff=0.6)
        guess = lower.get(simple) or (near[0] if near else "")
        return f"The file has no `{wanted}`" + (f"; did you rename it to `{one_line(guess, 60)}`?" if guess else ".")

    def notices(self) -> tuple[Notice, ...]:
        """What is wrong with the file as a whole: syntax errors, and why it could not be imported."""
        found = [self._syntax(entry) for entry in self.record.syntax[:20]]
        problem = self.record.import_problem
        if problem is not None and problem.kind != Reason.SYNTAX:
            found.append(self._import(problem))
        elif problem is not None and not found:
            message = one_line(problem.message, 200)
            found.append(Notice("The file is not valid Python", message, self.where(problem.line)))
        for note in self.notebook.notes if self.notebook else ():
            found.append(Notice("About the notebook", f"{one_line(note)}."))
        return tuple(found)

    def _syntax(self, entry: SyntaxFinding) -> Notice:
        line = safe.line_number(entry.line, max(len(self.lines), 1))
        column = safe.line_number(entry.column, 1000)
        place = f"line {line}" + (f", column {column}" if column else "")
        lost = one_line(entry.lost, 60)
        left_out = f" Because of it `{lost}` was left out; the rest of the file was graded." if lost else ""
        message = one_line(entry.message, 200)
        return Notice(f"Syntax error in {place}", f"Python says: {message.rstrip('.')}.{left_out}", self.where(line))

    def _import(self, problem: ImportProblem) -> Notice:
        title = "The file could not be imported, so nothing in it could be tested"
        if not self.record.never_ran:  # it was a later process of the same file: its words are not safe
            text = "After a test had ended the process, the file was imported again for the next one, and that failed."
            return Notice("The file could not be imported a second time", text)
        message = one_line(problem.message, 200)
        if problem.exception:
            text = f"Importing it raised {one_line(problem.exception, 80)}" + (f": {message}" if message else "")
            return Notice(title, text, self.where(problem.line))
        ending = words.SESSION_WORDS.get(message.partition(" ")[0], "did not come to an end")
        advice = 'Importing only defines functions and classes; the rest belongs under `if __name__ == "__main__":`.'
        return Notice(title, f"While it was imported, the file {ending}. {advice}")

    def next_step(self, tasks: Sequence[TaskFeedback]) -> Step | None:
        """The first task, bonus last, that is not complete; None if all are, or if the file itself comes first."""
        if problem := self.record.import_problem:
            line = self.where(problem.line)
            place = f"; start at line {line.number}" if line else ""
            return Step("The file itself", f"Make `python {self.manifest.file}` run without an error{place}.", "")
        open_tasks = [task for task in tasks if task.state not in ("all", "skipped")]
        open_tasks.sort(key=lambda task: task.bonus)
        if not open_tasks:
            return None
        task = open_tasks[0]
        title = f"{'Bonus task' if task.bonus else 'Task'} {task.number}: {task.title}"
        failed = next((test for test in task.tests if test.state == "failed"), None)
        if failed is None or task.silent:
            hints = self.manifest.task(task.id).hints
            return Step(title, "Not implemented yet.", one_line(hints[0]) if hints else "")
        return Step(title, f"“{failed.behaviour}”: {failed.headline}", failed.sentence or failed.hint)


def _returned(value: Any, shown: bool) -> str:
    """What came back: with its numbers if it was a shown test, then its dtype and shape."""
    kind = safe.kind(value)
    numbers = safe.shown(value) if shown else kind
    return numbers if numbers == kind or not isinstance(value, dict) else f"{numbers}, {kind}"


def _misconception(name: Any) -> tuple[str, str]:
    """Name and sentence of a misconception by its id; empty if there is none."""
    if name:
        for known in catalogue.load():
            if known.id == name:
                return known.name, known.sentence
    return "", ""


def _retrieval(record: Record, task: str) -> Retrieval | None:
    """What the test of the improvement or of the checkpoint measured, if it came that far."""
    for entry, test in record.tests():
        if entry.id == task:
            details = test.details
            before, after = (_share(details.get(f"p_at_1_{when}")) for when in ("before", "after"))
            grid = read_grid(details.get("grid"))
            if before is not None or after is not None or grid is not None:
                return Retrieval(before, after, grid)
    return None


def _share(value: Any) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and 0 <= value <= 1 else None


def _summary(tasks: Sequence[TaskFeedback], complete: int, count: int) -> str:
    if all(task.state == NOT_IMPLEMENTED for task in tasks):
        return "Nothing is implemented yet. The next step says where to begin."
    if not count:
        return "Only bonus tasks were graded."
    if complete == count:
        return "Every task is complete." if count > 1 else "The task is complete."
    if count == 1:
        return "The task is not complete yet."
    return f"{complete} of {count} tasks {'is' if complete == 1 else 'are'} complete."


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
