"""How the learning rate goes through a run: a factor of the rates that the settings name, set before every step."""

from __future__ import annotations

import math
from typing import Any

import torch

from assignment.training.config import Config


def factor(config: Config, epoch: int, batch: int, batches: int) -> float:
    """Factor of the learning rate for one step; plateau is not in it, since it depends on what was measured.

    Args:
        config: the settings. epoch: from 0. batch: from 0, of this epoch's `batches`.

    Example: cosine over one epoch of two batches gives 1 and 0.5; the rate of the first step of a warm-up of one epoch
    with four batches is 1/4 of the full one.
    """
    if config.schedule == "step":
        return config.gamma ** (epoch // config.step_epochs)
    if config.schedule not in ("cosine", "warmup-cosine"):
        return 1.0
    warmup = config.warmup_epochs if config.schedule == "warmup-cosine" else 0
    if epoch < warmup:
        return (epoch + (batch + 1) / batches) / warmup  # + 1: a first step at rate 0 would be lost
    done = (epoch - warmup + batch / batches) / (config.epochs - warmup)
    return (1 + math.cos(math.pi * done)) / 2


class Plateau:
    """Multiplies the rate by `gamma` when the monitor has not risen for `step_epochs` epochs.

    Attributes:
        factor: of the learning rate now. best: the highest monitor so far. waited: epochs since then.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.factor, self.best, self.waited = 1.0, -math.inf, 0

    def see(self, monitor: float) -> None:
        """Take note of an epoch's monitor on the validation classes."""
        if self.config.schedule != "plateau":
            return
        if monitor > self.best:
            self.best, self.waited = monitor, 0
            return
        self.waited += 1
        if self.waited >= self.config.step_epochs:
            self.factor, self.waited = self.factor * self.config.gamma, 0

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"factor": self.factor, "best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint's state."""
        self.factor, self.best, self.waited = state["factor"], state["best"], state["waited"]


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to its first one times the factor."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * factor
