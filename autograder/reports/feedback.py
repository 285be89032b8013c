"""Make a student's feedback from the record. Everything that students read passes through this module.

Of a hidden test they see the call, type and shape of the returned value, the grader's sentence and the hint; never a
value, and never a text that the student's process wrote. Values of a shown test are visible: its inputs are public and
it ran before any hidden test. So is the message of a failed import. All texts are plain; the renderers escape them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

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
    """A line of the student's file, or of a cell of the notebook (cells count from 1; 0: not a notebook)."""

    number: int
    text: str
    cell: int = 0

    @property
    def position(self) -> str:
        """Its position: "line 12", "cell 7, line 3"."""
        return f"cell {self.cell}, line {self.number}" if self.cell else f"line {self.number}"


@dataclass(frozen=True)
class TestFeedback:
    """One tested behaviour.

    Attributes:
        state: "passed", "failed" or "skipped". headline: what happened, in one sentence.
        called, returned, expected: "" if there is none. explanation: what such an error usually means.
        misconception, sentence: name and explanation of the misconception that gives the same values.
        also: behaviours of other tests of the task that failed in the same way; `points` includes theirs.
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
    """One task. `words` describe its state; `silent`: whether there are no details."""

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
        """A symbol for the state, which does not depend on colours."""
        return words.SYMBOLS[self.state]

    @property
    def open(self) -> bool:
        """Whether its tests are shown without a click: some of them failed."""
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
    """P@1 on unseen classes, before and after training, and a grid of the nearest images."""

    before: float | None
    after: float | None
    grid: Grid | None


@dataclass(frozen=True)
class Feedback:
    """The contents of a student's report. `points` are before the deduction for lateness, which `late` describes."""

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
    """Return the feedback for the student of a record.

    Args:
        record: the record. manifest: limits, names and hints.
        source: the submitted source; without it no lines are quoted and no renamed function is recognised.
    """
    reader = _Reader(record, manifest, source)
    tasks = tuple(reader.task(entry) for entry in record.tasks)
    ordinary = [task for task in tasks if not task.bonus]
    complete = sum(task.state == "all" for task in ordinary)
    found = Feedback(
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
        late=late.sentence(record),
        notices=reader.notices(),
        tasks=tasks,
        next_step=reader.next_step(tasks),
        retrieval=_retrieval(record, manifest.training_task.id),
        checkpoint=_retrieval(record, manifest.checkpoint_task.id),
    )
    return in_cells(found, reader.notebook) if reader.notebook else found


