"""Networks that descriptors are extracted with.

They are laid out like torchvision's: with a `features` module, or with convolutional stages followed by `avgpool` and
`fc` as the last two children.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assignment.files import read_numbers

IMAGENET = "imagenet"
WEIGHTS = Path("data") / "weights"  # where `python -m data_scripts weights` puts them


class SmallResNet(nn.Module):
    """A small ResNet with torchvision's names: conv1, bn1, relu, maxpool, layer1 … layer4, avgpool, fc.

    For an input of 28 × 28 the last map is 4 × 4 (any size from 8 × 8 works); it has `8 · width` channels.

    Args:
        width: channels of the first stage. in_channels: 3 for RGB, 1 for grey images. n_classes: outputs of `fc`.
        stem_stride: 2 halves all feature maps (28 × 28 ends at 2 × 2) and reduces the time.
    """

    def __init__(self, width: int = 8, in_channels: int = 3, n_classes: int = 10, stem_stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stem_stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(2)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=1)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, in_channels, H, W) to logits (B, n_classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class LabNet(nn.Module):
    """The net of the FashionMNIST lab: three convolutions and one linear layer, 30,634 parameters.

    `features` maps images to (B, 256, 1, 1), the 64 channels of a 2 × 2 map as 256 numbers, so that any global pooling
    gives the lab's 256-d vector. Images are grey, (B, 1, H, W), or grey as RGB, of which the first channel is taken.

    Args:
        n_classes: outputs of `classifier`.
    """

    def __init__(self, n_classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _FirstChannel(),
            nn.Conv2d(1, 32, 3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Unflatten(1, (256, 1, 1)),
        )
        self.classifier = nn.Linear(256, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, 1 or 3, H, W), at least 18 × 18, to logits (B, n_classes)."""
        return self.classifier(self.features(x).flatten(1))


class _FirstChannel(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1]


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.skip = (
            nn.Identity() if (inputs, stride) == (outputs, 1) else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)) + self.skip(x))


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_Block(inputs, outputs, stride))


def _torchvision(name: str) -> Callable[..., nn.Module]:
    def make(**options: Any) -> nn.Module:
        import torchvision  # takes seconds to import; not needed for the small networks

        return getattr(torchvision.models, name)(weights=None, **options)

    return make


class Pixels(nn.Module):
    """A baseline without a network: the 28 · 28 grey values as a map (B, 784, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(_FirstChannel(), nn.Flatten(), nn.Unflatten(1, (28 * 28, 1, 1)))
        self.classifier = nn.Linear(28 * 28, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, 3, 28, 28) to logits (B, 10)."""
        return self.classifier(self.features(x).flatten(1))


BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "small_resnet": SmallResNet,
    "small_resnet_w32": lambda **options: SmallResNet(width=32, **options),
    "lab_net": LabNet,
    "pixels": Pixels,
    **{name: _torchvision(name) for name in ("resnet18", "resnet34", "resnet50", "mobilenet_v2", "squeezenet1_1")},
}


def build(name: str, **options: Any) -> nn.Module:
    """Build a randomly initialised network; ValueError with the choices for an unknown name."""
    if name not in BACKBONES:
        raise ValueError(f"backbone '{name}': unknown; choose one of {', '.join(BACKBONES)}")
    return BACKBONES[name](**options)


def channels(network: nn.Module) -> int:
    """Number of channels of the last feature map, read from the first layer of the classifier."""
    head = getattr(network, "fc", None) or getattr(network, "classifier", None) or network
    for layer in head.modules():
        if isinstance(layer, nn.Linear):
            return layer.in_features
        if isinstance(layer, nn.Conv2d):
            return layer.in_channels
    raise ValueError(f"{type(network).__name__}: has no classifier to read the number of channels from")


def weights_file(name: str, weights: str, folder: Path = WEIGHTS) -> Path:
    """Return the file that a setting names: a path, or for "imagenet" the file of `data_scripts weights`.

    Raises:
        ValueError: the file of "imagenet" is missing.
    """
    if weights != IMAGENET:
        return Path(weights)
    found = sorted(folder.glob(f"{name}-*.pth"))
    if not found:
        raise ValueError(
            f"weights imagenet: none of {name} in {folder}; run `python -m data_scripts weights {name}`, or use a file"
        )
    return found[-1]


def load_weights(network: nn.Module, path: str | Path) -> list[str]:
    """Load a state_dict file into a network and return the names of the parameters that it lacks.

    Only numbers are read from the file (`weights_only=True`), never code. A file may hold the convolutions only
    (`features.*`): the classifier, which descriptors do not use, then keeps its random values.

    Raises:
        ValueError: no such file, not a state_dict, or of another network.
    """
    try:
        state = read_numbers(path)
    except FileNotFoundError:
        raise ValueError(f"weights {path}: there is no such file") from None
    except Exception:  # damaged files raise many kinds of exceptions with long texts
        raise ValueError(f"weights {path}: damaged, or not a state_dict that is safe to read") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"weights {path}: not a state_dict (names and tensors)")
    wanted = network.state_dict()
    for name, value in state.items():
        if name not in wanted:
            raise ValueError(
                f"weights {path}: '{name}' is not in {type(network).__name__}; is it the file of this network?"
            )
        if value.shape != wanted[name].shape:
            shapes = f"{tuple(value.shape)} instead of {tuple(wanted[name].shape)}"
            raise ValueError(f"weights {path}: '{name}' has the shape {shapes}; is it the file of this network?")
    missing = [name for name in wanted if name not in state and not name.endswith("num_batches_tracked")]
    if body := [name for name in missing if not name.startswith(("fc.", "classifier."))]:
        raise ValueError(
            f"weights {path}: '{body[0]}' is missing ({len(body)} in all); is it the file of this network?"
        )
    network.load_state_dict(state, strict=False)
    return missing


def calibrate_batchnorm(network: nn.Module, images: Tensor) -> None:
    """Set the statistics of all BatchNorm layers of a random network to those of these images (B, 3, H, W)."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # a plain average; the default would keep 90 % of the initial values
            layer.reset_running_stats()
    network.train()
    with torch.no_grad():
        network(images)
    network.eval()
