"""Write a record and its reports into a folder: all of them or none, never half a file."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from autograder.grading.record import Record, to_json
from autograder.reports import html, markdown
from autograder.reports.feedback import Feedback


class ReportError(OSError):
    """The reports could not be written; the message is one line that says what to do."""


@dataclass(frozen=True)
class Written:
    """Where the reports are."""

    record: Path
    html: Path
    markdown: Path


def write_reports(record: Record, feedback: Feedback, out: Path) -> Written:
    """Write record.json, feedback.html and feedback.md into `out`, which is made if it is not there.

    Raises ReportError if the folder cannot be written; files of an earlier run are then still as they were.
    """
    paths = Written(out / "record.json", out / "feedback.html", out / "feedback.md")
    _write_all({paths.record: to_json(record), **_pages(feedback, out)}, out)
    return paths


def write_pages(feedback: Feedback, out: Path) -> None:
    """Write feedback.html and feedback.md alone, where there is no record; ReportError likewise."""
    _write_all(_pages(feedback, out), out)


def _pages(feedback: Feedback, out: Path) -> dict[Path, str]:
    return {out / "feedback.html": html.render(feedback), out / "feedback.md": markdown.render(feedback)}


def _write_all(texts: dict[Path, str], out: Path) -> None:
    temporary = {path: path.with_name(f".{path.name}.{os.getpid()}.new") for path in texts}
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            _write(temporary[path], text)
        for path in texts:
            os.replace(temporary[path], path)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ReportError(
            f"the reports cannot be written to {out} ({reason}); name another folder with --out"
        ) from None
    finally:
        for path in temporary.values():
            with suppress(OSError):
                path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write one more file beside the reports; ReportError if that is not possible."""
    try:
        _write(path, text)
    except (OSError, UnicodeEncodeError) as problem:
        raise ReportError(f"{path} cannot be written ({getattr(problem, 'strerror', None) or problem})") from None


def _write(path: Path, text: str) -> None:
    """Write a new file to the disk; a full disk shows here, not later."""
    with suppress(FileNotFoundError):
        path.unlink()
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
