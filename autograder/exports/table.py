"""A CSV table of the class for spreadsheets, with all entries of class.json's rows."""

from __future__ import annotations

import csv
import io

from autograder.classroom.class_file import PROBLEM_KINDS
from autograder.exports.results import Results
from autograder.exports.sheet import MARK, guarded

FIXED = (
    "key", "name", "email", "in_roster", "state", "points", "bonus", "days_late", "loss", "final_points", "final_bonus",
    "total", "submitted", "attempts", "p_at_1", "flags", "misconceptions", "problem",
)  # fmt: skip


def as_csv(results: Results) -> str:
    """The table: UTF-8 with the byte order mark that Excel needs, all texts quoted and guarded against formulas."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    tasks = [task.id for task in results.whole.tasks]
    writer.writerow([*FIXED, *tasks])
    for result in results.students:
        row = result.row
        late = row.late
        known: list[object] = [
            *(
                guarded(text, 200)
                for text in (
                    row.key,
                    row.name,
                    row.email,
                    row.standing,
                    PROBLEM_KINDS.get(row.state, row.state),
                )
            ),
            *((row.points, row.bonus) if row.graded else ("", "")),
            _or_empty(late and late.days),
            _or_empty(late and late.loss),
            *((row.final.points, row.final.bonus, result.final()) if row.graded else ("", "", "")),
            guarded(row.submitted or ""),
            row.attempts,
            "" if row.p_at_1 is None else round(row.p_at_1, 4),
            row.flags,
            guarded(" ".join(row.misconceptions)),
            guarded(row.problem),
        ]
        writer.writerow([*known, *(row.tasks[task].earned if task in row.tasks else "" for task in tasks)])
    for absent in results.whole.missing:
        who = (guarded(text, 200) for text in (absent.key, absent.name, absent.email))
        cells = [*who, "", "missing"]
        writer.writerow([*cells, *([""] * (len(FIXED) + len(tasks) - len(cells)))])
    return MARK + out.getvalue()


def _or_empty(value: object) -> object:
    return "" if value is None else value
