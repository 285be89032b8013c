"""Grad-CAM (Selvaraju et al. 2017) of a similarity: which regions of an image make it similar to another one.

The target is not a class but the dot product of the descriptors of the two images. The maps are computed by the library
grad-cam; what it changes in the model (modes, gradients, hooks) is restored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Attention:
    """Similarity maps of two images.

    Attributes:
        query, retrieved: (H, W) float32 in 0–1, where each image is similar to the other one; all 0 if nowhere.
        similarity: the dot product of the two descriptors.
    """

    query: np.ndarray
    retrieved: np.ndarray
    similarity: float


def similarity_maps(model: nn.Module, query: Tensor, retrieved: Tensor) -> Attention:
    """Compute both maps for two images (C, H, W) and a model that maps (B, C, H, W) to descriptors (B, D).

    Raises:
        ValueError: the model has no convolution, or its last feature map is 1 × 1.
    """
    from pytorch_grad_cam import GradCAM

    device = next(model.parameters()).device
    images = torch.stack([query, retrieved]).to(device)
    with _frozen(model):
        model.eval()
        layer = last_map(model, images[:1])
        with torch.no_grad():
            descriptors = model(images).float()
        library = GradCAM(model, [layer])
        try:
            # The parameters are frozen: the map has a gradient only if the input requires one.
            inputs = images.clone().requires_grad_(True)
            maps = library(inputs, [_dot_with(descriptors[1]), _dot_with(descriptors[0])]).astype(np.float32)
        finally:
            library.activations_and_grads.release()
    return Attention(maps[0], maps[1], float(descriptors[0] @ descriptors[1]))


def last_map(model: nn.Module, images: Tensor) -> nn.Module:
    """Find the layer that returns the last feature map (B, C, h, w), by running the model once.

    If the last convolution is one branch of a block (a residual block adds two, SqueezeNet's Fire concatenates two), it
    is the block, since one branch is only half of what is pooled.

    Raises:
        ValueError: the model has no convolution, or the map is 1 × 1.
    """
    found: list[tuple[nn.Module, torch.Size]] = []

    def record(layer: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            found.append((layer, output.shape))

    convolutional = [
        layer
        for layer in model.modules()
        if layer is not model and any(isinstance(part, nn.Conv2d) for part in layer.modules())
    ]
    hooks = [layer.register_forward_hook(record) for layer in convolutional]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ValueError("Grad-CAM: the model ran no convolution; use a convolutional backbone")
    layer, shape = found[-1]  # hooks run when a layer is done: the last layer encloses those that end with it
    if shape[2] * shape[3] == 1:
        raise ValueError("Grad-CAM: the last feature map is 1 × 1 and has no regions; use larger images")
    return layer


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Blend a map (H, W) in 0–1 into an image (H, W, 3) uint8: grey where it is 0, blue to yellow elsewhere."""
    from matplotlib import colormaps

    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    colour = colormaps["plasma"](heat)[:, :, :3] * 255
    strength = 0.7 * heat[:, :, None]
    return ((1 - strength) * grey + strength * colour).round().astype(np.uint8)


def _dot_with(descriptor: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda output: (output.float() * descriptor).sum()


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Freeze the parameters; afterwards restore the mode of each layer, and the flag and gradient of each parameter."""
    modes = [(layer, layer.training) for layer in model.modules()]
    parameters = [(each, each.requires_grad, each.grad) for each in model.parameters()]
    for each, _, _ in parameters:
        each.grad = None  # removed, since the library sets gradients to zero
        each.requires_grad_(False)
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training
        for each, required, gradient in parameters:
            each.requires_grad_(required)
            each.grad = gradient
