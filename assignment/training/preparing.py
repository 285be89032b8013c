"""Prepare a run: data, network, loss and optimiser as the settings ask for them."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.markup import escape
from torch import nn

from assignment import datasets
from assignment.cores import available_cores
from assignment.datasets.data import Data, check
from assignment.training import distributed, objectives, precision, runs, sampling, seeds
from assignment.training import model as models
from assignment.training.config import Config
from assignment.training.distributed import Group
from assignment.training.precision import Network
from assignment.training.steps import Steps


@dataclass
class Run:
    """The state of a run.

    Attributes:
        epoch: the last finished one. best_epoch, best: the epoch whose weights are in best.pt, and its monitor.
        triplets: the file's `CUBtriplet` if the loss is the mined triplet loss. objective: any other loss.
        history: the rows of history.csv.
    """

    dml: ModuleType
    config: Config
    out: Path
    console: Console
    group: Group
    data: Data
    network: Network
    optimizer: torch.optim.Optimizer
    steps: Steps
    workers: int
    triplets: Any = None
    objective: objectives.Objective | None = None
    epoch: int = 0
    best_epoch: int = 0
    best: float = -math.inf
    history: list[dict[str, float]] = field(default_factory=list)
    board: runs.Board | None = None


def prepare(
    dml: ModuleType, config: Config, out: Path, console: Console, group: Group, data: Data | None = None
) -> Run:
    """Load the data and build everything that a run needs, without writing files."""
    torch.set_num_threads(config.threads or max(1, available_cores() // group.local_size))
    device = torch.device("cuda", group.local_rank) if torch.cuda.is_available() else torch.device("cpu")
    dtype = precision.choose(config, device)
    if group.size > 1 and config.batchnorm == "train":
        raise ValueError("batchnorm = train: needs whole batches in one process; use batchnorm = frozen with torchrun")
    data = check(load(config) if data is None else data)
    labels = np.asarray(data.train.labels)
    for line in describe_data(data, config):
        console.print(escape(line), soft_wrap=True)
    workers, note = count_workers(config.workers, group)
    if note:
        console.print(note, soft_wrap=True)
    if config.loss != "none" and config.batch_size > len(labels):
        raise ValueError(
            f"batch_size = {config.batch_size}: there are only {len(labels)} training images; use at most that"
        )
    network = Network(models.untrained(dml, config, data), device, dtype)
    distributed.share_parameters(network, group)
    console.print(f"{config.backbone}, {config.pooling}, loss {config.loss}, {device.type}, {dtype or 'float32'}")

    triplets = objective = None
    if config.loss == "triplet":
        models.named(dml, "train"), models.named(dml, "triplet_loss")  # fails now, not after the first mining
        triplets = models.named(dml, "CUBtriplet")(data.train, data.augment if config.augment else None)
    elif config.loss != "none":
        seeds.seed_all(config.seed)
        dim = config.reduction or network(data.train[0][None]).shape[1]
        objective = objectives.make(dml, config, dim, torch.from_numpy(np.unique(labels)))
        if objective.head is not None:
            objective.head.to(device)
    head = objective.head if objective else None
    optimizer = make_optimizer(config, network, head)
    batches = sampling.plan(config, labels, torch.Generator()) if config.loss != "none" else []
    steps = Steps(config, network, head, optimizer, group, len(batches))
    return Run(dml, config, out, console, group, data, network, optimizer, steps, workers, triplets, objective)


def load(config: Config) -> Data:
    """Load the data set that the settings ask for."""
    return datasets.load(
        config.data,
        config.root or None,
        protocol=config.protocol,
        images_per_class=config.images_per_class,
        size=config.size,
        cache=config.cache or None,
        on_corrupt=config.on_corrupt,
        moved=config.moved,
    )


def describe_data(data: Data, config: Config) -> Iterator[str]:
    """Yield lines that describe the data, for the user."""
    if data.note:
        yield data.note
    parts = (("training", data.train), ("validation", data.val.queries), ("test", data.test.queries))
    yield ", ".join(f"{name} {len(each)} images of {len(np.unique(each.labels))} classes" for name, each in parts)
    counts = np.unique(data.train.labels, return_counts=True)[1]
    if (counts == 1).any() and config.loss != "none":
        yield f"{(counts == 1).sum()} training classes have a single image, which has no positive and is not an anchor"
    if config.images_per_class and (counts < config.images_per_class).any():
        few = int((counts < config.images_per_class).sum())
        yield f"{few} training classes have fewer than {config.images_per_class} images (minimum {counts.min()})"


def count_workers(requested: int, group: Group) -> tuple[int, str]:
    """Return the number of loader processes to start, and a note if it is not the requested one."""
    most = max(0, available_cores() // group.local_size)
    if requested and "fork" not in multiprocessing.get_all_start_methods():
        return 0, f"workers = {requested}: this system cannot fork processes; images are loaded in the main process"
    if requested > most:
        return most, f"workers = {requested}: more than there are cores; using {most}"
    return requested, ""


def make_optimizer(config: Config, network: nn.Module, head: nn.Module | None) -> torch.optim.Optimizer:
    """Build the optimiser over the parameters of the extractor and of the head, each with its own learning rate."""
    groups: list[dict[str, Any]] = [{"params": [p for p in network.parameters() if p.requires_grad], "lr": config.lr}]
    if head is not None:
        groups.append({"params": list(head.parameters()), "lr": config.head_lr or config.lr})
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, config.lr, config.momentum, weight_decay=config.weight_decay)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, config.lr, weight_decay=config.weight_decay)
