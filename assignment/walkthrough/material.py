"""What a notebook works with: a data set or the sample in its place, settings that suit it, short trainings."""

from __future__ import annotations

import csv
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from rich.console import Console
from torch import Tensor, nn

from assignment import datasets
from assignment.datasets import Asking, Data, DataMissing
from assignment.evaluation import measures
from assignment.training import checkpoints, loop, model
from assignment.training.config import Config
from assignment.walkthrough.student import find, near, note

DATA_VARIABLE = "DML_DATA"  # a folder with data sets and weights; "sample" takes the embedded sample for all of them
SAMPLE = "sample"
PRETRAINED = ("mobilenet_v2", "squeezenet1_1", "resnet18")  # the first whose weights are there
SETTINGS: dict[str, Any] = {"batch_size": 50, "per_class": 10, "epochs": 4, "lr": 1e-3}
PHOTOGRAPHS: dict[str, Any] = {"size": 112, "batch_size": 32, "per_class": 4, "epochs": 2, "lr": 3e-5, "head_lr": 1e-2}


@dataclass(frozen=True)
class View:
    """What a model makes of one part of the data: descriptors (Q, D) of the queries and (G, D) of the gallery."""

    queries: Tensor
    gallery: Tensor
    asking: Asking


@dataclass(frozen=True)
class Trained:
    """A short training: the network before it and after its last epoch, and a row of figures for each epoch from 0."""

    before: nn.Module
    after: nn.Module
    history: list[dict[str, float]]

    def column(self, name: str) -> list[float]:
        """One column of the history, such as "loss" or "P@1"; epochs without it are left out."""
        return [row[name] for row in self.history if name in row]


def load(name: str) -> tuple[Data, Config]:
    """Read a data set ("fashion-mnist", "cub", "pets", "sop"), or the embedded sample where it is not there.

    A box says which of the two it is. Sets are looked for below `data/` of the notebook's folder and the two above it,
    or in the folder that the environment variable `DML_DATA` names. Photographs need pretrained weights, too.

    Returns:
        The data, and settings with a backbone that suits them.
    """
    place = os.environ.get(DATA_VARIABLE, "")
    reason = "the variable DML_DATA asks for it"
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
    note(f"In place of {name} stands the embedded sample of FashionMNIST ({reason}). {data.licence}")
    return data, config


def folder_above(name: Path) -> Path | None:
    """The folder of this name in the working folder, or in the nearest of the two above it."""
    return next((folder / name for folder in near() if (folder / name).is_dir()), None)


def _whole(name: str, root: Path | None) -> tuple[Data, Config]:
    place: dict[str, Any] = {"data": name, "root": str(root or "")}
    if name == "fashion-mnist":
        official = root / name if root and (root / name).is_dir() else None  # else where the system keeps it
        place["root"] = str(official or "")
        config = Config(**place, backbone="small_resnet", **SETTINGS)
    else:
        backbone, weights = _pretrained(root)
        project = find(Path("dml.py"))
        cache = (project.parent if project else Path(tempfile.gettempdir())) / "out" / "cache"
        config = Config(**place, backbone=backbone, weights=str(weights), cache=str(cache), **PHOTOGRAPHS)
        if name == "cub":
            config = replace(config, images_per_class=20)  # as in the lab
    return loop.load(config), config


def _pretrained(root: Path | None) -> tuple[str, Path]:
    folder = (root or Path("data")) / "weights"
    for backbone in PRETRAINED:
        for file in sorted(folder.glob(f"{backbone}-*.pth")):
            return backbone, file
    raise DataMissing(f"there are no pretrained weights in {folder}; `python -m data_scripts weights` fetches them")


def describe(network: nn.Module, data: Data, part: str = "test") -> View:
    """Descriptors of one part ("val" or "test") of the data."""
    asking: Asking = getattr(data, part)
    device = next((each.device for each in network.parameters()), torch.device("cpu"))
    queries, gallery = measures.describe_both(network, asking, device)
    return View(queries, gallery, asking)


def train(dml: ModuleType, config: Config, data: Data) -> Trained:
    """Train with the functions of the file for a few epochs, without a word; no file is left behind."""
    with tempfile.TemporaryDirectory(prefix="walkthrough-") as folder:
        out = Path(folder) / "run"
        loop.train_run(dml, config, out, Console(quiet=True), data=data)
        with (out / "history.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        before, after = model.untrained(dml, config, data), model.untrained(dml, config, data)
        checkpoints.load_model(after, checkpoints.read(out / "last.pt"), out / "last.pt")
    history = [{name: float(value) for name, value in row.items() if value} for row in rows]
    return Trained(before.eval(), after.eval(), history)
