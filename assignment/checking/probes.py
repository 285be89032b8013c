"""What tests request besides the student's own functions: networks, data sets, loaders, states.

A probe runs in the process of the student's code. It takes the student's file as its first argument and returns a plain
value or an object to keep. No probe knows an expected value.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from assignment import backbones
from assignment.checking.checkpoint import evaluation as evaluation  # re-exported: also a probe
from assignment.checking.improvement import improvement as improvement  # likewise
from assignment.checking.student_file import StudentFile
from assignment.datasets.split import ArraySplit


def backbone(file: StudentFile, name: str, seed: int, **options: Any) -> nn.Module:
    """A randomly initialised network of `assignment.backbones`, in eval mode."""
    torch.manual_seed(seed)
    return backbones.build(name, **options).eval()


class TinyResNet(nn.Module):
    """Two convolutions under torchvision's names: conv1, bn1, relu, maxpool, layer1 … layer4, avgpool, fc; stride 8.

    Without biases, its feature maps are proportional to the image.

    Args:
        first: weight of conv1, (C, 3, 3, 3). last: weight of the convolution in layer4, (C, C, 3, 3).
    """

    def __init__(self, first: Tensor, last: Tensor) -> None:
        super().__init__()
        channels = len(first)
        self.conv1 = nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(2)
        self.layer1, self.layer2, self.layer3 = nn.Identity(), nn.Identity(), nn.Identity()
        conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1, bias=False)
        self.layer4 = nn.Sequential(conv, nn.ReLU(inplace=True))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 10)
        with torch.no_grad():
            self.conv1.weight.copy_(first)
            conv.weight.copy_(last)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to logits (B, 10)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def tiny_resnet(file: StudentFile, first: Tensor, last: Tensor) -> nn.Module:
    """A very small network with these weights, in eval mode."""
    return TinyResNet(first, last).eval()


def split(file: StudentFile, images: Tensor, labels: Tensor) -> ArraySplit:
    """A split of float images (N, C, H, W) with int64 labels (N,)."""
    return ArraySplit(images, labels)


class Linear(nn.Module):
    """A fast replacement of a student's extractor: flatten the image, multiply by a matrix, normalise.

    Attributes:
        graph_rows: the largest number of descriptors with a graph that existed at the same time.
    """

    def __init__(self, weight: Tensor, batchnorm: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.norm = nn.BatchNorm2d(len(weight)) if batchnorm else None  # 2d, as in a ResNet
        self.dim = len(weight)
        self.graph_rows = 0
        self._live_rows = 0

    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        out = x.flatten(1) @ self.weight.T
        if self.norm is not None:
            out = self.norm(out[:, :, None, None])[:, :, 0, 0]
        out = nn.functional.normalize(out, eps=eps)
        if out.requires_grad:
            self._live_rows += len(out)
            self.graph_rows = max(self.graph_rows, self._live_rows)
            weakref.finalize(out, self._release, len(out))
        return out

    def _release(self, rows: int) -> None:
        self._live_rows -= rows


def linear_model(file: StudentFile, weight: Tensor, batchnorm: bool = False) -> Linear:
    """A `Linear` network with these weights (D, C·H·W)."""
    return Linear(weight, batchnorm)


class Shift:
    """An augmentation for tests: adds a constant to an image and counts its calls."""

    def __init__(self, amount: float) -> None:
        self.amount = amount
        self.calls = 0

    def __call__(self, image: Tensor) -> Tensor:
        self.calls += 1
        return image + self.amount


def shift(file: StudentFile, amount: float) -> Shift:
    """An augmentation that adds `amount` to every pixel; `calls` counts how often it ran."""
    return Shift(amount)


class Triplets(Dataset):
    """Given triplets, one per row."""

    def __init__(self, anchors: Tensor, positives: Tensor, negatives: Tensor) -> None:
        self.parts = (anchors, positives, negatives)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, i: int) -> tuple[Tensor, ...]:
        return tuple(part[i] for part in self.parts)


def triplet_loader(
    file: StudentFile, anchors: Tensor, positives: Tensor, negatives: Tensor, batch_size: int
) -> DataLoader:
    """A loader over given triplets, in their order."""
    return DataLoader(Triplets(anchors, positives, negatives), batch_size=batch_size)


def optimizer(file: StudentFile, model: nn.Module, name: str, lr: float, **options: Any) -> torch.optim.Optimizer:
    """An optimiser of `torch.optim` over all parameters of a model."""
    return getattr(torch.optim, name)(model.parameters(), lr=lr, **options)


def state(file: StudentFile, model: nn.Module) -> dict[str, np.ndarray]:
    """All parameters and buffers of a model as arrays."""
    return {key: value.detach().cpu().numpy().copy() for key, value in model.state_dict().items()}


def trainable(file: StudentFile, model: nn.Module) -> dict[str, list[int]]:
    """Names and shapes of all trainable parameters."""
    return {key: list(value.shape) for key, value in model.named_parameters() if value.requires_grad}


def set_attribute(file: StudentFile, target: Any, name: str, value: Any) -> None:
    """Set an attribute of a kept object."""
    setattr(target, name, value)


def set_parameter(file: StudentFile, target: nn.Module, name: str, value: Tensor) -> None:
    """Overwrite a parameter's values."""
    with torch.no_grad():
        target.get_parameter(name).copy_(value)


def set_training(file: StudentFile, model: nn.Module, mode: bool) -> None:
    """Put a model in training or evaluation mode."""
    model.train(mode)


def items(file: StudentFile, dataset: Dataset, indices: list[int]) -> list[Any]:
    """Several items of a data set in one request."""
    return [list(dataset[int(i)]) for i in indices]


def stacked_items(file: StudentFile, dataset: Dataset, indices: list[int]) -> Tensor | list[Any]:
    """Several items of images as one tensor (items, images, C, H, W); like `items` if their shapes differ."""
    rows = items(file, dataset, indices)
    parts = [part for row in rows for part in row]
    kinds = {(part.shape, part.dtype) if type(part) is Tensor and part.ndim == 3 else None for part in parts}
    if len(kinds) != 1 or None in kinds or len({len(row) for row in rows}) != 1:
        return rows
    return torch.stack(parts).unflatten(0, (len(rows), -1))


def set_indices(file: StudentFile, target: Any, name: str, values: Tensor) -> None:
    """Overwrite an attribute that holds indices, with the type that the student chose for it."""
    current = getattr(target, name, None)
    if isinstance(current, (list, tuple)):
        setattr(target, name, type(current)(values.tolist()))
    elif isinstance(current, np.ndarray):
        kept = current.dtype.kind in "iu"
        setattr(target, name, values.numpy().astype(current.dtype if kept else np.int64))
    else:
        setattr(target, name, values.long())


def as_indices(file: StudentFile, target: Any, name: str) -> np.ndarray:
    """An attribute that holds indices as an array; the student may use a list, an array or a tensor."""
    value = getattr(target, name)
    if isinstance(value, (list, tuple)):
        value = [int(v) for v in value]
    return np.asarray(value).astype(np.int64).reshape(-1)
