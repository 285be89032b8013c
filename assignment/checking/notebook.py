"""`check("triplet-loss")` in a notebook: run the public tests of one task on what the notebook has defined so far."""

from __future__ import annotations

import contextlib
import io
import sys
import types
import warnings

from assignment.checking.outcome import PASSED, Outcome, Reason
from assignment.manifest import load

MODULE_NAME = "student_notebook"


class CheckFailed(AssertionError):
    """A check of the task failed; the message says what was called, what came back and what was expected."""

    def _render_traceback_(self) -> list[str]:
        """What Jupyter shows instead of a traceback through this package."""
        return str(self).splitlines()


def check(task: str) -> None:
    """Run the public checks of a task on the calling notebook's functions; print what passed.

    Output and warnings of the functions are shown and do not count as failures.

    Args:
        task: id or number.

    Raises:
        CheckFailed: a check failed, or the task is still to do. A bonus task that was not begun is only noted.
        UnknownTaskError: there is no such task; the message has the nearest id.
    """
    from assignment.check import DONE, EMPTY, judge
    from assignment.checking.home import check_module

    manifest = load()
    chosen = manifest.task(str(task)).id
    module = types.ModuleType(MODULE_NAME)
    module.__file__ = MODULE_NAME  # Jupyter itself reports lines of a notebook
    caller = sys._getframe(1).f_globals
    module.__dict__.update({name: value for name, value in caller.items() if not name.startswith("__")})
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed), warnings.catch_warnings():
        result = check_module(module, manifest, [chosen])
    entry = next(s for s in judge(result.outcomes, manifest) if s.task.id == chosen)
    for text in (*result.printed.values(), printed.getvalue()):
        if text.strip():
            print(text.rstrip())
    if entry.state == DONE:
        print(f"✓ {entry.task.label}: {len(entry.outcomes)} checks passed")
        return
    if entry.state == EMPTY and entry.task.bonus:
        print(f"○ {entry.task.label}: a bonus, not begun")
        return
    failure = entry.first_failure
    lines = _described(failure) if failure else []
    raise CheckFailed("\n".join([f"✗ {entry.task.label}: {entry.state}", *lines]))


def _described(failure: Outcome) -> list[str]:
    from assignment.checking.home import show

    facts = {"": failure.behaviour, "called": failure.called}
    if failure.reason == Reason.UNEXPECTED:
        facts["returned"] = show(failure.returned)
        if failure.expected is not None:
            facts["expected"] = show(failure.expected)
    elif failure.reason == Reason.EXCEPTION:
        facts["raised"] = f"{failure.exception}: {failure.message}"
    facts["problem"] = failure.problem or (
        "" if failure.reason == Reason.EXCEPTION else failure.message or failure.reason
    )
    facts["hint"] = failure.hint if failure.status != PASSED else ""
    return [f"  {label:9}{text}" for label, text in facts.items() if text]
