"""Data, settings and short training runs for the notebooks."""

from __future__ import annotations

import csv
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from assignment import datasets
from assignment.datasets import Data, DataMissing, QueryGallery
from assignment.evaluation import metrics
from assignment.training import checkpoints, loop, model
from assignment.training.config import Config
from assignment.walkthrough.student import find, near, note

DATA_VARIABLE = "DML_DATA"  # a folder with data sets and weights, or "sample": use the embedded sample
SAMPLE = datasets.SAMPLE.name
PRETRAINED = ("mobilenet_v2", "squeezenet1_1", "resnet18")  # the first one whose weights are found is used
SETTINGS: dict[str, Any] = {"batch_size": 50, "per_class": 10, "epochs": 4, "lr": 1e-3}
PHOTOGRAPHS: dict[str, Any] = {"size": 112, "batch_size": 32, "per_class": 4, "epochs": 2, "lr": 3e-5, "head_lr": 1e-2}


@dataclass(frozen=True)
class View:
    """Descriptors of one part of the data by one model: (Q, D) of the queries and (G, D) of the gallery."""

    queries: Tensor
    gallery: Tensor
    query_gallery: QueryGallery


@dataclass(frozen=True)
class Trained:
    """A short training run: the network before and after it, and a row of metrics for each epoch from 0."""

    before: nn.Module
    after: nn.Module
    history: list[dict[str, float]]

    def column(self, name: str) -> list[float]:
        """Values of a column of the history, such as "loss" or "P@1", without the epochs that lack it."""
        return [row[name] for row in self.history if name in row]


def load(name: str) -> tuple[Data, Config]:
    """Read a data set, or the embedded sample if it is missing.

    A box shows which one is used. Sets are searched below `data/` in the working folder and the two above it, or in the
    folder given by the environment variable `DML_DATA`. Photographs also need pretrained weights.

    Returns:
        The data, and settings with a suitable backbone.
    """
    place = os.environ.get(DATA_VARIABLE, "")
    reason = "as the variable DML_DATA says"
    if place != SAMPLE:
        root = Path(place) if place else folder_above(Path("data"))
        try:
            found = _whole(name, root)
        except (DataMissing, ValueError) as problem:
            reason = str(problem)
        else:
            data, config = found
            note(f"Data: {name}, {config.backbone}. {data.note or 'The whole set.'} {data.licence}")
            return found
    data, config = datasets.load(SAMPLE), Config(backbone="small_resnet", **SETTINGS)
    note(f"Data: the embedded sample of FashionMNIST instead of {name} ({reason}). {data.licence}")
    return data, config


def folder_above(name: Path) -> Path | None:
    """Return the folder of this name in the working folder or in one of the two above it; None if there is none."""
    return next((folder / name for folder in near() if (folder / name).is_dir()), None)


def _whole(name: str, root: Path | None) -> tuple[Data, Config]:
    place: dict[str, Any] = {"data": name, "root": str(root or "")}
    dataset = datasets.SETS[name]
    if not dataset.photographs:
        place["root"] = str(root / name) if root and (root / name).is_dir() else ""  # else a system folder
        config = Config(**place, backbone="small_resnet", **SETTINGS)
    else:
        backbone, weights = _pretrained(root)
        project = find(Path("dml.py"))
        cache = (project.parent if project else Path(tempfile.gettempdir())) / "out" / "cache"
        place["images_per_class"] = dataset.settings.get("images_per_class", 0)  # as in the lab
        config = Config(**place, backbone=backbone, weights=str(weights), cache=str(cache), **PHOTOGRAPHS)
    return loop.load(config), config


def _pretrained(root: Path | None) -> tuple[str, Path]:
    folder = (root or Path("data")) / "weights"
    for backbone in PRETRAINED:
        for file in sorted(folder.glob(f"{backbone}-*.pth")):
            return backbone, file
    raise DataMissing(f"weights: none in {folder}; run `python -m data_scripts weights`")


def describe(network: nn.Module, data: Data, part: str = "test") -> View:
    """Compute the descriptors of one part ("val" or "test") of the data."""
    query_gallery: QueryGallery = getattr(data, part)
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    queries, gallery = metrics.describe_both(network, query_gallery, device)
    return View(queries, gallery, query_gallery)


def train(dml: ModuleType, config: Config, data: Data) -> Trained:
    """Train with the functions of the file, without output and without leaving files."""
    with tempfile.TemporaryDirectory(prefix="walkthrough-") as folder:
        out = Path(folder) / "run"
        loop.train_run(dml, config, out, Console(quiet=True), data=data)
        with (out / "history.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        before, after = model.untrained(dml, config, data), model.untrained(dml, config, data)
        checkpoints.load_model(after, checkpoints.read(out / "last.pt"), out / "last.pt")
    history = [{name: float(value) for name, value in row.items() if value} for row in rows]
    return Trained(before.eval(), after.eval(), history)
