"""Networks and their weights files."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from assignment import backbones


@pytest.mark.parametrize("name", ["small_resnet", "lab_net", "resnet18", "mobilenet_v2", "squeezenet1_1"])
def test_channels_are_those_of_the_last_map(name):
    from solution.dml import convolutional_part

    network = backbones.build(name).eval()
    with torch.no_grad():
        maps = convolutional_part(network)(torch.zeros(1, 3, 64, 64))
    assert maps.shape[1] == backbones.channels(network)


def test_weights_come_back(tmp_path):
    first, second = backbones.SmallResNet(), backbones.SmallResNet()
    torch.save(first.state_dict(), tmp_path / "w.pt")
    assert backbones.load_weights(second, tmp_path / "w.pt") == []
    assert torch.equal(first.layer4[0].conv.weight, second.layer4[0].conv.weight)


def test_the_classifier_may_be_missing(tmp_path):
    network = backbones.build("squeezenet1_1")
    features = {k: v for k, v in network.state_dict().items() if k.startswith("features.")}
    torch.save(features, tmp_path / "w.pt")
    assert backbones.load_weights(network, tmp_path / "w.pt") == ["classifier.1.weight", "classifier.1.bias"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no such file"),
        (b"not a file of torch's", "damaged, or not a state_dict"),
        (backbones.SmallResNet(), "damaged, or not a state_dict"),  # a pickled module is code
        ([1, 2], "not a state_dict"),
        (backbones.SmallResNet(width=4).state_dict(), "has the shape"),
        ({"stem.weight": torch.zeros(1)}, "'stem.weight' is not in SmallResNet"),
        ({}, "'conv1.weight' is missing"),
    ],
)
def test_unfit_files_are_one_line(tmp_path, content, words):
    path = tmp_path / "w.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(ValueError, match=words) as caught:
        backbones.load_weights(backbones.SmallResNet(), path)
    assert "\n" not in str(caught.value)


def test_unknown_backbone_names_the_choices():
    with pytest.raises(ValueError, match="choose one of small_resnet, small_resnet_w32, lab_net, pixels, resnet18"):
        backbones.build("vgg")


def test_settled_statistics_normalise_the_images():
    torch.manual_seed(0)
    network, images = backbones.SmallResNet(), torch.randn(64, 3, 28, 28) * 3 + 5
    backbones.calibrate_batchnorm(network, images)
    with torch.no_grad():
        out = network.bn1(network.conv1(images))
    assert out.mean(dim=(0, 2, 3)).abs().max() < 0.01
    assert not any(isinstance(m, nn.BatchNorm2d) and m.training for m in network.modules())


def test_the_net_of_the_lab():
    network = backbones.build("lab_net").eval()
    assert sum(parameter.numel() for parameter in network.parameters()) == 30_634
    assert [sum(p.numel() for p in layer.parameters()) for layer in network.features if list(layer.parameters())] == [
        320,
        9_248,
        18_496,
    ]
    grey = torch.rand(2, 1, 28, 28)
    with torch.no_grad():
        assert network.features(grey).shape == (2, 256, 1, 1)
        assert network(grey).shape == (2, 10)
        assert torch.equal(network(grey.expand(-1, 3, -1, -1)), network(grey))
        assert torch.equal(network.classifier(network.features(grey).flatten(1)), network(grey))


def test_pixels_are_the_image_itself():
    images = torch.rand(2, 1, 28, 28).expand(-1, 3, -1, -1)
    maps = backbones.build("pixels").features(images)
    assert torch.equal(maps, images[:, 0].reshape(2, 784, 1, 1))


def test_imagenet_weights_are_where_the_data_scripts_put_them(tmp_path):
    with pytest.raises(ValueError, match="run `python -m data_scripts weights resnet18`"):
        backbones.weights_file("resnet18", "imagenet", tmp_path)
    (tmp_path / "resnet18-f37072fd.pth").touch()
    assert backbones.weights_file("resnet18", "imagenet", tmp_path) == tmp_path / "resnet18-f37072fd.pth"
    assert str(backbones.weights_file("resnet18", "my.pth", tmp_path)) == "my.pth"


def test_settings_know_the_same_networks():
    from assignment.training import config

    assert set(config.BACKBONES) == set(backbones.BACKBONES)
