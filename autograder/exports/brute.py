"""BRUTE: one line per student with login and points, for its form for the points of many students."""

from __future__ import annotations

import re

from autograder.exports import ExportError
from autograder.exports.exclusions import certain
from autograder.exports.results import Results
from autograder.exports.sheet import number
from autograder.intake.classes import ASIDE

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OWN_NUMBERS = ("moodle", "canvas", "gradescope")  # platforms that name submissions by their own numbers, not by logins


def points_file(results: Results, bonus: bool = True) -> tuple[str, list[str]]:
    """Return lines `login;points` without a header, and notes about students who are not in the file.

    Keys that cannot be a login (with spaces, or like a formula) are omitted.

    Raises:
        ExportError: no student has a grade and a login.
    """
    students, notes = certain(results.students)
    lines = []
    for result in students:
        login = result.row.login or result.row.key
        if LOGIN.fullmatch(login):
            lines.append(f"{login};{number(result.final(bonus))}\n")
        else:
            notes.append(f"{login}: it is not a login; omitted")
    if not lines:
        raise ExportError(
            "no student has a grade and a login; run the batch with --roster and a list that has the logins"
        )
    platform = results.whole.platform
    if platform in OWN_NUMBERS and any(result.row.standing == ASIDE for result in students):
        notes.append(f"the lines begin with identifiers of {platform}; to get logins, run the batch with --roster")
    return "".join(lines), notes
