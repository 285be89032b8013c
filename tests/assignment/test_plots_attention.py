"""Grad-CAM of a similarity: the map, the layer it is of, and a model that is left as it was found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from assignment import backbones
from assignment.plots import attention
from solution.dml import GDextractor


def extractor(name: str = "small_resnet") -> nn.Module:
    torch.manual_seed(0)
    network = backbones.build(name)
    return GDextractor(network, backbones.channels(network), usemax=False).eval()


def images(size: int = 28) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def by_hand(model: GDextractor, image: torch.Tensor, other: torch.Tensor) -> np.ndarray:
    """Grad-CAM as its equations say, in float64: weights are mean gradients, negative sums become 0, largest is 1."""
    model = model.double().eval()
    target = model(other[None].double()).detach()[0].double()
    maps = model.features(image[None].double()).detach().requires_grad_(True)
    pooled = maps.mean(dim=(2, 3))
    (F.normalize(pooled) @ target).sum().backward()
    heat = (maps.grad.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1, keepdim=True).relu()
    heat = (heat - heat.min()) / (heat - heat.min()).max()
    heat = F.interpolate(heat, image.shape[1:], mode="bilinear", align_corners=False)[0, 0]
    return (heat / heat.max()).detach().numpy()


def test_both_maps_against_the_equations():
    query, retrieved = images()
    got = attention.similarity_maps(extractor(), query, retrieved)
    assert got.query.shape == (28, 28)
    assert np.allclose(got.query, by_hand(extractor(), query, retrieved), atol=1e-3)
    assert np.allclose(got.retrieved, by_hand(extractor(), retrieved, query), atol=1e-3)
    with torch.no_grad():
        a, b = extractor()(images())
    assert got.similarity == pytest.approx(float(a @ b), abs=1e-6)


def test_the_map_lies_where_the_images_agree():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model[0].weight.data = torch.tensor([[[[1.0]]], [[[-1.0]]]])  # one channel sees bright places, one sees dark ones
    query, retrieved = torch.zeros(1, 8, 8), torch.ones(1, 8, 8)
    query[0, :4, :4], query[0, 4:, 4:] = 1.0, -1.0
    heat = attention.similarity_maps(model, query, retrieved).query
    assert heat[1, 1] == pytest.approx(1, abs=1e-5)
    assert heat[6, 6] == heat[1, 6] == 0


def test_the_model_is_left_as_it_was_found():
    model = extractor().train()
    model.features[1].eval()  # a frozen BatchNorm in a model that is being trained
    model.features[0].weight.requires_grad_(False)
    model.features[4].zero_grad()
    model(images()).sum().backward()
    statistics = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [layer.training for layer in model.modules()]
    flags = [each.requires_grad for each in model.parameters()]
    gradients = [None if each.grad is None else each.grad.clone() for each in model.parameters()]

    attention.similarity_maps(model, *images())

    assert [layer.training for layer in model.modules()] == modes
    assert [each.requires_grad for each in model.parameters()] == flags
    for each, before in zip(model.parameters(), gradients, strict=True):
        assert (each.grad is None and before is None) or torch.equal(each.grad, before)
    assert not any(layer._forward_hooks or layer._backward_hooks for layer in model.modules())
    assert all(torch.equal(value, statistics[name]) for name, value in model.state_dict().items())


def test_the_model_is_left_as_it_was_found_after_an_error():
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            if self.calls == 3:  # the library's own run
                raise RuntimeError("out of memory")
            return self.conv(x).mean(dim=(2, 3))

    model = Fails().train()
    with pytest.raises(RuntimeError, match="out of memory"):
        attention.similarity_maps(model, *images())
    assert model.calls == 3
    assert model.training
    assert model.conv.training
    assert model.conv.weight.requires_grad
    assert not model.conv._forward_hooks


@pytest.mark.parametrize("name", ["small_resnet", "resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_the_layer_is_the_one_whose_map_is_pooled(name):
    model = extractor(name)
    size = 28 if name == "small_resnet" else 64
    layer = attention.last_map(model, images(size))
    seen = []
    hook = layer.register_forward_hook(lambda _, __, output: seen.append(output))
    with torch.no_grad():
        descriptors = model(images(size))
    hook.remove()
    pooled = F.normalize(seen[0].mean(dim=(2, 3)))
    assert torch.allclose(pooled, descriptors, atol=1e-5)


def test_models_without_places_are_one_line():
    with pytest.raises(ValueError, match="ran no convolution"):
        attention.last_map(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.zeros(1, 3, 2, 2))
    with pytest.raises(ValueError, match="1 × 1"):
        attention.last_map(nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten()), torch.zeros(1, 3, 2, 2))


def test_an_overlay_is_grey_where_the_map_is_zero():
    image = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 1
    got = attention.overlay(image, heat)
    assert got.dtype == np.uint8
    assert (np.ptp(got.astype(int), axis=2) == 0).sum() == 15
    assert np.abs(got[1:].astype(float) - image[1:].mean(axis=2, keepdims=True)).max() <= 0.5