class _Reader:
    """Converts the entries of one record."""

    def __init__(self, record: Record, manifest: Manifest, source: str) -> None:
        self.record = record
        self.manifest = manifest
        self.source = source
        self.notebook = record.submission.notebook
        self.known = safe.vocabulary(manifest)
        self.lines = re.split(r"\r\n|\r|\n", source) if source else []

    def where(self, line: object) -> SourceLine | None:
        """A line of the file, None if it is empty or does not exist."""
        number = safe.line_number(line, len(self.lines))
        text = code_line(self.lines[number - 1]) if number else ""
        return SourceLine(number, text) if text else None

    def definition(self, name: str) -> SourceLine | None:
        """The line where the file defines a function or class; the last definition, which is in effect."""
        starts = [match.start(1) for match in DEFINITION.finditer(self.source) if match[1] == name]
        return self.where(len(re.findall(r"\r\n|\r|\n", self.source[: starts[-1]])) + 1) if starts else None

    def task(self, entry: TaskResult) -> TaskFeedback:
        """One task's entry."""
        known = self.manifest.task(entry.id)
        state = entry.shown_state
        missing = state == NOT_IMPLEMENTED and entry.missing
        text = words.MISSING if missing else words.STATES[state]
        if self.record.never_ran:
            state, text = "skipped", "not run: see the top of this report"
        elif state == "skipped" and entry.tests[0].problem:
            text = f"not run: it {safe.problem(entry.tests[0].problem, len(self.lines))}"
        return TaskFeedback(
            number=known.number,
            id=known.id,
            title=known.title,
            bonus=known.bonus,
            earned=entry.earned,
            possible=entry.possible,
            state=state,
            words=text,
            silent=state in (NOT_IMPLEMENTED, "skipped") and not missing,  # the details say whether it was renamed
            tests=self.tests(known, entry.tests),
        )

    def tests(self, task: Task, entries: Sequence[TestResult]) -> tuple[TestFeedback, ...]:
        """A task's tests; tests that failed in the same way are one entry."""
        texts = [entry.behaviour for entry in entries]
        found: list[TestFeedback] = []
        first: dict[tuple[object, ...], int] = {}
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
                test = replace(test, sentence="")  # an earlier test has it
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
            text = f"`{name}` cannot be called with the task's arguments. Compare its signature with the handout."
            return replace(result, headline=text, hint="", where=self.definition(name.rpartition(".")[2]))
        if reason == Reason.VALUE:
            return replace(result, headline=words.value_problem(entry.message), where=None)
        if reason == Reason.TIMEOUT and entry.message.startswith("not tried again"):
            reason = "not tried"
        text = words.session_problem(reason, self.manifest.limits, task.trains)
        if task == self.manifest.checkpoint_task and reason in words.SESSION_WORDS:  # a checkpoint has other limits
            text = (
                f"Your file {words.SESSION_WORDS[reason]} while it computed descriptors with the checkpoint's network."
            )
        return replace(result, headline=text, where=None)

    def _unexpected(self, result: TestFeedback, entry: TestResult) -> TestFeedback:
        shown = entry.shown
        value, wanted = entry.returned, entry.expected
        problem = one_line(entry.problem) if shown else safe.problem(entry.problem, len(self.lines))
        # tests that check something else than the value, such as loops or a state, omit the arguments
        given = (
            re.search(r"[(\[]", result.called) and "(...)" not in result.called and "more steps" not in entry.problem
        )
        none = "The function returned None: is a `return` missing at its end?" if value is None and given else ""
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
        raised = f"raised {_article(name)}" if name else "raised an exception"
        explanation = words.explain(name, entry.message)
        return replace(result, headline=f"Your code {raised}{line}.", explanation=explanation)

    def _missing(self, task: Task, name: str) -> str:
        """The sentence for a function that is not defined; names a similar one of the file, if there is one."""
        wanted = name if name in task.names else " or ".join(task.names)
        found = [a or b for a, b in TOP_LEVEL.findall(self.source)[:MOST_NAMES]]
        known = {name for other in self.manifest.tasks for name in other.names}
        free = [name for name in dict.fromkeys(found) if name not in known]
        lower = {name.lower().replace("_", ""): name for name in reversed(free)}
        simple = wanted.lower().replace("_", "")
        near = difflib.get_close_matches(wanted, free, n=1, cutoff=0.6)
        guess = lower.get(simple) or (near[0] if near else "")
        return f"The file does not define `{wanted}`" + (
            f"; did you rename it to `{one_line(guess, 60)}`?" if guess else "."
        )

    def notices(self) -> tuple[Notice, ...]:
        """Problems of the whole file: syntax errors, and why it could not be imported."""
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
        position = f"line {line}" + (f", column {column}" if column else "")
        lost = one_line(entry.lost, 60)
        left_out = f" `{lost}` was removed because of it; the rest of the file was graded." if lost else ""
        message = one_line(entry.message, 200)
        return Notice(f"Syntax error in {position}", f"Python says: {message.rstrip('.')}.{left_out}", self.where(line))

    def _import(self, problem: ImportProblem) -> Notice:
        title = "The file could not be imported, so nothing in it could be tested"
        if not self.record.never_ran:  # a later process of the file failed, and its message may hold hidden values
            text = "A test ended the process. The file was imported again for the next test, and that failed."
            return Notice("The file could not be imported a second time", text)
        message = one_line(problem.message, 200)
        if problem.exception:
            text = f"Importing it raised {one_line(problem.exception, 80)}" + (f": {message}" if message else "")
            return Notice(title, text, self.where(problem.line))
        ending = words.SESSION_WORDS.get(message.partition(" ")[0], "did not finish")
        advice = 'The file should only define functions and classes; put other code under `if __name__ == "__main__":`.'
        return Notice(title, f"During the import the file {ending}. {advice}")

    def next_step(self, tasks: Sequence[TaskFeedback]) -> Step | None:
        """The import if it failed, else the first incomplete task, bonus tasks last; None if all are complete."""
        if problem := self.record.import_problem:
            line = self.where(problem.line)
            advice = f"; start at line {line.number}" if line else ""
            return Step("Import the file", f"Make `python {self.manifest.file}` run without an error{advice}.", "")
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


def _returned(value: JsonValue, shown: bool) -> str:
    """The returned value: of a shown test its numbers, then its dtype and shape."""
    kind = safe.kind(value)
    numbers = safe.shown(value) if shown else kind
    return numbers if numbers == kind or not isinstance(value, dict) else f"{numbers}, {kind}"


def _misconception(name: str) -> tuple[str, str]:
    """Name and sentence of a misconception by its id; empty if there is none."""
    known = catalogue.find(name)
    return (known.name, known.sentence) if known else ("", "")


def _retrieval(record: Record, task: str) -> Retrieval | None:
    """The measurements of the improvement or of the checkpoint, None if the test did not get that far."""
    for entry, test in record.tests():
        if entry.id == task:
            details = test.details
            before, after = (_share(details.get(f"p_at_1_{when}")) for when in ("before", "after"))
            grid = read_grid(details.get("grid"))
            if before is not None or after is not None or grid is not None:
                return Retrieval(before, after, grid)
    return None


def _share(value: JsonValue) -> float | None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= 1 else None


def _summary(tasks: Sequence[TaskFeedback], complete: int, count: int) -> str:
    if all(task.state == NOT_IMPLEMENTED for task in tasks):
        return "Nothing is implemented yet. Begin with the next step below."
    if not count:
        return "Only bonus tasks were graded."
    if complete == count:
        return "Every task is complete." if count > 1 else "The task is complete."
    if count == 1:
        return "The task is not complete yet."
    return f"{complete} of {count} tasks {'is' if complete == 1 else 'are'} complete."


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
