"""What the hidden tests of networks share: true feature maps in float64, and checked access to returned values.

The sandbox may return anything: each function here gives a value of the right kind or raises StudentError.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from assignment.checking import Answer, StudentError
from assignment.checking.outcome import Reason

CHANNELS = 16
Weights = tuple[torch.Tensor, torch.Tensor]


def draw_images(rng: np.random.Generator, count: int, height: int, width: int) -> np.ndarray:
    """Random images (count, 3, height, width), float32, with bright and dark regions, so that maximum ≠ average."""
    coarse = rng.normal(size=(count, 3, -(-height // 8), -(-width // 8)))
    fine = rng.normal(size=(count, 3, height, width))
    return (coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width] + 0.5 * fine).astype(np.float32)


def draw_network(student: Any, rng: np.random.Generator) -> tuple[Any, Weights]:
    """A random tiny network on the student's side, laid out like a ResNet, and its weights here."""
    first = (rng.normal(size=(CHANNELS, 3, 3, 3)) / np.sqrt(27)).astype(np.float32)
    last = (rng.normal(size=(CHANNELS, CHANNELS, 3, 3)) / np.sqrt(9 * CHANNELS)).astype(np.float32)
    return student.probe.tiny_resnet(first, last), (torch.from_numpy(first).double(), torch.from_numpy(last).double())


def feature_maps(weights: Weights, images: np.ndarray) -> np.ndarray:
    """The last feature map (B, C, h, w) of the network with these weights (see `probes.TinyResNet`), in float64."""
    first, last = weights
    x = F.conv2d(torch.from_numpy(images).double(), first, stride=2, padding=1)
    x = F.max_pool2d(F.relu(x / (1 + 1e-5) ** 0.5), 2)  # BatchNorm with its initial statistics: mean 0, variance 1
    return F.relu(F.conv2d(x, last, stride=2, padding=1)).numpy()


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows divided by their lengths."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def extractor(student: Any, network: Any, **options: Any) -> Any:
    """The student's descriptor extractor around a network, in evaluation mode."""
    model = student.GDextractor(network, CHANNELS, **options)
    student.probe.set_training(model, False)
    return model


def parameters(student: Any, model: Any) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what a model would train."""
    found = student.probe.trainable(model)
    if not isinstance(found, Answer) or not isinstance(found.value, dict):
        raise StudentError(Reason.GARBAGE, "the model's parameters could not be read", called="parameters()")
    try:
        return {str(name): tuple(int(size) for size in shape) for name, shape in found.value.items()}
    except (TypeError, ValueError):
        raise StudentError(Reason.GARBAGE, "the model's parameters could not be read", called="parameters()") from None


def state(student: Any, model: Any) -> dict[str, np.ndarray]:
    """All parameters and buffers of a model, float64."""
    found = student.probe.state(model)
    if not isinstance(found, Answer) or not isinstance(found.value, dict):
        raise StudentError(Reason.GARBAGE, "the model's state could not be read", called="state_dict()")
    return {str(name): Answer(value, "state_dict()").array.astype(np.float64) for name, value in found.value.items()}


def number(target: Any, name: str) -> float:
    """A number that a kept object has as an attribute."""
    found = target.get(name)
    if not isinstance(found, Answer) or found.array.size != 1:
        raise StudentError(Reason.GARBAGE, f"`{name}` is not a number", called=name)
    return float(found.array.reshape(()))
