"""Write a record and its reports into a folder: all of them or none, and no partial file."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from assignment.files import replacing, write_whole
from autograder.grading.record import Record, to_json
from autograder.reports import html, markdown
from autograder.reports.feedback import Feedback


class ReportError(OSError):
    """The reports could not be written; the message is one line that says what to do."""


@dataclass(frozen=True)
class Written:
    """Paths of the reports."""

    record: Path
    html: Path
    markdown: Path


def write_reports(record: Record, feedback: Feedback, out: Path) -> Written:
    """Write record.json, feedback.html and feedback.md into the folder `out`, which is created if necessary.

    Raises:
        ReportError: the folder cannot be written. The files of an earlier run are then unchanged.
    """
    paths = Written(out / "record.json", out / "feedback.html", out / "feedback.md")
    _write_all({paths.record: to_json(record), **_pages(feedback, out)}, out)
    return paths


def write_pages(feedback: Feedback, out: Path) -> None:
    """Write feedback.html and feedback.md of a student without a record; ReportError as in `write_reports`."""
    _write_all(_pages(feedback, out), out)


def write_text(path: Path, text: str) -> None:
    """Write another file beside the reports; ReportError if that fails."""
    try:
        write_whole(path, text)
    except (OSError, UnicodeEncodeError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise ReportError(f"{path} cannot be written ({reason}); name another folder with --out") from None


def _pages(feedback: Feedback, out: Path) -> dict[Path, str]:
    return {out / "feedback.html": html.render(feedback), out / "feedback.md": markdown.render(feedback)}


def _write_all(texts: dict[Path, str], out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:  # closing it replaces the earlier files, once all new ones are on the disk
            for path, text in texts.items():
                file = stack.enter_context(replacing(path))
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ReportError(
            f"the reports cannot be written to {out} ({reason}); name another folder with --out"
        ) from None
