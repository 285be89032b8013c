"""The settings of a run: the defaults of one dataclass, overridden by a TOML recipe, then by the command line.

A recipe is a flat TOML file of `name = value` lines with the names of `Config`. An unknown name, a wrong type, a value
out of range and two contradicting settings raise a ValueError with a message of one line.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from assignment.datasets.registry import SAMPLE, SETS
from assignment.text import one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BACKBONES = (
    *("small_resnet", "small_resnet_w32", "lab_net", "pixels"),
    *("resnet18", "resnet34", "resnet50", "mobilenet_v2", "squeezenet1_1"),
)
LOSSES = ("triplet", "batch-triplet", "contrastive", "arcface", "smooth-ap", "cross-entropy", "none")
NEGATIVES = {"triplet": ("hard", "random"), "batch-triplet": ("all", "hard", "semi-hard")}
BALANCED = ("batch-triplet", "smooth-ap")  # losses whose batches hold several images of each class


def setting(
    default: Any, meaning: str, choices: tuple[str, ...] = (), least: float = -math.inf, most: float = math.inf
) -> Any:
    """Define a field of `Config`: its default, its meaning and its allowed values."""
    return field(default=default, metadata={"meaning": meaning, "choices": choices, "least": least, "most": most})


@dataclass(frozen=True)
class Config:
    """Every setting of a run; `python -m assignment config` prints them all with their meaning.

    Raises:
        ValueError: a value has the wrong type or is out of range, or two settings contradict each other.
    """

    data: str = setting(SAMPLE.name, "data set; sample is embedded, the others are read from a folder", tuple(SETS))
    root: str = setting("", "folder of the data set; empty: where data_scripts put it")
    protocol: str = setting("held-out", "classes of the test: unseen in training, or seen", ("held-out", "seen"))
    images_per_class: int = setting(0, "number of images of each training class, the first ones; 0: all", least=0)
    size: int = setting(224, "side of a square image in pixels (FashionMNIST stays 28)", least=8)
    cache: str = setting("", "folder for decoded images; empty: decode at each use")
    on_corrupt: str = setting("stop", "an image that cannot be read: stop the run, or skip the image", ("stop", "skip"))
    workers: int = setting(0, "processes that load images", least=0)

    backbone: str = setting("small_resnet", "network whose last feature map is pooled", BACKBONES)
    weights: str = setting(
        "", "file with the state_dict of the backbone; imagenet: that of data_scripts weights; empty: random weights"
    )
    pooling: str = setting("mac", "maximum, average or generalised mean of the feature map", ("mac", "spoc", "gem"))
    reduction: int = setting(0, "output dimensions of a linear layer after the pooling; 0: no layer", least=0)
    dropout: float = setting(0.0, "share of the pooled channels set to zero in training", least=0, most=0.99)

    loss: str = setting("triplet", "loss; none: only evaluate the untrained network", LOSSES)
    negatives: str = setting(
        "hard",
        "triplet: hard (mined before each epoch) or random; batch-triplet: all, hard or semi-hard within the batch",
        ("hard", "random", "all", "semi-hard"),
    )
    margin: float = setting(
        0.1, "triplets: squared distance; contrastive: distance; arcface: angle in radians", least=0
    )
    scale: float = setting(30.0, "factor of the cosines of arcface and of the descriptors of cross-entropy", least=1e-6)
    tau: float = setting(0.01, "temperature of smooth-ap, in units of cosine similarity", least=1e-6)

    batch_size: int = setting(32, "batch size in images; triplet: in triplets; contrastive: in pairs", least=1)
    per_class: int = setting(4, "batch-triplet and smooth-ap: images of a class in a batch", least=2)
    augment: bool = setting(True, "random crop and flip of training images (not in mining and validation)")
    moved: int = setting(2, "FashionMNIST: largest shift of augment, in pixels", least=0, most=27)
    mirror: bool = setting(False, "evaluate with the mean of the descriptors of an image and its mirror image")
    batchnorm: str = setting(
        "frozen", "BatchNorm statistics: keep those of the backbone, or use those of the batch", ("frozen", "train")
    )

    optimizer: str = setting("adamw", "optimiser", ("adamw", "adam", "sgd"))
    lr: float = setting(1e-5, "learning rate of the extractor", least=0)
    head_lr: float = setting(0.0, "learning rate of the class weights of arcface and cross-entropy; 0: lr", least=0)
    weight_decay: float = setting(0.01, "weight decay", least=0)
    momentum: float = setting(0.9, "momentum of sgd", least=0, most=0.9999)
    clip: float = setting(0.0, "largest norm of the gradient over all parameters; 0: no limit", least=0)

    schedule: str = setting(
        "none", "schedule of the learning rate", ("none", "step", "plateau", "cosine", "warmup-cosine")
    )
    warmup_epochs: int = setting(1, "warmup-cosine: epochs in which the learning rate rises", least=0)
    step_epochs: int = setting(
        10, "step: epochs between two reductions; plateau: epochs without improvement before one", least=1
    )
    gamma: float = setting(0.1, "step and plateau: factor of a reduction", least=1e-6, most=1)

    epochs: int = setting(10, "passes over the training images", least=0)
    patience: int = setting(0, "stop after this number of epochs without improvement on validation; 0: never", least=0)
    monitor: str = setting("P@1", "metric on the validation classes by which the best epoch is chosen", ("P@1", "mAP"))

    precision: str = setting(
        "auto",
        "number format of the network; auto: bfloat16 on a GPU that supports it, else float32",
        ("auto", "float32", "bfloat16"),
    )
    seed: int = setting(0, "seed of all random draws", least=0, most=2**31 - 1)
    threads: int = setting(0, "CPU threads; 0: all cores that the process may use", least=0)

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, _checked(entry, getattr(self, entry.name)))
        allowed = NEGATIVES.get(self.loss)
        if allowed and self.negatives not in allowed:
            raise ValueError(f"loss {self.loss}: negatives must be one of {', '.join(allowed)}, not {self.negatives}")
        if self.loss in BALANCED and self.batch_size < 2 * self.per_class:
            raise ValueError(
                f"loss {self.loss}: batch_size = {self.batch_size} has fewer than two classes with per_class = "
                f"{self.per_class}; use a batch_size of at least {2 * self.per_class}"
            )
        if self.schedule == "warmup-cosine" and 0 < self.epochs <= self.warmup_epochs:
            raise ValueError(
                f"warmup_epochs = {self.warmup_epochs}: leaves no epoch of {self.epochs} for the cosine; use fewer"
            )
        if self.loss == "triplet" and self.batchnorm == "train":
            raise ValueError("loss triplet: `train` keeps the BatchNorm statistics (task 5); use batchnorm = frozen")


def _checked(entry: Field, value: Any) -> Any:
    """Return the value in the type of the field's default, or raise a ValueError that names the allowed values."""
    kind: Any = type(entry.default)
    name, rules = entry.name, entry.metadata
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        wanted = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise ValueError(f"{name} = {value!r}: must be {wanted}")
    if rules["choices"] and value not in rules["choices"]:
        near = difflib.get_close_matches(value, rules["choices"], 1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{name} = {value!r}: must be one of {', '.join(rules['choices'])}{meant}")
    if kind in (int, float) and not rules["least"] <= value <= rules["most"]:  # also catches NaN
        below = value < rules["least"]
        bound = f"at least {rules['least']:g}" if below else f"at most {rules['most']:g}"
        raise ValueError(f"{name} = {value!r}: must be {bound if math.isfinite(value) else 'a finite number'}")
    if kind is float and math.isinf(value):
        raise ValueError(f"{name} = {value!r}: must be a finite number")
    return value


def find(name: str, where: str) -> Field:
    """Return the field of this name; ValueError with the nearest name if there is none."""
    entries = {entry.name: entry for entry in fields(Config)}
    if name not in entries:
        near = difflib.get_close_matches(name, entries, 1, cutoff=0.5)
        advice = f"did you mean `{near[0]}`?" if near else "`python -m assignment config` lists them all"
        raise ValueError(f"{where}: there is no setting `{name}`; {advice}")
    return entries[name]


def read(path: str | Path) -> dict[str, Any]:
    """Read a recipe and return its settings by name, without checking their values.

    Raises:
        ValueError: no such file, not TOML, or an unknown name.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"recipe {path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ValueError(f"recipe {path}: {one_line(problem)}") from None
    for name in values:
        find(name, f"recipe {path}")
    return values


def from_text(name: str, text: str) -> Any:
    """Convert the text of a command-line option to the type of the setting; ValueError if it is not of that type.

    Example:
        >>> from_text("lr", "1e-4"), from_text("augment", "no")
        (0.0001, False)
    """
    kind: Any = type(find(name, "--set").default)
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in words:
            raise ValueError(f"{name} = {text!r}: must be true or false")
        return words[text.lower()]
    try:
        return kind(text)
    except ValueError:
        wanted = {int: "a whole number", float: "a number"}[kind]
        raise ValueError(f"{name} = {text!r}: must be {wanted}") from None


def from_values(values: Mapping[str, Any], where: str) -> Config:
    """Return the settings with these values and the defaults of all others; errors begin with `where`."""
    for name in values:
        find(name, where)
    try:
        return Config(**values)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def resolve(recipe: str | Path | None, overrides: Mapping[str, str]) -> Config:
    """Return the defaults, overridden by the recipe, then by the command line.

    Args:
        recipe: a TOML file, or None. overrides: setting → text.

    Raises:
        ValueError: an unknown name (the message has the nearest one), a wrong type, or a value that is not allowed.

    Example:
        >>> resolve(None, {"lr": "1e-4"}).lr
        0.0001
    """
    values = read(recipe) if recipe else {}
    typed = {name: from_text(name, text) for name, text in overrides.items()}
    return from_values({**values, **typed}, f"recipe {recipe}" if recipe and not typed else "settings")


def to_toml(config: Config) -> str:
    """Return all settings as TOML text that `read` accepts."""
    return "".join(f"{name} = {_toml(value)}\n" for name, value in asdict(config).items())


def explain(config: Config) -> str:
    """Return all settings as TOML text, with the meaning and the choices of each as comments."""
    lines = []
    for entry in fields(config):
        choices = ", ".join(entry.metadata["choices"])
        lines.append(f"# {entry.metadata['meaning']}{f' ({choices})' if choices else ''}")
        lines.append(f"{entry.name} = {_toml(getattr(config, entry.name))}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML strings are JSON's, except for DEL
