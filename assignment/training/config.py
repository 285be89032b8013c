"""The settings of a run: defaults in one dataclass, then a TOML recipe, then the command line; the later is stronger.

A recipe is a flat TOML file of `name = value` lines with the names of `Config`. What does not fit (an unknown name, a
wrong type, a value outside its range, two settings that contradict each other) is a ValueError of one line.
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

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = ("sample", "fashion-mnist", "cub", "pets", "sop")
BACKBONES = (
    *("small_resnet", "small_resnet_w32", "lab_net", "pixels"),
    *("resnet18", "resnet34", "resnet50", "mobilenet_v2", "squeezenet1_1"),
)
LOSSES = ("triplet", "batch-triplet", "contrastive", "arcface", "smooth-ap", "cross-entropy", "none")
NEGATIVES = {"triplet": ("hard", "random"), "batch-triplet": ("all", "hard", "semi-hard")}
BALANCED = ("batch-triplet", "smooth-ap")  # losses whose batches hold several images of each of their classes


def setting(
    default: Any, meaning: str, choices: tuple[str, ...] = (), least: float = -math.inf, most: float = math.inf
) -> Any:
    """A field of `Config`: its default, what it means, and which values it may have."""
    return field(default=default, metadata={"meaning": meaning, "choices": choices, "least": least, "most": most})


@dataclass(frozen=True)
class Config:
    """Every setting of a run; `python -m assignment config` prints them all with their meaning.

    Raises:
        ValueError: a value has the wrong type or is out of range, or two settings contradict each other.
    """

    data: str = setting("sample", "data set; sample is embedded, the others are read from their folder", DATA)
    root: str = setting("", "folder of the data set; empty: where data_scripts put it")
    protocol: str = setting("held-out", "who is tested: classes never seen, or seen classes", ("held-out", "seen"))
    images_per_class: int = setting(0, "the first so many images of each training class; 0: all", least=0)
    size: int = setting(224, "side of a square image in pixels (FashionMNIST stays 28)", least=8)
    cache: str = setting("", "folder for decoded images, decoded once; empty: decode at each use")
    on_corrupt: str = setting("stop", "an image that cannot be read ends the run, or is left out", ("stop", "skip"))
    workers: int = setting(0, "processes that load images beside the training", least=0)

    backbone: str = setting("small_resnet", "network whose last feature map is pooled", BACKBONES)
    weights: str = setting(
        "", "file with the backbone's state_dict; imagenet: the one of data_scripts weights; empty: random weights"
    )
    pooling: str = setting("mac", "maximum, average or generalised mean of the map", ("mac", "spoc", "gem"))
    reduction: int = setting(0, "dimensions of the linear layer after the pooling; 0: no such layer", least=0)
    dropout: float = setting(0.0, "share of the pooled channels set to zero in training", least=0, most=0.99)

    loss: str = setting("triplet", "what is minimised; none only evaluates the untrained network", LOSSES)
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

    batch_size: int = setting(32, "images in a batch; triplet: triplets; contrastive: pairs", least=1)
    per_class: int = setting(4, "batch-triplet and smooth-ap: images of a class in a batch", least=2)
    augment: bool = setting(True, "random crop and flip of training images (never when mining or validating)")
    moved: int = setting(2, "FashionMNIST: pixels that augment moves an image by at most", least=0, most=27)
    mirror: bool = setting(False, "measure with the mean of an image's descriptor and its mirror image's")
    batchnorm: str = setting(
        "frozen", "BatchNorm goes by the statistics it came with, or by those of the batch", ("frozen", "train")
    )

    optimizer: str = setting("adamw", "how gradients become steps", ("adamw", "adam", "sgd"))
    lr: float = setting(1e-5, "learning rate of the extractor", least=0)
    head_lr: float = setting(0.0, "learning rate of the class weights of arcface and cross-entropy; 0: as lr", least=0)
    weight_decay: float = setting(0.01, "decay of the weights", least=0)
    momentum: float = setting(0.9, "momentum of sgd", least=0, most=0.9999)
    clip: float = setting(0.0, "longest gradient (Euclidean norm over all parameters); 0: any", least=0)

    schedule: str = setting(
        "none", "how the learning rate falls", ("none", "step", "plateau", "cosine", "warmup-cosine")
    )
    warmup_epochs: int = setting(1, "warmup-cosine: epochs in which the learning rate rises", least=0)
    step_epochs: int = setting(10, "step: epochs between two falls; plateau: epochs to wait for a better one", least=1)
    gamma: float = setting(0.1, "step and plateau: factor of a fall", least=1e-6, most=1)

    epochs: int = setting(10, "passes over the training images", least=0)
    patience: int = setting(0, "stop after so many epochs without a better one on validation; 0: never", least=0)
    monitor: str = setting("P@1", "what the best epoch is best in, on validation classes", ("P@1", "mAP"))

    precision: str = setting(
        "auto",
        "number format of the network; auto: bfloat16 on a GPU that has it, else float32",
        ("auto", "float32", "bfloat16", "float16"),
    )
    seed: int = setting(0, "of every random draw", least=0, most=2**31 - 1)
    threads: int = setting(0, "processor threads; 0: all cores that this process may use", least=0)

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, _fit(entry, getattr(self, entry.name)))
        allowed = NEGATIVES.get(self.loss)
        if allowed and self.negatives not in allowed:
            raise ValueError(f"loss {self.loss}: negatives must be one of {', '.join(allowed)}, not {self.negatives}")
        if self.loss in BALANCED and self.batch_size < 2 * self.per_class:
            raise ValueError(
                f"loss {self.loss}: batch_size = {self.batch_size} holds fewer than two classes with per_class = "
                f"{self.per_class}; use a batch_size of at least {2 * self.per_class}"
            )
        if self.schedule == "warmup-cosine" and 0 < self.epochs <= self.warmup_epochs:
            raise ValueError(f"warmup_epochs = {self.warmup_epochs} leaves no epoch of {self.epochs} to the cosine")
        if self.loss == "triplet" and self.batchnorm == "train":
            raise ValueError("loss triplet keeps BatchNorm statistics (task 5 asks for it): use batchnorm = frozen")


def _fit(entry: Field, value: Any) -> Any:
    """The value in the type of the field's default, or a ValueError that says what is allowed."""
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
    if kind in (int, float) and not rules["least"] <= value <= rules["most"]:  # NaN is in no range
        below = value < rules["least"]
        bound = f"at least {rules['least']:g}" if below else f"at most {rules['most']:g}"
        raise ValueError(f"{name} = {value!r}: must be {bound if math.isfinite(value) else 'a finite number'}")
    if kind is float and math.isinf(value):
        raise ValueError(f"{name} = {value!r}: must be a finite number")
    return value


