"""A submitted checkpoint, on the student's side of the conversation: read it, rebuild its network, describe images.

Nothing here knows a label. The file comes in parts and is read without running code. What is wrong with it is reported
as a key of `PROBLEMS`, because the grader shows no text that was written here.
"""

from __future__ import annotations

import json
import traceback
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from assignment.checking.student_file import StudentFile

if TYPE_CHECKING:
    from assignment.training.config import Config

PROBLEMS = {
    "unreadable": "could not be read as weights: it is cut short, or holds more than numbers, tensors and text; hand "
    "in the best.pt of a run as `train` wrote it",
    "foreign": "holds no settings of a run, or those of another program; hand in the best.pt of a run, not weights "
    "alone",
    "settings": "has settings that no run can have: an unknown name, a wrong type, or a value out of range",
    "large": "has too many parameters, or too long a descriptor",
    "not-finite": "holds weights that are NaN or infinite: its training has failed",
    "architecture": "does not fit the network that your file builds from its settings; was it trained with another "
    "file, backbone, pooling or reduction?",
    "extractor": "needs a network that your `GDextractor` does not build: compare pooling and reduction in its "
    "settings",
    "baseline": "was trained with another backbone than the one whose weights it is compared with",
}
SAFE = ".safetensors"
LONGEST = 4096  # numbers in a descriptor


class Refused(Exception):
    """The checkpoint is not evaluated; `args[0]` is a key of `PROBLEMS`."""


class Evaluation:
    """One checkpoint and the networks that are built from its settings.

    Args:
        module: the student's file. folder: where the received files are put.
    """

    def __init__(self, module: ModuleType, folder: Path) -> None:
        self.module, self.folder = module, folder
        self.networks: list[nn.Module] = []

    def receive(self, name: str, part: Tensor) -> None:
        """Add a part (B,) uint8 to a received file."""
        with (self.folder / name).open("ab") as file:
            file.write(part.numpy().tobytes())

    def inspect(self, name: str, most: int) -> dict[str, Any]:
        """Read the checkpoint and return its facts.

        Args:
            most: the largest number of parameters that is accepted.

        Returns:
            {"problem": a key of `PROBLEMS`} or {"problem": "", "settings": …, "epoch": …, "parameters": …}.
        """
        try:
            state, config = read(self.folder / name)
            parameters = sum(value.numel() for value in state["model"].values())
            if parameters > most or config.reduction > LONGEST:
                raise Refused("large")
            if not all(torch.isfinite(value).all() for value in state["model"].values()):
                raise Refused("not-finite")
        except Refused as problem:
            return {"problem": problem.args[0]}
        except Exception:  # a hostile file can hold tensors of kinds that nobody trains
            return {"problem": "unreadable"}
        return {"problem": "", "settings": asdict(config), "epoch": state["epoch"], "parameters": parameters}

    def untrained(self, settings: dict[str, Any], weights: str, images: Tensor | None) -> dict[str, str]:
        """Build the network before training; the same settings give the same network.

        Args:
            settings: from `inspect`. weights: name of a received state_dict for the backbone, "" for random ones.
            images: (B, 3, H, W), for the statistics of random BatchNorm layers; None leaves the layers as they are.
        """
        return self._keep(lambda: self._build(settings, weights, images))

    def trained(self, settings: dict[str, Any], name: str) -> dict[str, str]:
        """Build the network of the settings with the checkpoint's weights."""

        def build() -> nn.Module:
            from assignment.training import checkpoints

            model = self._build(settings, "", None)
            try:
                checkpoints.load_model(model, read(self.folder / name)[0], name)
            except ValueError:
                raise Refused("architecture") from None
            return model

        return self._keep(build)

    def describe(self, images: Tensor) -> list[np.ndarray]:
        """Descriptors of images (B, 3, H, W), an array (B, dim) for each network built, in that order."""
        with torch.no_grad():
            return [model.eval()(images).float().cpu().numpy() for model in self.networks]

    def _keep(self, build: Any) -> dict[str, str]:
        try:
            self.networks.append(build())
        except Refused as problem:
            return {"problem": problem.args[0]}
        return {"problem": ""}

    def _build(self, settings: dict[str, Any], weights: str, images: Tensor | None) -> nn.Module:
        from assignment import backbones
        from assignment.training import model
        from assignment.training.config import Config

        path = str(self.folder / weights) if weights else ""
        config = Config(**{**settings, "weights": path})
        if weights:
            try:
                backbones.load_weights(backbones.build(config.backbone), path)
            except ValueError:
                raise Refused("baseline") from None
        try:
            return model.build(self.module, config, images)
        except ValueError as problem:
            if str(problem).startswith("still to do"):
                raise NotImplementedError from None
            if traceback.extract_tb(problem.__traceback__)[-1].filename != model.__file__:
                raise  # an error of the student's file
            raise Refused("extractor") from None


def evaluation(file: StudentFile) -> Evaluation:
    """Probe: an evaluation in the folder of the student's file."""
    return Evaluation(file.module, Path(str(file.module.__file__)).parent)


def read(path: Path) -> tuple[dict[str, Any], Config]:
    """Read a checkpoint of a run, or a safetensors file whose metadata has its settings as JSON under "config".

    Returns:
        The checkpoint (see `assignment.training.checkpoints`), which has at least "model" and "epoch", and the
        settings, without paths of the machine it was made on.

    Raises:
        Refused: what is wrong with it.
    """
    from assignment.training import checkpoints
    from assignment.training.config import from_values

    try:
        state = _safetensors(path) if path.suffix == SAFE else checkpoints.read(path)
    except ValueError as problem:
        raise Refused("unreadable" if "damaged" in str(problem) else "foreign") from None
    if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state["model"].items()):
        raise Refused("foreign")
    try:
        config = from_values(state["config"], "checkpoint")
    except (ValueError, TypeError):
        raise Refused("settings") from None
    return state, replace(config, root="", cache="", weights="given" if config.weights else "")


def _safetensors(path: Path) -> dict[str, Any]:
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            model = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dictionary)
    except Exception:  # damaged files raise several kinds
        raise ValueError("damaged") from None
    try:
        config, epoch = json.loads(metadata["config"]), int(metadata.get("epoch", 0))
    except (KeyError, ValueError, RecursionError):
        raise ValueError("no settings") from None
    if not isinstance(config, dict):
        raise ValueError("no settings")
    return {"model": model, "config": config, "epoch": epoch}
