"""Several processes, one GPU or a share of the processor each, that train as one: started by `torchrun`.

Every batch is divided: process r of n takes its items r, r + n, r + 2n, … Descriptors are gathered so that a loss sees
the whole batch, gradients are added up, and the step is the one that a single process would have taken.
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
    """The processes of a run; a lone process is a group of one.

    Attributes:
        rank: which process this is, from 0. size: how many there are. local_rank, local_size: the same
            of this machine's alone.
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
    # Hours, not minutes: the others wait while the first process evaluates.
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(hours=2))
    try:
        yield group
    finally:
        distributed.destroy_process_group()


def share(batch: Sequence[Anything], group: Group) -> tuple[list[Anything], int]:
    """This process's items of a batch, and how many of them count.

    A process for which the batch is too short gets its first item, which does not count: no process may miss a step.

    Example: process 1 of 2 gets [b, d] of [a, b, c, d, e], and ([a], 0) of [a].
    """
    own = list(batch[group.rank :: group.size])
    return (own, len(own)) if own else ([batch[0]], 0)


def gather(rows: Tensor, total: int, group: Group) -> Tensor:
    """The rows of all processes in the order of the undivided batch; gradients reach this process's own rows.

    Args:
        rows: (B_r, …) of this process, as `share` divided the batch. total: rows of all processes together.
    """
    if group.size == 1:
        return rows
    longest = -(-total // group.size)
    own = F.pad(rows, [0, 0] * (rows.dim() - 1) + [0, longest - len(rows)])
    parts = [torch.empty_like(own) for _ in range(group.size)]
    distributed.all_gather(parts, own.detach().contiguous())
    parts[group.rank] = own
    return torch.stack(parts, dim=1).flatten(0, 1)[:total]


def add_gradients(module: nn.Module, weight: float, group: Group) -> None:
    """Replace each gradient by the sum over the processes of `weight` times theirs."""
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


def same_start(module: nn.Module, group: Group) -> None:
    """Give every process the first one's parameters and buffers."""
    if group.size > 1:
        for tensor in module.state_dict().values():
            distributed.broadcast(tensor, 0)


def same_draws(group: Group) -> None:
    """Put every process's generators into the first one's state, so that all mine the same negatives."""
    if group.size > 1:
        seeds.restore(tell(seeds.states(), group))


def tell(value: Anything, group: Group) -> Anything:
    """The first process's value, in every process."""
    if group.size == 1:
        return value
    box: list[Any] = [value]
    distributed.broadcast_object_list(box, 0)
    return box[0]


def wait(group: Group) -> None:
    """Wait until every process is here."""
    if group.size > 1:
        distributed.barrier()
