"""The results of the recipes: one JSON file per run in `results/`, and the tables and curves made from them.

No number is typed by hand: `python -m solution run` writes a run's file from its folder, `python -m solution tables`
writes `results/README.md` and the plots from all files. A recipe without a file is *not run*. Trials, used to choose
settings, have metrics of the validation classes only; they have a separate folder and page.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assignment.evaluation.intervals import plus_minus
from assignment.files import write_whole
from assignment.training import config
from solution.catalogue import FAMILIES, Recipe, load

FOLDER = Path(__file__).with_name("results")
KEPT = (
    "P@1",
    "P@5",
    "P@10",
    "R@1",
    "R@5",
    "R@10",
    "mAP",
    "MAP@R",
    "MAP@5",
    "hits",
    "auc",
    "eer",
    "n_queries",
    "n_lone",
)
CURVES = ("epoch", "loss", "lr", "P@1", "mAP")
# Settings that do not affect what is trained, only where and how fast.
OMITTED = ("root", "cache", "workers", "threads", "seed", "weights")

Row = dict[str, Any]


def row_of(
    recipe: Recipe, folder: Path, settings: dict[str, Any], changed: Iterable[str], took: tuple[float, float] | None
) -> Row:
    """Return what is kept of a finished run.

    Args:
        folder: of the run. settings: all of them. changed: names of those that differ from the recipe's.
        took: wall-clock seconds and CPU seconds of all cores, data, mining, training and evaluation included; None if
            the run was interrupted.
    """
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    versions = json.loads((folder / "versions.json").read_text(encoding="utf-8"))
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        epochs = list(csv.DictReader(file))
    history = [{name: float(epoch[name]) for name in CURVES if epoch[name]} for epoch in epochs]
    parts = evaluation["after"]
    row = {
        "recipe": recipe.name,
        "settings": {name: value for name, value in settings.items() if name not in OMITTED},
        "backbone": settings["backbone"],
        "weights": Path(settings["weights"]).name,
        "changed": {name: settings[name] for name in sorted(changed) if name not in (*OMITTED, "backbone")},
        "protocol": settings["protocol"],
        "seed": settings["seed"],
        "epochs": len(history) - 1,
        "best_epoch": evaluation["best_epoch"],
        "seconds": took and round(took[0], 1),
        "cpu_seconds": took and round(took[1], 1),
        "figures": {f"{when} {part}": _kept(evaluation[when][part]) for when in ("before", "after") for part in parts},
        "history": history,
        "versions": versions,
    }
    return row | {"pr_curve": parts["test"]["pr_curve"]} if "test" in parts else row


def _kept(tree: dict[str, Any]) -> dict[str, Any]:
    found = {name: tree.get(name) for name in KEPT}
    shots = tree.get("few_shot")
    found["few_shot"] = shots and {name: shots[name] for name in ("way", "shot", "accuracy", "interval")}
    found["accuracy"] = tree["nearest_neighbour"]["accuracy"]
    found["data"] = {name: tree[name] for name in ("data", "whole", "note")}
    if "superclass" in tree:
        found["superclass"] = {name: tree["superclass"].get(name) for name in ("P@1", "MAP@5")}
    return found


def write(row: Row) -> Path:
    """Write one run's file; replace an earlier one of the same recipe, backbone, changes and seed."""
    marks = [row["recipe"], row["backbone"], *(f"{name}={value}" for name, value in row["changed"].items())]
    kind = "runs" if "after test" in row["figures"] else "trials"
    path = FOLDER / kind / f"{'.'.join(marks)}.seed{row['seed']}.json".replace("/", "_")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(row, indent=1, ensure_ascii=False) + "\n")
    return path


def read(kind: str = "runs") -> list[Row]:
    """Read all files of the "runs" or "trials"."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / kind).glob("*.json"))]


def groups(rows: list[Row], recipe: Recipe) -> list[list[Row]]:
    """Group the runs of a recipe: runs that differ only in the seed are one group."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["recipe"] == recipe.name:
            found[json.dumps([row["backbone"], row["changed"]], sort_keys=True)].append(row)
    return list(found.values())


def is_outdated(row: Row, recipe: Recipe) -> bool:
    """Whether the recipe, with the changes of the run, now gives settings other than those of the run."""
    today = asdict(config.resolve(recipe.path, {})) | row["changed"] | {"backbone": row["backbone"]}
    return any(today.get(name) != value for name, value in row.get("settings", {}).items())


# ---------------------------------------------------------------------------------------------------------- tables

# The name of a column, and a function from the runs of one row (which differ only in the seed) to its cell.
Column = tuple[str, Callable[[list[Row]], str]]


def _entry(name: str) -> Column:
    return name, lambda group: _change(group, "test", lambda tree: tree[name])


