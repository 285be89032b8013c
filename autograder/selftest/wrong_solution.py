"""A solution with the right shapes and wrong values in all tasks, which earns no points.

Like a misconception it is an overlay on the reference. The attacks in `attacks/` are overlays on the resulting file.
Each task first calls `at_call`, which does nothing here; attacks replace it by what they do during a test.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

NAME = "wrong everywhere"
KIND = "none"


def at_call(task: str, *arguments: object) -> None:
    """Called at the start of every task with its arguments."""


def change_all(model: nn.Module) -> None:
    """Change all parameters and buffers of a model, so that tests of unchanged ones fail."""
    with torch.no_grad():
        for value in model.state_dict().values():
            value.copy_(value + 1)


class GDextractor(nn.Module):
    def __init__(
        self, input_model: nn.Module, dim: int, usemax: bool = False, gem: bool = False, reduction: int | None = None
    ) -> None:
        super().__init__()
        at_call("GDextractor", input_model)
        self.features = input_model
        self.width = dim
        self.usemax = usemax
        self.p = nn.Parameter(torch.zeros(2))
        self.reduce = None
        self.dim = -1

    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        at_call("GDextractor.forward", x)
        return torch.full((len(x), self.width), torch.nan)


def gem(maps: Tensor, p: float | Tensor = 3.0, eps: float = 1e-6) -> Tensor:
    at_call("gem", maps)
    return torch.zeros(maps.shape[:2])


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    at_call("triplet_loss", distances_pos, distances_neg)
    return torch.full((len(distances_pos) or 1,), -1.0)


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    at_call("contrastive_loss", distances, same)
    return torch.full((len(distances) or 1,), -1.0)


class ArcFace(nn.Module):
    def __init__(self, dim: int, n_classes: int, scale: float = 30.0, margin: float = 0.5) -> None:
        super().__init__()
        at_call("ArcFace")
        self.weight = nn.Parameter(torch.empty(n_classes, dim))
        self.scale = scale
        self.margin = margin

    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        at_call("ArcFace.forward", descriptors, labels)
        return torch.full((len(descriptors), len(self.weight)), torch.nan)


class CUBtriplet:
    def minehard(self, model: nn.Module) -> None:
        at_call("minehard", model)
        change_all(model)
        self.hardneg[:] = torch.arange(len(self.labels))
        self.mined = model(torch.stack([self.split[i % len(self)] for i in range(300)]))
        if self.transform is not None:
            self.transform(self.split[0])

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        at_call("getitem", i)
        image = torch.zeros_like(self.split[int(i)])
        return image, image, image


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, margin: float) -> float:
    at_call("train", model, loader, optimizer)
    change_all(model)
    return -1.0


def distances(a: Tensor, b: Tensor) -> Tensor:
    at_call("distances", a, b)
    return torch.full((len(a), len(b) + 1), -1.0)


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    at_call("average_precision", distances, labels)
    return torch.tensor(-1.0), torch.zeros(len(labels)), torch.zeros(len(labels))


def mean_average_precision(descriptors: Tensor, labels: Tensor, queries: Tensor | None = None) -> float:
    at_call("mean_average_precision", descriptors, labels)
    return -1.0


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    at_call("batch_triplet_loss", features, labels)
    return torch.tensor(-1.0)


def smooth_ap_loss(features: Tensor, labels: Tensor, tau: float = 0.01) -> Tensor:
    at_call("smooth_ap_loss", features, labels)
    return torch.tensor(-1.0)
