"""Exit statuses of all commands, and how a command stops with one."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from assignment.text import one_line

OK, FAULT, USAGE, UNUSABLE, UNTRUSTED, UNWRITTEN = range(6)
INTERRUPTED, TERMINATED = 130, 143  # 128 + number of the signal, as shells report it
MEANING = {
    OK: "done, with any grade",
    FAULT: "a check failed (`selftest`, `release`, `grade --replay`), or a file of a `batch` crashed its sandbox twice",
    USAGE: "wrong options",
    UNUSABLE: "the input cannot be used (no submission, no class, a damaged record or sheet, an unreadable roster)",
    UNTRUSTED: "the grader cannot be trusted here (no isolation, a canary failed, a broken test, an unusable cluster)",
    UNWRITTEN: "the output cannot be written, or another run uses the folder",
    INTERRUPTED: "a `batch` was stopped with Ctrl-C",
    TERMINATED: "a `batch` was stopped with SIGTERM",
}
EPILOG = "Exit status: " + " · ".join(f"{status} {meaning}" for status, meaning in MEANING.items()) + "."
LONGEST = 2000  # characters of a message

errors = Console(stderr=True, highlight=False)


def stop(status: int, message: object) -> NoReturn:
    """Print one line to stderr and exit with this status."""
    errors.print(f"[bold red]error:[/] {escape(one_line(message, LONGEST))}", soft_wrap=True)
    raise typer.Exit(status)


def unwritable(problem: OSError) -> NoReturn:
    """Stop because a file cannot be written."""
    stop(
        UNWRITTEN,
        f"{problem.filename}: it cannot be written ({problem.strerror}); choose another path"
        if problem.filename
        else problem,
    )
