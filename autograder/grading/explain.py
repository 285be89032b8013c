"""Show the calls of a task's hidden tests and the values that the student's file and the reference returned.

For the instructor's terminal only: hidden inputs and values are shown. Nothing here is written to a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.text import Text

from assignment.checking.outcome import PASSED, Outcome
from assignment.checking.student import Request, Response, StudentError
from assignment.manifest import Manifest
from assignment.text import one_line
from autograder.grading.grade import Perform, run_tests
from autograder.grading.reference_files import reference as reference_source
from autograder.grading.reference_files import submission_of
from autograder.intake import Submission
from autograder.sandbox.wall import Wall

LONGEST = 400  # characters of one value


@dataclass(frozen=True)
class Call:
    """One request of a test with its arguments, and the response: a value or an error, or none yet."""

    text: str
    arguments: list[tuple[str, object]]
    value: object = None
    error: str = ""
    answered: bool = True


@dataclass
class Trace:
    """The outcome of one test with one file, and its calls."""

    outcome: Outcome | None = None
    calls: list[Call] = field(default_factory=list)


class Recorder:
    """Records the requests of tests and the responses to them.

    Attributes:
        traces: finished tests by name.
    """

    def __init__(self) -> None:
        self.traces: dict[str, Trace] = {}
        self._current = Trace()

    def recorded(self, perform: Perform) -> Perform:
        """Start a new trace; return `perform` with recording."""
        self._current = Trace()

        def recording(request: Request) -> Response:
            for waited in request.get("before", []):
                self._current.calls.append(Call(_text(waited), _arguments(waited), answered=False))
            try:
                response = perform(request)
            except StudentError as problem:
                self._current.calls.append(Call(_text(request), _arguments(request), error=f"{problem}"))
                raise
            error = response.get("error")
            message = f"{error.get('type_name') or error.get('kind')}: {error.get('message')}" if error else ""
            value = {"value": response.get("value")}
            value |= {"gradients": response["gradients"]} if response.get("gradients") else {}
            self._current.calls.append(Call(_text(request), _arguments(request), value, message))
            return response

        return recording

    def note(self, outcome: Outcome) -> None:
        """Complete the trace of a test with its outcome."""
        self._current.outcome = outcome
        self.traces[outcome.test] = self._current
        self._current = Trace()


def trace(submission: Submission, wall: Wall, manifest: Manifest, seed: int, task: str) -> dict[str, Trace]:
    """Run one task's tests, and those of tasks it needs; return the task's traces by test name."""
    recorder = Recorder()
    with wall.session(submission.source) as session:
        run_tests(session, manifest, seed, [task], None, recorder.note, recorder.recorded)
    return {name: one for name, one in recorder.traces.items() if one.outcome and one.outcome.task == task}


def explain(submission: Submission, wall: Wall, manifest: Manifest, seed: int, task: str, console: Console) -> None:
    """Print the hidden tests of a task that this file does not pass: inputs, values, the reference's values."""
    student = trace(submission, wall, manifest, seed, task)
    reference = trace(submission_of("reference", reference_source()), wall, manifest, seed, task)
    failed = {name: one for name, one in student.items() if one.outcome and one.outcome.status != PASSED}
    console.print(
        Text(f"\n{manifest.task(task).label}, seed {seed}: {len(failed)} of {len(student)} tests not passed", "bold")
    )
    if not failed:
        console.print(Text("nothing to explain: all tests of this task pass", "green"))
    for name, one in failed.items():
        for line in _lines(name, one, reference.get(name, Trace())):
            console.print(line, soft_wrap=True, highlight=False)


def _lines(name: str, student: Trace, reference: Trace) -> Iterator[Text]:
    outcome = student.outcome
    if outcome is None:
        return
    yield Text(f"\n{name}: {outcome.behaviour}", "bold")
    problem = outcome.problem or outcome.message or outcome.reason
    yield Text(f"  {outcome.status}: {one_line(f'{outcome.called} {problem}', LONGEST)}", "red")
    for number, call in enumerate(student.calls):
        yield Text(f"  {one_line(call.text, 200)}")
        for label, value in call.arguments:
            yield Text(f"    {label} = {shown(value)}", "dim")
        if not call.answered:
            continue
        other = reference.calls[number] if number < len(reference.calls) else None
        yield Text(f"    student:   {one_line(call.error, LONGEST) if call.error else _values(call.value)}", "yellow")
        if other is not None and other.answered:
            yield Text(f"    reference: {other.error or _values(other.value)}", "green")
    if outcome.expected is not None:
        yield Text(f"  expected:  {shown(outcome.expected)}", "green")


def _values(value: object) -> str:
    if not isinstance(value, dict):
        return shown(value)
    return "; ".join(shown(part) if key == "value" else f"{key} {shown(part)}" for key, part in value.items())


def shown(value: object) -> str:
    """A value in one line: arrays with dtype, shape and their numbers, of long ones the first and last."""
    if isinstance(value, dict) and "$object" in value:
        return f"object {value['$object']}"
    if isinstance(value, np.ndarray):
        with np.printoptions(precision=5, threshold=40, edgeitems=3, linewidth=10_000, suppress=True):
            text = one_line(np.array2string(value, separator=", "), LONGEST)
        return f"{value.dtype} {value.shape} {text}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(shown(part) for part in value[:8])}{', …' if len(value) > 8 else ''}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{one_line(k, 40)}: {shown(v)}' for k, v in list(value.items())[:8])}}}"
    return one_line(repr(value), LONGEST)


def _text(request: Request) -> str:
    extra = [key for key in ("gradient", "count", "method") if request.get(key)]
    return f"{request['op']} {request['name']}{f' ({extra[0]})' if extra else ''}"


def _arguments(request: Request) -> list[tuple[str, object]]:
    numbered = [(f"argument {number}", value) for number, value in enumerate(request.get("args", []), start=1)]
    return numbered + list(request.get("kwargs", {}).items())
