"""The table of tasks in the handout, written from the manifest between two markers."""

from __future__ import annotations

from assignment.manifest import Manifest

BEGIN = "<!-- tasks: made from assignment.toml by `python -m autograder release`; edits are lost -->"
END = "<!-- end of tasks -->"


class HandoutError(ValueError):
    """The markers of the table are missing."""


def table(manifest: Manifest) -> str:
    """Write the tasks as a Markdown table."""
    rows = ["| | task | write | points | needs |", "|---:|---|---|---:|---|"]
    for task in manifest.tasks:
        names = ", ".join(f"`{name}`" for name in task.names)
        needs = ", ".join(str(manifest.task(other).number) for other in task.needs) or "–"
        rows.append(f"| {task.number} | {task.title} (`{task.id}`) | {names} | {task.worth} | {needs} |")
    rows.append(f"| | **together** | | **{manifest.points:g} + {manifest.bonus_points:g}** | |")
    return "\n".join(rows)


def with_table(text: str, manifest: Manifest) -> str:
    """Return the handout with a new table; HandoutError if the markers are missing or in the wrong order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise HandoutError(f"assignment/README.md: no table of tasks; add the lines '{BEGIN}' and '{END}'")
    return f"{before}{BEGIN}\n{table(manifest)}\n{END}{after}"
