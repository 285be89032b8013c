"""What a batch left in its folder: the summary, flags from records, and the files as they were handed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assignment.manifest import Manifest
from autograder.batch import SUMMARY
from autograder.intake import IntakeError, read_submission
from autograder.summary import SCHEMA

Tree = dict[str, Any]
KEPT = ("handed_in.py", "handed_in.ipynb")


class PageError(ValueError):
    """The page cannot be made; the message is one line that says what to do."""


def read_summary(folder: Path) -> Tree:
    """Read the class.json of a batch's folder; PageError if there is none, or none that can be read."""
    path = folder / SUMMARY
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise PageError(f"{path} does not exist; give the --out folder of a batch that has ended") from None
    except OSError as problem:
        raise PageError(f"{path} cannot be read ({problem.strerror}); check its permissions") from None
    except (ValueError, RecursionError):
        raise damaged(path) from None
    if not isinstance(tree, dict) or tree.get("schema") != SCHEMA:
        raise PageError(f"{path} has not the form that this version reads; run the batch again, it goes on from there")
    return tree


def damaged(path: Path) -> PageError:
    """The error for a file that this program did not write as it is."""
    return PageError(f"{path} is damaged; run the batch again, it writes it anew")


def read_flags(folder: Path, rows: list[Tree]) -> tuple[dict[str, list[str]], list[str]]:
    """What records flag, by the key of the student; and the keys of those whose record cannot be read."""
    flags: dict[str, list[str]] = {}
    unread: list[str] = []
    for row in rows:
        if not row["flags"]:
            continue
        try:
            record = json.loads((folder / row["folder"] / "record.json").read_text(encoding="utf-8"))
            flags[row["key"]] = [str(flag) for flag in record["flags"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            unread.append(row["key"])
    return flags, unread


def read_sources(folder: Path, rows: list[Tree], manifest: Manifest) -> dict[str, str]:
    """The text of each different file by its hash, in the order of the rows; what cannot be read is left out."""
    sources: dict[str, str] = {}
    for row in rows:
        if not row["sha256"] or row["sha256"] in sources:
            continue
        for name in KEPT:
            try:
                submission = read_submission(folder / row["folder"] / name, manifest)
            except IntakeError:
                continue
            if submission.sha256 == row["sha256"]:  # of another kind of file an earlier attempt may lie beside it
                sources[row["sha256"]] = submission.source
    return sources