def _superclass(name: str) -> Column:
    return f"{name} of 12", lambda group: _change(
        group, "test", lambda tree: tree.get("superclass") and tree["superclass"][name]
    )


def _few_shot(group: list[Row]) -> str:
    """Like the other columns, but for a single seed with the interval over its episodes."""
    shots = [group[0]["figures"][f"{when} test"]["few_shot"] for when in ("before", "after")]
    if len(group) > 1 or not all(shots):
        return _change(group, "test", lambda tree: tree["few_shot"] and tree["few_shot"]["accuracy"])
    before, after = (f"{one['accuracy']:.3f} ± {one['interval']:.3f}" for one in shots)
    return f"{before} → {after}" if group[0]["epochs"] else after


RETRIEVAL = [_entry(name) for name in ("P@1", "R@5", "R@10", "mAP", "MAP@R")]
VERIFICATION: list[Column] = [_entry("auc"), _entry("eer"), ("5-way 5-shot", _few_shot)]
SUPERCLASSES: list[Column] = [_entry("MAP@5"), _superclass("P@1"), _superclass("MAP@5")]
COLUMNS = {"pets": [*RETRIEVAL, *VERIFICATION], "sop": [*RETRIEVAL, *SUPERCLASSES]}
HEADINGS = {"auc": "AUC", "eer": "EER"}


def table(family: str, rows: list[Row], recipes: list[Recipe]) -> list[str]:
    """Return one family's table: before → after on the test part, mean and 95 % interval over the seeds."""
    columns = COLUMNS.get(family, RETRIEVAL)
    head = [
        "recipe",
        "network",
        "data",
        "seeds",
        "best epoch",
        "val P@1",
        *(HEADINGS.get(name, name) for name, _ in columns),
        "minutes",
        "core minutes",
        "on",
        "torch",
        "date",
    ]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for recipe in recipes:
        found = groups(rows, recipe)
        if not found:
            lines.append(f"| {recipe.name} | *not run* |{' |' * (len(head) - 2)}")
        for group in found:
            lines.append(f"| {' | '.join(_cells(group, columns, recipe))} |")
    return lines


def _cells(group: list[Row], columns: list[Column], recipe: Recipe) -> list[str]:
    first = group[0]
    changes = "".join(f", {name} {value}" for name, value in first["changed"].items())
    if any(is_outdated(row, recipe) for row in group):
        changes += ", *by an earlier recipe*"
    data = first["figures"]["after test"]["data"]
    return [
        first["recipe"],
        f"{first['backbone']}{changes}",
        "whole" if data["whole"] else _short(data["note"]),
        str(len(group)),
        ", ".join(str(row["best_epoch"]) for row in group),
        _change(group, "val", lambda tree: tree["P@1"]),
        *(cell(group) for _, cell in columns),
        _minutes([row.get("seconds") for row in group]),
        _minutes([row["cpu_seconds"] for row in group]),
        ", ".join(sorted({row["versions"]["device"] for row in group})),
        ", ".join(sorted({row["versions"]["torch"] for row in group})),
        max(row["versions"]["date"] for row in group)[:10],
    ]


def _minutes(seconds: list[float | None]) -> str:
    measured = [one for one in seconds if one is not None]
    return f"{sum(measured) / len(measured) / 60:.1f}" if measured else "–"


def _short(note: str) -> str:
    return note.split(": ", 1)[-1].replace("|", "/") or "a part"


def _change(group: list[Row], part: str, value: Callable[[dict[str, Any]], float | None]) -> str:
    """before → after; a single value if nothing was trained."""
    figures = [[value(row["figures"][f"{when} {part}"]) for row in group] for when in ("before", "after")]
    before, after = ([one for one in each if one is not None] for each in figures)
    if min(len(before), len(after)) < len(group):
        return "–"
    trained = any(row["epochs"] for row in group)
    return f"{plus_minus(before)} → {plus_minus(after)}" if trained else plus_minus(after)


def page(rows: list[Row]) -> str:
    """Make the text of `results/README.md`."""
    recipes = load()
    lines = ["# Results of the recipes", ""]
    lines += [
        "Written by `python -m solution tables` from the files in `runs/`, which `python -m solution run` writes.",
        "Metrics on the test part (val P@1: on the validation part), untrained or pretrained → at the epoch that was",
        "best on validation; ± is the 95 % interval of the mean over the seeds. Results on a part of a set are not",
        "comparable with those on the whole set. The settings are in `../recipes/`.",
    ]
    for family, title in FAMILIES.items():
        members = [recipe for recipe in recipes if recipe.family == family]
        lines += ["", f"## {title}", "", *(f"* `{recipe.name}`: {recipe.about}" for recipe in members), ""]
        lines += table(family, rows, members)
        names = {recipe.name for recipe in members}
        if any(row["recipe"] in names and row["epochs"] for row in rows):
            lines += ["", f"![P@1 on validation, epoch by epoch](curves-{family}.svg)"]
            lines += [f"![Precision and recall on the test part](precision-{family}.svg)"]
    versions = [row["versions"] for row in rows]
    used = sorted({f"Python {v['python']}, torch {v['torch']}, {v['machine']}, {v['device']}" for v in versions})
    lines += ["", "Made with: " + ("; ".join(used) or "nothing yet") + "."]
    return "\n".join(lines) + "\n"


