"""Training in several processes, started by `torchrun`, each on one GPU or a share of the CPU cores.

Every batch is divided: process r of n takes its items r, r + n, r + 2n, … Descriptors are gathered so that a loss sees
the whole batch, and gradients are added, so that each step is the one that a single process would take.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from assignment.training import seeds

Anything = TypeVar("Anything")


@dataclass(frozen=True)
class Group:
    """The processes of a run; a group of one without `torchrun`.

    Attributes:
        rank: index of this process. size: number of processes. local_rank, local_size: the same on this machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0


@contextmanager
def joined() -> Iterator[Group]:
    """Join the group that `torchrun` started, and leave it at the end; a group of one without `torchrun`."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    here = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    group = Group(int(os.environ["RANK"]), size, int(os.environ["LOCAL_RANK"]), here)
    if torch.cuda.is_available():
        torch.cuda.set_device(group.local_rank)
    # Hours: the other processes wait while the first one evaluates.
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(hours=2))
    try:
        yield group
    finally:
        distributed.destroy_process_group()


def share(batch: Sequence[Anything], group: Group) -> tuple[list[Anything], int]:
    """Return this process's items of a batch, and how many of them count.

    If the batch is shorter than the group, a process without an item gets the first one, which does not count: every
    process must take part in every step.

    Example:
        >>> share("abcde", Group(rank=1, size=2)), share("a", Group(rank=1, size=2))
        ((['b', 'd'], 2), (['a'], 0))
    """
    items = list(batch[group.rank :: group.size])
    return (items, len(items)) if items else ([batch[0]], 0)


def gather(rows: Tensor, total: int, group: Group) -> Tensor:
    """Return the rows of all processes in the order of the batch; gradients flow to the rows of this process only.

    Args:
        rows: (B_r, …) of this process, as divided by `share`. total: number of rows of all processes.
    """
    if group.size == 1:
        return rows
    longest = -(-total // group.size)
    padded = F.pad(rows, [0, 0] * (rows.dim() - 1) + [0, longest - len(rows)])
    parts = [torch.empty_like(padded) for _ in range(group.size)]
    distributed.all_gather(parts, padded.detach().contiguous())
    parts[group.rank] = padded
    return torch.stack(parts, dim=1).flatten(0, 1)[:total]


def add_gradients(module: nn.Module, weight: float, group: Group) -> None:
    """Replace each gradient by the weighted sum of the gradients of all processes; `weight` is that of this process."""
    if group.size == 1:
        return
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients]).mul_(weight)
    distributed.all_reduce(flat)
    at = 0
    for gradient in gradients:
        gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
        at += gradient.numel()


def share_parameters(module: nn.Module, group: Group) -> None:
    """Copy the parameters and buffers of the first process to all others."""
    if group.size > 1:
        for tensor in module.state_dict().values():
            distributed.broadcast(tensor, 0)


def share_generators(group: Group) -> None:
    """Copy the states of the first process's generators to all others, so that all mine the same negatives."""
    if group.size > 1:
        seeds.restore(broadcast(seeds.states(), group))


def broadcast(value: Anything, group: Group) -> Anything:
    """Return the value of the first process, in every process."""
    if group.size == 1:
        return value
    box: list[Any] = [value]
    distributed.broadcast_object_list(box, 0)
    return box[0]
