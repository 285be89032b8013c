"""Hooks around each step of the optimiser, whether the file's own `train` takes it or the loop."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from assignment.training import distributed, schedules
from assignment.training.config import Config
from assignment.training.distributed import Group
from assignment.training.precision import Network
from assignment.training.sampling import Batch

INTACT = "best.pt and last.pt of the earlier epochs are intact"


class Diverged(ValueError):
    """The loss or a gradient is not finite; the message names the epoch and the batch."""


class Steps:
    """Prepares the gradients before each step of the optimiser, and sets the learning rate after it.

    Gradients of several processes are added, a gradient that is not finite stops the run, a long one is clipped.

    Args:
        batches: number of batches in an epoch.

    Attributes:
        batch: number of the current batch, from 1. rate: learning rate of the latest step. schedule: torch's scheduler.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        head: nn.Module | None,
        optimizer: torch.optim.Optimizer,
        group: Group,
        batches: int,
    ) -> None:
        self.config, self.network, self.head, self.optimizer, self.group = config, network, head, optimizer, group
        self.parameters = [p for each in optimizer.param_groups for p in each["params"]]
        self.schedule = schedules.make(config, optimizer, batches)
        self.epoch, self.batch = 0, 0
        self.batches: list[Batch] = []
        self.norms: list[Tensor] = []
        self.rate = config.lr
        optimizer.register_step_pre_hook(lambda *_: self.before())
        optimizer.register_step_post_hook(lambda *_: self.after())

    def begin(self, epoch: int, batches: list[Batch]) -> None:
        """Start an epoch with these batches."""
        self.epoch, self.batch, self.batches, self.norms = epoch, 0, batches, []

    def counted(self) -> int:
        """Number of this process's items of the current batch that count."""
        return distributed.share(self.batches[self.batch - 1], self.group)[1]

    def before(self) -> None:
        """Add, check and clip the gradients."""
        # The file's own `train` takes the mean over its share of the batch. A batch objective sees the whole batch in
        # every process, but only the rows of the process carry a gradient to the extractor.
        batch = self.batches[max(self.batch, 1) - 1]
        weight = self.counted() / len(batch) if self.config.loss == "triplet" else 1.0
        distributed.add_gradients(self.network, weight, self.group)
        if self.head is not None:
            distributed.add_gradients(self.head, 1 / self.group.size, self.group)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip or math.inf)
        if not torch.isfinite(norm):
            raise self.diverged("a gradient is not finite")
        self.norms.append(norm.detach())
        self.rate = self.optimizer.param_groups[0]["lr"]

    def after(self) -> None:
        """Set the learning rate of the next step."""
        if not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()

    def end_epoch(self, monitor: float) -> None:
        """Lower the learning rate if the schedule is plateau and the monitor no longer rises."""
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(monitor)

    def diverged(self, what: str) -> Diverged:
        """The error that names epoch and batch."""
        return Diverged(f"epoch {self.epoch}, batch {self.batch}: {what}; lower lr or set clip. {INTACT}")

    def mean_gradient(self) -> float:
        """Mean norm of the epoch's gradients before they were clipped."""
        return torch.stack(self.norms).mean().item() if self.norms else 0.0