def trials_page(rows: list[Row]) -> str:
    """`results/trials.md`: for each recipe and network the settings tried, the best on validation first."""
    lines = ["# Trials: how the settings of the recipes were chosen", ""]
    lines += [
        "Written by `python -m solution tables` from the files in `trials/`, which `python -m solution run --trial`",
        "writes. Metrics on the validation classes at the best epoch; the test classes were not evaluated, except in",
        "rows marked †: full runs by an earlier recipe, kept for their validation metrics.",
    ]
    tried: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        tried[row["recipe"], row["backbone"]].append(row)
    for (recipe, backbone), tries in sorted(tried.items()):
        varied = [
            name for name in tries[0]["settings"] if len({json.dumps(row["settings"].get(name)) for row in tries}) > 1
        ]
        together: dict[str, list[Row]] = defaultdict(list)
        for row in tries:
            together[json.dumps([row["settings"].get(name) for name in varied])].append(row)
        head = [*varied, "seeds", "best epoch", "P@1", "mAP", "on", "date"]
        lines += ["", f"## {recipe}, {backbone}", "", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        lines += [
            f"| {' | '.join(_tried_cells(group, varied))} |"
            for group in sorted(together.values(), key=_validated, reverse=True)
        ]
    return "\n".join(lines) + "\n"


def _validated(group: list[Row]) -> float:
    return sum(row["figures"]["after val"]["P@1"] for row in group) / len(group)


def _tried_cells(group: list[Row], varied: list[str]) -> list[str]:
    first = group[0]
    return [
        *(str(first["settings"].get(name)) for name in varied),
        f"{len(group)}{' †' * any(row.get('full_run', False) for row in group)}",
        ", ".join(str(row["best_epoch"]) for row in group),
        _change(group, "val", lambda tree: tree["P@1"]),
        _change(group, "val", lambda tree: tree["mAP"]),
        ", ".join(sorted({row["versions"]["device"] for row in group})),
        max(row["versions"]["date"] for row in group)[:10],
    ]


def plots(rows: list[Row]) -> None:
    """Plot each family's first seeds: validation P@1 per epoch, precision over recall on the test classes."""
    from assignment.plots import canvas, curves

    for family in FAMILIES:
        first = [g[0] for recipe in load() if recipe.family == family for g in groups(rows, recipe)]
        trained = [row for row in first if row["epochs"]]
        if not trained:
            continue
        named = {_label(row, trained): row for row in trained}
        figure, axes = canvas.new_figure(9, 4.5)
        for (name, row), style in zip(named.items(), curves.styles(), strict=False):
            points = row["history"]
            axes[0, 0].plot([p["epoch"] for p in points], [p["P@1"] for p in points], label=name, **style)
        axes[0, 0].set(xlabel="epoch", ylabel="P@1, validation")
        axes[0, 0].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))  # beside the lines
        canvas.save(figure, FOLDER / f"curves-{family}.svg")
        drawn = {
            name: curves.PrecisionRecall(
                r["pr_curve"]["recall"], r["pr_curve"]["precision"], r["figures"]["after test"]["mAP"]
            )
            for name, r in named.items()
            if r["pr_curve"]
        }
        canvas.save(curves.precision_recall(drawn), FOLDER / f"precision-{family}.svg")


def _label(row: Row, among: list[Row]) -> str:
    """The recipe's name in a plot of its family, with what distinguishes its rows if there are several."""
    name = row["recipe"].removeprefix(f"{row['recipe'].split('-')[0]}-")
    if len({other["backbone"] for other in among if other["recipe"] == row["recipe"]}) > 1:
        name += f", {row['backbone']}"
    return name + "".join(f", {setting} {value}" for setting, value in row["changed"].items())


def write_tables() -> Path:
    """Write both pages and the plots; return the path of the runs' page."""
    rows = read()
    if trials := read("trials"):
        write_whole(FOLDER / "trials.md", trials_page(trials))
    plots(rows)
    path = FOLDER / "README.md"
    write_whole(path, page(rows))
    return path
