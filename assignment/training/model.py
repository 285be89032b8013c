"""The network of a run: a backbone in the descriptor extractor of the file."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from assignment import backbones, manifest
from assignment.training.config import Config

if TYPE_CHECKING:
    from assignment.datasets.data import Data

CALIBRATION_IMAGES = 256  # training images from which BatchNorm layers of a random network take their statistics


def named(dml: ModuleType, name: str) -> Any:
    """Return the attribute `name` of the file, or one of its aliases; ValueError if it has none of them."""
    for candidate in manifest.load().known_as(name):
        if hasattr(dml, candidate):
            return getattr(dml, candidate)
    tasks = [task.label for task in manifest.load().tasks if name in task.names]
    raise ValueError(f"the file has no `{name}`{f' ({tasks[0]})' if tasks else ''}")


def build(
    dml: ModuleType, config: Config, sample_images: Tensor | None = None, n_classes: int | None = None
) -> nn.Module:
    """Build the file's `GDextractor` around the backbone of the settings; the result depends on the seed only.

    Args:
        dml: the imported file. config: the settings.
        sample_images: (B, 3, H, W) normalised training images, from which the BatchNorm layers of a random network take
            their statistics; None if weights are loaded afterwards (a checkpoint).
        n_classes: number of training classes, checked if it is given.

    Returns:
        The extractor on the CPU, in eval mode.

    Raises:
        ValueError: weights of another network, a single class, a stub, an extractor without the requested bonus, or one
            that does not return descriptors.
    """
    if n_classes is not None and n_classes < 2:
        raise ValueError(f"{n_classes} training class: nothing can be learnt; use at least two classes")
    torch.manual_seed(config.seed)
    network = backbones.build(config.backbone)
    if config.weights:
        backbones.load_weights(network, backbones.weights_file(config.backbone, config.weights))
    elif sample_images is not None:
        backbones.calibrate_batchnorm(network, sample_images)
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 0.1  # a moving average from now on, if batchnorm = train updates it
    if config.dropout:
        add_dropout(network, config.dropout)
    channels = backbones.channels(network)
    options: dict[str, Any] = {"gem": True} if config.pooling == "gem" else {"usemax": config.pooling == "mac"}
    if config.reduction:
        options["reduction"] = config.reduction
    extractor = _extractor(dml, network, channels, options).eval()
    if sample_images is not None:
        _require_descriptors(extractor, sample_images[:2], config.reduction or channels)
    return extractor


def untrained(dml: ModuleType, config: Config, data: Data) -> nn.Module:
    """Build the extractor as it is before the first epoch; the same for the same settings and data."""
    every = max(1, len(data.train) // CALIBRATION_IMAGES)
    rows = range(0, len(data.train), every)[
        : 2 if config.weights else CALIBRATION_IMAGES
    ]  # reading more images takes time
    images = torch.stack([data.train[i] for i in rows])
    return build(dml, config, images, len(np.unique(data.train.labels)))


def add_dropout(network: nn.Module, share: float) -> None:
    """Drop whole channels of the last feature map, which equals dropping components of the pooled vector.

    The layer is added inside the last block, so that any way of taking the convolutional part keeps it; parameters keep
    their names.
    """
    last = getattr(network, "features", None) or getattr(network, "layer4", None)
    if not isinstance(last, nn.Sequential):
        raise ValueError(f"dropout: {type(network).__name__} has no last block to add it to; use dropout = 0")
    last.append(nn.Dropout2d(share))


def _extractor(dml: ModuleType, network: nn.Module, channels: int, options: dict[str, Any]) -> nn.Module:
    try:
        return named(dml, "GDextractor")(network, channels, **options)
    except NotImplementedError as stub:
        raise ValueError(f"still to do: {stub}") from None
    except TypeError as problem:  # a file without the bonus tasks lacks the argument
        for option, task in (("gem", "gem"), ("reduction", "reduction")):
            if option in options and option in str(problem):
                raise ValueError(
                    f"GDextractor: has no argument `{option}` ({manifest.load().task(task).label})"
                ) from None
        raise


@torch.no_grad()
def _require_descriptors(extractor: nn.Module, images: Tensor, dim: int) -> None:
    try:
        shape = tuple(extractor(images).shape)
    except NotImplementedError as stub:
        raise ValueError(f"still to do: {stub}") from None
    if shape != (len(images), dim):
        raise ValueError(
            f"GDextractor: returned the shape {shape} for {len(images)} images, expected {(len(images), dim)}"
        )
