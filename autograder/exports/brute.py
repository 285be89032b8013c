"""BRUTE: one line per student, the login and the points, for its form that takes points of many students at once."""

from __future__ import annotations

import re

from autograder.exports import ExportError
from autograder.exports.results import Results
from autograder.exports.sheet import number

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def points_file(results: Results, bonus: bool = True) -> tuple[str, list[str]]:
    """The file `login;points` without a header, and notes about students who are not in it.

    A key that is no login (it has spaces, it looks like a formula) is left out: BRUTE would not know it either.

    Raises:
        ExportError: nobody has both a grade and a login.
    """
    lines, notes = [], []
    for result in results.students:
        if not result.graded:
            notes.append(f"{result.key}: has no grade ({result.problem}); left out")
        elif not LOGIN.fullmatch(result.key):
            notes.append(f"{result.key}: is no login; left out")
        else:
            lines.append(f"{result.key};{number(result.final(bonus))}\n")
    if not lines:
        raise ExportError(
            "nobody has a grade and a login: run the batch with --roster, whose first column is the login"
        )
    return "".join(lines), notes
