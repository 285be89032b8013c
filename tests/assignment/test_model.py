"""The file's extractor around a backbone."""

from __future__ import annotations

import types

import pytest
import torch
from torch import nn

from assignment.training import model
from assignment.training.config import Config
from solution import dml

IMAGES = torch.rand(4, 3, 28, 28)


def test_the_same_seed_gives_the_same_network():
    first, second = (model.build(dml, Config(seed=3), IMAGES, 2) for _ in range(2))
    other = model.build(dml, Config(seed=4), IMAGES, 2)
    assert torch.equal(first(IMAGES), second(IMAGES))
    assert not torch.equal(first(IMAGES), other(IMAGES))
    assert not first.training


@pytest.mark.parametrize("pooling", ["mac", "spoc", "gem"])
@pytest.mark.parametrize("backbone", ["small_resnet", "lab_net"])
def test_dropout_is_that_of_the_pooled_vector(backbone, pooling):
    extractor = model.build(dml, Config(pooling=pooling, dropout=0.5, backbone=backbone), IMAGES, 2)
    plain = model.build(dml, Config(pooling=pooling, backbone=backbone), IMAGES, 2)
    assert list(extractor.state_dict()) == list(plain.state_dict())
    assert torch.equal(extractor(IMAGES), plain(IMAGES))  # in eval mode nothing is dropped
    for layer in extractor.modules():
        layer.train(isinstance(layer, nn.Dropout2d))
    dropped = (extractor(IMAGES).abs() < 1e-5) & (plain(IMAGES) > 1e-3)
    assert 0.3 < dropped.float().mean() / (plain(IMAGES) > 1e-3).float().mean() < 0.7


def test_statistics_that_may_move_follow_the_batches():
    extractor = model.build(dml, Config(loss="cross-entropy", batchnorm="train"), IMAGES, 2).train()
    for _ in range(60):
        extractor(IMAGES + 10)
    moved = extractor.features[1].running_mean.clone()
    extractor(IMAGES + 10)
    torch.testing.assert_close(extractor.features[1].running_mean, moved, rtol=0.01, atol=1e-3)


def test_reduction_sets_the_length():
    assert model.build(dml, Config(reduction=5), IMAGES, 2)(IMAGES).shape == (4, 5)


def test_older_names_are_found():
    file = types.ModuleType("older")
    file.GDExtractor = dml.GDextractor
    assert model.build(file, Config(), IMAGES, 2)(IMAGES).shape == (4, 64)


class Stub(nn.Module):
    def __init__(self, network, dim, usemax=False):
        raise NotImplementedError("Task 1: descriptor")


class Maps(nn.Module):
    """Forgets to pool."""

    def __init__(self, network, dim, usemax=False):
        super().__init__()
        self.features = nn.Sequential(*list(network.children())[:-2])

    def forward(self, x):
        return self.features(x)


@pytest.mark.parametrize(
    ("extractor", "settings", "words"),
    [
        (None, {}, r"no `GDextractor` \(Task 1"),
        (Stub, {}, "still to do: Task 1: descriptor"),
        (Maps, {}, r"the shape \(2, 64, 4, 4\) for 2 images, expected \(2, 64\)"),
        (Maps, {"pooling": "gem"}, r"has no argument `gem` \(Task 14"),
        (Maps, {"reduction": 8}, r"has no argument `reduction` \(Task 15"),
    ],
)
def test_an_unfinished_file_is_one_line(extractor, settings, words):
    file = types.ModuleType("unfinished")
    if extractor:
        file.GDextractor = extractor
    with pytest.raises(ValueError, match=words) as caught:
        model.build(file, Config(**settings), IMAGES, 2)
    assert "\n" not in str(caught.value)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="use at least two classes"):
        model.build(dml, Config(), IMAGES, 1)
