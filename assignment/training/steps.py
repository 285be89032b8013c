"""The gate before each step of the optimiser, whoever takes it: the file's own `train` or the loop."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from assignment.training import distributed, schedules
from assignment.training.config import Config
from assignment.training.distributed import Group
from assignment.training.precision import Network
from assignment.training.sampling import Batch

INTACT = "best.pt and last.pt of the epochs before are intact"


class Diverged(ValueError):
    """The loss or a gradient is not finite; the message says in which epoch and batch."""


class Steps:
    """What is done before each step of the optimiser.

    Gradients of several processes are added, those of float16 are divided by their factor, a gradient that is not
    finite stops the run, a long one is clipped, and the schedule's rate is set.

    Attributes:
        batch: the one at work, from 1. plateau: the state of that schedule.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        head: nn.Module | None,
        optimizer: torch.optim.Optimizer,
        group: Group,
    ) -> None:
        self.config, self.network, self.head, self.optimizer, self.group = config, network, head, optimizer, group
        self.parameters = [p for each in optimizer.param_groups for p in each["params"]]
        self.plateau = schedules.Plateau(config)
        self.epoch, self.batch = 0, 0
        self.batches: list[Batch] = []
        self.norms: list[Tensor] = []

    def begin(self, epoch: int, batches: list[Batch]) -> None:
        """Get ready for the batches of an epoch."""
        self.epoch, self.batch, self.batches, self.norms = epoch, 0, batches, []

    def counted(self) -> int:
        """How many of this process's items of the batch count."""
        return distributed.share(self.batches[self.batch - 1], self.group)[1]

    def before(self) -> None:
        """Make the gradients ready for a step, and set its rate."""
        batch = max(self.batch, 1)
        rate = schedules.factor(self.config, self.epoch - 1, batch - 1, len(self.batches)) * self.plateau.factor
        schedules.set_rates(self.optimizer, rate)
        # The file's own `train` takes the mean over its share of the batch; a batch objective sees the whole batch in
        # every process, but only its own rows carry a gradient to the extractor.
        weight = self.counted() / len(self.batches[batch - 1]) if self.config.loss == "triplet" else 1.0
        distributed.add_gradients(self.network, weight, self.group)
        if self.head is not None:
            distributed.add_gradients(self.head, 1 / self.group.size, self.group)
        if self.network.scale != 1:
            for parameter in self.network.parameters():
                if parameter.grad is not None:
                    parameter.grad /= self.network.scale
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip or math.inf)
        if torch.isfinite(norm):
            self.norms.append(norm.detach())
        elif self.network.scale > 1:  # float16 overflowed: leave this step out and go on with a smaller factor
            self.network.scale /= 2
            self.optimizer.zero_grad()
        else:
            raise self.diverged("a gradient is not finite")

    def diverged(self, what: str) -> Diverged:
        """The error that says where it happened."""
        return Diverged(f"epoch {self.epoch}, batch {self.batch}: {what}; lower lr or set clip. {INTACT}")

    def mean_gradient(self) -> float:
        """Mean length of the epoch's gradients, before they were clipped."""
        return torch.stack(self.norms).mean().item() if self.norms else 0.0
