"""A student's `dml.py` in a notebook: import it, and show which tasks are still to do."""

from __future__ import annotations

import html
import os
from pathlib import Path
from types import ModuleType
from typing import Any

from assignment import todo
from assignment.checking.load import LoadError, load_module
from assignment.manifest import Task, load

FILE_VARIABLE = "DML"  # names the file for all notebooks, whatever their first cell says
_PROBLEM = "walkthrough_problem"
_STYLE = "border-left:4px solid {colour};background:#f4f6f8;color:#1a1a1a;padding:.6em 1em;margin:.3em 0;max-width:50em"
_TO_DO, _GOOD, _PLAIN = "#b35900", "#00875a", "#0055a4"


def student(path: str | Path = "dml.py") -> ModuleType:
    """Import a `dml.py` and show which tasks are still to do; run the cell again after each save.

    A relative path is searched in the working folder, then in the two above it. The environment variable `DML`, if set,
    names the file instead. If the file is missing or cannot be imported, the result is an empty module and a box shows
    the reason; nothing is raised, so that the sections that need no task still run.
    """
    wanted = Path(os.environ.get(FILE_VARIABLE) or path)
    file = find(wanted)
    try:
        if file is None:
            raise LoadError(f"{wanted}: not in this folder or the two above it; put it beside this notebook")
        module = load_module(file)
    except LoadError as problem:
        module = ModuleType("student_dml")
        module.__file__ = str(file or wanted)
        setattr(module, _PROBLEM, str(problem))
        _box(f"{wanted.name} cannot be used yet", [str(problem), "Save it and run this cell again."], _TO_DO)
        return module
    for name, others in load().aliases.items():  # notebooks use the first name of everything
        found = [getattr(module, other) for other in others if hasattr(module, other)]
        if found and not hasattr(module, name):
            setattr(module, name, found[0])
    left = todo.remaining(file)
    if left:
        _box(
            f"{file.name} is loaded; {len(left)} ordinary tasks are still to do",
            ["Sections of this notebook that need one of them say so and are skipped.", _check(file)],
            _PLAIN,
        )
    else:
        _box(f"{file.name} is loaded; every ordinary task is written", [], _GOOD)
    return module


def ready(dml: ModuleType, *task_ids: str) -> bool:
    """Whether these tasks (by id) and their prerequisites are written; if not, a box shows which are still to do."""
    if hasattr(dml, _PROBLEM):
        _box("This section needs dml.py", [getattr(dml, _PROBLEM)], _TO_DO)
        return False
    left = missing(dml, task_ids)
    if left:
        lines = [f"{task.label}: write {', '.join(f'`{name}`' for name in task.names)}" for task in left]
        _box(
            "This section waits for " + ("a task" if len(left) == 1 else f"{len(left)} tasks"),
            [*lines, _check(Path(str(dml.__file__)), left[0])],
            _TO_DO,
            [task.number for task in left],
        )
    return not left


def missing(dml: ModuleType, task_ids: tuple[str, ...]) -> list[Task]:
    """Tasks, prerequisites included, that still have a stub or whose names are not in the file."""
    manifest = load()
    wanted = manifest.with_prerequisites(manifest.task(task_id).id for task_id in task_ids)
    return [
        task
        for task, state, _ in todo.states(str(dml.__file__))
        if task.id in wanted and (state == todo.TO_DO or not all(hasattr(dml, name) for name in task.names))
    ]


def note(text: str) -> None:
    """Show a remark in a box."""
    _box(text, [], _PLAIN)


def find(path: Path) -> Path | None:
    """Return the file of this path in the working folder or in one of the two above it; None if there is none."""
    return next((folder / path for folder in near() if (folder / path).is_file()), None)


def near() -> list[Path]:
    """The working folder and the two above it."""
    here = Path.cwd()
    return [here, *here.parents][:3]


def _check(file: Path, task: Task | None = None) -> str:
    """The command that checks the file, or one task of it."""
    return f"Check it with `python -m assignment check {file.name}{f' --task {task.id}' if task else ''}`"


def _box(title: str, lines: list[str], colour: str, numbers: list[int] | None = None) -> None:
    from IPython.display import display

    def marked(line: str) -> str:  # `code` between backquotes
        parts = html.escape(line).split("`")
        return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))

    body = "".join(f"<div>{marked(line)}</div>" for line in lines)
    data: dict[str, Any] = {
        "text/html": f'<div style="{_STYLE.format(colour=colour)}"><b>{marked(title)}</b>{body}</div>',
        "text/plain": "\n".join([title, *lines]),
    }
    display(data, raw=True, metadata={"walkthrough": {"to_do": numbers or []}})