def known(name: str, where: str) -> Field:
    """The field of this name; ValueError with the nearest one if there is none."""
    entries = {entry.name: entry for entry in fields(Config)}
    if name not in entries:
        near = difflib.get_close_matches(name, entries, 1, cutoff=0.5)
        advice = f"did you mean `{near[0]}`?" if near else "`python -m assignment config` lists them all"
        raise ValueError(f"{where}: there is no setting `{name}`; {advice}")
    return entries[name]


def read(path: str | Path) -> dict[str, Any]:
    """Read a recipe and return its settings by name, not yet checked against their ranges.

    Raises:
        ValueError: no such file, not TOML, a table in it, or an unknown name; one line.
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"recipe {path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ValueError(f"recipe {path}: {' '.join(str(problem).split())}") from None
    for name in values:
        known(name, f"recipe {path}")
    return values


def from_text(name: str, text: str) -> Any:
    """The value that a word of the command line stands for, in the setting's type; ValueError if it is none.

    Example: from_text("lr", "1e-4") is 0.0001; from_text("augment", "no") is False.
    """
    kind: Any = type(known(name, "--set").default)
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
    """The settings with these values and the defaults for all others; errors begin with `where`."""
    for name in values:
        known(name, where)
    try:
        return Config(**values)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


def resolve(recipe: str | Path | None, overrides: Mapping[str, str]) -> Config:
    """Defaults, then the recipe's values, then those of the command line.

    Args:
        recipe: a TOML file, or None. overrides: setting → text, as typed.

    Raises:
        ValueError: an unknown name (the nearest one is named), a wrong type, a value that is not allowed.

    Example: resolve(None, {"lr": "1e-4"}).lr is 0.0001, and .epochs the default.
    """
    values = read(recipe) if recipe else {}
    typed = {name: from_text(name, text) for name, text in overrides.items()}
    return from_values({**values, **typed}, f"recipe {recipe}" if recipe and not typed else "settings")


def to_toml(config: Config) -> str:
    """All settings as TOML text, which `read` takes back."""
    return "".join(f"{name} = {_toml(value)}\n" for name, value in asdict(config).items())


def explain(config: Config) -> str:
    """All settings as TOML text with the meaning of each, and the choices where there are some, in comments."""
    lines = []
    for entry in fields(config):
        choices = ", ".join(entry.metadata["choices"])
        lines.append(f"# {entry.metadata['meaning']}{f' ({choices})' if choices else ''}")
        lines.append(f"{entry.name} = {_toml(getattr(config, entry.name))}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML strings: JSON's, but for DEL
