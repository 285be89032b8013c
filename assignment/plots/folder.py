"""Read the folder of a run: settings, versions, history, metrics and the best weights."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assignment.training import checkpoints
from assignment.training.config import Config, from_values, read

PANELS = {
    "loss": ("loss",),
    "learning rate": ("lr",),
    "validation": ("P@1", "mAP"),
}  # title of a panel → columns of history.csv


@dataclass(frozen=True)
class Run:
    """Contents of a run folder.

    Attributes:
        folder: its path. config: the settings. versions: the tree of `versions.json`.
        history: one dictionary per epoch, column → text. evaluation: the tree of `evaluation.json`, or {}.
    """

    folder: Path
    config: Config
    versions: dict[str, Any]
    history: list[dict[str, str]]
    evaluation: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    def metrics(self, when: str, part: str, best: dict[str, Any]) -> dict[str, Any] | None:
        """Metrics in `evaluation.json` "before" or "after" training; None if there are none for the weights `best`."""
        if self.evaluation.get("best_epoch") != best["epoch"]:
            return None
        return self.evaluation.get(when, {}).get(part)


def read_run(folder: str | Path) -> Run:
    """Read a folder that `python -m assignment train` wrote.

    Raises:
        ValueError: it is not a run folder, or a file in it is damaged.
    """
    folder = Path(folder)
    if not (folder / "config.toml").is_file():
        raise ValueError(
            f"{folder}: not a run folder, it has no config.toml; use the folder that `python -m assignment train` wrote"
        )
    config = from_values(read(folder / "config.toml"), str(folder / "config.toml"))
    return Run(
        folder,
        config,
        versions=_read_json(folder / "versions.json"),
        history=_read_history(folder / "history.csv"),
        evaluation=_read_json(folder / "evaluation.json"),
    )


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as problem:
        raise ValueError(f"{path}: cannot be read ({problem}); remove it, or run the evaluation again") from None
    if not isinstance(tree, dict):
        raise ValueError(f"{path}: not a table of names and values; remove it, or run the evaluation again")
    return tree


def _read_history(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        row for row in rows if None not in row and None not in row.values()
    ]  # the last line of a killed run may be incomplete


def read_best(run: Run) -> dict[str, Any]:
    """Read the checkpoint of the best epoch; ValueError if `best.pt` is missing or damaged."""
    path = run.folder / "best.pt"
    if not path.is_file():
        raise ValueError(f"{run.folder}: there is no best.pt yet; let one epoch of the training finish first")
    return checkpoints.read(path)


def curves(run: Run) -> tuple[list[float], dict[str, dict[str, list[float]]]]:
    """Return the history as numbers: the epochs, and panel → column → one value per epoch, NaN for an empty field."""
    columns = {
        title: {name: [_number(row.get(name, "")) for row in run.history] for name in names}
        for title, names in PANELS.items()
    }
    epochs = [_number(row.get("epoch", "")) for row in run.history]
    written = {
        title: {name: values for name, values in panel.items() if not all(map(math.isnan, values))}
        for title, panel in columns.items()
    }
    return epochs, {title: panel for title, panel in written.items() if panel}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
