"""Run once what every submission runs: libraries load parts of themselves, choose kernels and fill caches on first use.

The fork server does this on data of its own, so that it is done in every fork. This module takes the place of a
submission: it uses the operations that solutions are made of, but it solves no task.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.multiprocessing  # tensors in shared memory
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from assignment import backbones  # noqa: F401  (what a submission imports)
from assignment.checking.agent import Agent
from assignment.checking.student import Student
from assignment.evaluation import retrieval  # noqa: F401  (likewise)
from assignment.manifest import Manifest

from . import static, wire


class Network(nn.Module):
    """The layers of another network, followed by one pooling operation of each kind."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*list(network.children())[:-2])
        self.linear = nn.Linear(16, 12)
        self.power = nn.Parameter(torch.ones(1))
        nn.init.xavier_normal_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        x = x.mean(dim=(2, 3)) + x.amax(dim=(2, 3)) + x.clamp_min(1e-3).pow(self.power).flatten(2).sum(dim=2)
        small = x[:, :, None, None]
        x = x + F.adaptive_avg_pool2d(small, 1).flatten(1) + F.adaptive_max_pool2d(small, 1).flatten(1)
        return F.normalize(self.linear(x / x.norm(dim=1, keepdim=True)))


class Pairs(Dataset):
    """Two images of a split for each of its images."""

    def __init__(self, split: Any) -> None:
        self.split = split
        self.labels = torch.as_tensor(split.labels).long()

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        alike = (self.labels == self.labels[i]).nonzero().flatten()
        return self.split[i], self.split[int(alike[torch.randint(len(alike), ())])]


def train_epoch(model: nn.Module, loader: Any, optimizer: torch.optim.Optimizer) -> float:
    """Train for one epoch to draw pairs together."""
    total = 0.0
    for batch in loader:
        first, second, _ = model(torch.cat(list(batch))).chunk(3)
        optimizer.zero_grad()
        (first - second).square().sum(dim=1).mean().backward()
        optimizer.step()
        total += (first - second).detach().abs().sum().item()
    return total


def operations(x: Tensor, labels: Tensor) -> Tensor:
    """Sort, select, mask and sum, in many ways."""
    n = len(x)
    alike = labels[:, None] == labels
    table = torch.einsum("ij,kj->ik", x, x) + x @ x.T
    order = table.sort(dim=1, stable=True).indices[0]
    nearest = table.topk(2, largest=False).indices.gather(1, table.argsort()[:, :1].clamp_max(1))
    ranks = alike[0][order].cumsum(0).float() / torch.arange(1, n + 1)
    table = torch.where(alike & ~torch.eye(n, dtype=torch.bool), table, 0.5).masked_fill(alike, 0.25)
    cube = torch.sigmoid(table[:, None] - table[:, :, None]) * alike[:, None]
    angles = table.clamp(-0.9, 0.9).acos().cos().scatter(1, nearest, table[:, :1])
    counts = torch.bincount(labels)[labels] + torch.rand(n).long() + torch.isfinite(ranks).long()
    sums = cube.sum(dim=2).exp().log().sqrt() + torch.cdist(x, x) + F.relu(angles)
    return torch.stack([sums.nanmean(), torch.cat([ranks, ranks]).max(), counts.float().mean()]).sum()


def exercise(manifest: Manifest) -> None:
    """Examine this file and send it the kinds of requests that submissions get."""
    source = Path(__file__).read_text(encoding="utf-8")
    _, findings = static.examine(source, {"operations": []})
    wire.Reader(1 << 20).feed(wire.encode({"findings": findings}))
    student = Student(Agent(sys.modules[__name__], manifest).perform)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(6, 3, 64, 56)).astype(np.float32)
    labels = np.array([0, 0, 0, 1, 1, 1])
    weights = rng.normal(size=(16, 3, 3, 3)).astype(np.float32), rng.normal(size=(16, 16, 3, 3)).astype(np.float32)
    model = student.Network(student.probe.tiny_resnet(*weights))
    student.probe.set_training(model, False)
    for size in (6, 3, 2, 1):  # libraries choose other kernels for large batches than for small ones
        model(images[:size])
    student.probe.stacked_items(student.Pairs(student.probe.split(images, labels)), [0, 1])
    plain = student.probe.linear_model(rng.normal(size=(4, images[0].size)).astype(np.float32), batchnorm=True)
    loader = student.probe.triplet_loader(images, images, images, batch_size=4)
    for network in (model, plain):
        student.train_epoch(network, loader, student.probe.optimizer(network, "AdamW", 0.01))
        student.probe.state(network)
    rows = rng.normal(size=(6, 4)).astype(np.float32)
    student.operations.gradient(rows, labels)
    student.operations.operations(rows, labels)
