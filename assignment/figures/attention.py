"""Grad-CAM (Selvaraju et al. 2017) of a similarity: which places of an image make it like another one.

The target is no class but the dot product of the image's descriptor with the other image's. The maps come from the
library grad-cam; what it changes in the model (modes, gradients, hooks) is put back.
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
    """What two images see in each other.

    Attributes:
        query, retrieved: (H, W) float32 in 0–1, where each image is like the other one; all 0 if nowhere.
        similarity: the dot product of the two descriptors.
    """

    query: np.ndarray
    retrieved: np.ndarray
    similarity: float


def similarity_maps(model: nn.Module, query: Tensor, retrieved: Tensor) -> Attention:
    """Compute both maps for two images (C, H, W) and a model that maps (B, C, H, W) to descriptors (B, D).

    Raises:
        ValueError: the model has no convolution, or its last map has a single place, so there is nothing to compare.
    """
    from pytorch_grad_cam import GradCAM

    device = next(model.parameters()).device
    images = torch.stack([query, retrieved]).to(device)
    with _left_as_found(model):
        model.eval()
        layer = last_map(model, images[:1])
        with torch.no_grad():
            descriptors = model(images).float()
        library = GradCAM(model, [layer])
        try:
            # Parameters are frozen here, so the gradient is asked for at the input to have one at the map.
            asked = images.clone().requires_grad_(True)
            maps = library(asked, [_dot_with(descriptors[1]), _dot_with(descriptors[0])]).astype(np.float32)
        finally:
            library.activations_and_grads.release()
    return Attention(maps[0], maps[1], float(descriptors[0] @ descriptors[1]))


def last_map(model: nn.Module, images: Tensor) -> nn.Module:
    """Find the layer that returns the last map (B, C, h, w) made by convolutions, by running the model once.

    That is a block where the last convolution is one branch of it (a residual block adds two, SqueezeNet's Fire joins
    two), since one branch alone would show half of what is pooled.

    Raises:
        ValueError: there is none, or the map is 1 × 1.
    """
    found: list[tuple[nn.Module, torch.Size]] = []

    def note(layer: nn.Module, _, output) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            found.append((layer, output.shape))

    convolutional = [
        layer
        for layer in model.modules()
        if layer is not model and any(isinstance(part, nn.Conv2d) for part in layer.modules())
    ]
    hooks = [layer.register_forward_hook(note) for layer in convolutional]
    try:
        with torch.no_grad():
            model(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ValueError("Grad-CAM needs a convolution in the model, and none ran")
    layer, shape = found[-1]  # hooks run when a layer is done: the last one encloses the others that end with it
    if shape[2] * shape[3] == 1:
        raise ValueError(
            "Grad-CAM: the last map of the model is 1 × 1, so it says nothing of places; use larger images"
        )
    return layer


def overlay(image: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a map (H, W) in 0–1 over an image (H, W, 3) uint8: grey where it is 0, blue to yellow elsewhere."""
    from matplotlib import colormaps

    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    colour = colormaps["plasma"](heat)[:, :, :3] * 255
    strength = 0.7 * heat[:, :, None]
    return ((1 - strength) * grey + strength * colour).round().astype(np.uint8)


def _dot_with(descriptor: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda output: (output.float() * descriptor).sum()


@contextmanager
def _left_as_found(model: nn.Module) -> Iterator[None]:
    """Freeze the parameters for a while; then give layers their mode, parameters their flag and gradient back."""
    modes = [(layer, layer.training) for layer in model.modules()]
    parameters = [(each, each.requires_grad, each.grad) for each in model.parameters()]
    for each, _, _ in parameters:
        each.grad = None  # taken away, since the library zeroes what it finds
        each.requires_grad_(False)
    try:
        yield
    finally:
        for layer, training in modes:
            layer.training = training
        for each, asked, gradient in parameters:
            each.requires_grad_(asked)
            each.grad = gradient
