"""The learning rate over a run, as one of torch's schedulers."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from assignment.training.config import Config


def make(config: Config, optimizer: Optimizer, batches: int) -> LRScheduler:
    """Build the scheduler that the settings ask for.

    Call `step()` after each step of the optimiser; that of plateau is called with the monitor after each epoch instead.

    Args:
        batches: number of batches in an epoch.

    Example: two epochs of two batches; the warm-up does not begin at 0, where the first step would have no effect.
        >>> import torch
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule, rates = make(Config(schedule="warmup-cosine", epochs=2), optimizer, batches=2), []
        >>> for _ in range(4):
        ...     rates += schedule.get_last_lr()
        ...     optimizer.step()
        ...     schedule.step()
        >>> rates
        [0.5, 1.0, 1.0, 0.5]
    """
    if config.schedule == "plateau":
        return ReduceLROnPlateau(optimizer, "max", config.gamma, config.step_epochs - 1, threshold=0, eps=0)
    if config.schedule == "step":
        return StepLR(optimizer, config.step_epochs * batches, config.gamma)
    if config.schedule == "none":
        return LambdaLR(optimizer, lambda _: 1.0)
    warmup = config.warmup_epochs * batches if config.schedule == "warmup-cosine" else 0
    falling = max(1, config.epochs * batches - warmup)

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return (1 + math.cos(math.pi * (step - warmup) / falling)) / 2

    return LambdaLR(optimizer, factor)
