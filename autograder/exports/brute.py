"""BRUTE: one line per student, the login and the points, for its form that takes points of many students at once."""

from __future__ import annotations

import re

from autograder.exports import ExportError
from autograder.exports.exclusions import certain
from autograder.exports.results import Results
from autograder.exports.sheet import number
from autograder.intake.classes import ASIDE

LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OWN_NUMBERS = ("moodle", "canvas", "gradescope")  # platforms that name hand-ins by numbers of their own, not by logins


def points_file(results: Results, bonus: bool = True) -> tuple[str, list[str]]:
    """The file `login;points` without a header, and notes about students who are not in it.

    What is no login (it has spaces, it looks like a formula) is left out: BRUTE would not know it either.

    Raises:
        ExportError: nobody has both a grade and a login.
    """
    students, notes = certain(results.students)
    lines = []
    for result in students:
        login = result.row.login or result.row.key
        if LOGIN.fullmatch(login):
            lines.append(f"{login};{number(result.final(bonus))}\n")
        else:
            notes.append(f"{login}: is no login; left out")
    if not lines:
        raise ExportError("nobody has a grade and a login: run the batch with --roster, a list that has the logins")
    platform = results.whole.platform
    if platform in OWN_NUMBERS and any(result.row.standing == ASIDE for result in students):
        notes.append(f"the lines begin with {platform}'s identifiers; for logins run the batch with --roster")
    return "".join(lines), notes
