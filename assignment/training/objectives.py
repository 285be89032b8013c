"""Batch losses of the file with one signature, `loss(descriptors, labels)` → scalar.

The mined triplet loss is not among them: its epoch is the file's own `train`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from assignment.training.config import Config
from assignment.training.model import named

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass
class Objective:
    """A loss and, if it has weights (one row per class), the module that holds them."""

    loss: Loss
    head: nn.Module | None = None


def make(dml: ModuleType, config: Config, dim: int, classes: Tensor) -> Objective:
    """Build the objective that the settings ask for.

    Args:
        dml: the imported file. config: the settings. dim: length of a descriptor.
        classes: (C,) int64, the distinct training labels, sorted.
    """
    if config.loss == "batch-triplet" and config.negatives == "all":
        whole = named(dml, "batch_triplet_loss")
        return Objective(lambda rows, labels: whole(rows, labels, config.margin))
    if config.loss == "batch-triplet":
        choose = hardest if config.negatives == "hard" else semi_hard
        return Objective(_chosen_triplets(dml, choose, config.margin))
    if config.loss == "contrastive":
        return Objective(_contrastive(dml, config.margin))
    if config.loss == "smooth-ap":
        smooth = named(dml, "smooth_ap_loss")
        return Objective(lambda rows, labels: smooth(rows, labels, config.tau))
    if config.loss == "arcface":
        arcface = named(dml, "ArcFace")(dim, len(classes), config.scale, config.margin)
        return Objective(_classification(lambda rows, targets: arcface(rows, targets), classes), arcface)
    if config.loss == "cross-entropy":
        linear = nn.Linear(dim, len(classes))
        return Objective(_classification(lambda rows, _: linear(config.scale * rows), classes), linear)
    raise ValueError(f"loss {config.loss}: has no batch objective")


def hardest(squared: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """One triplet per anchor: its farthest positive and its nearest negative (Hermans et al. 2017, "batch hard").

    Args:
        squared: (B, B) squared distances. labels: (B,).

    Returns:
        d⁺ and d⁻, (M,) each, of the M anchors that have both.

    Example: rows 0, 1, 1.5 with labels 0, 0, 1.
        >>> squared = torch.tensor([[0.0, 1.0, 2.25], [1.0, 0.0, 0.25], [2.25, 0.25, 0.0]])
        >>> hardest(squared, torch.tensor([0, 0, 1]))
        (tensor([1., 1.]), tensor([2.2500, 0.2500]))
    """
    positive, negative = _kinds(labels)
    anchors = positive.any(dim=1) & negative.any(dim=1)
    farthest = squared.masked_fill(~positive, -torch.inf).amax(dim=1)
    nearest = squared.masked_fill(~negative, torch.inf).amin(dim=1)
    return farthest[anchors], nearest[anchors]


def semi_hard(squared: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """One triplet per (anchor, positive): the nearest negative that is farther than the positive (Schroff et al. 2015).

    If no negative is farther than the positive, the farthest negative is used.

    Args:
        squared: (B, B) squared distances. labels: (B,).

    Returns:
        d⁺ and d⁻, (M,) each, of the M pairs whose anchor has a negative.

    Example: rows 0, 1, 1.5 with labels 0, 0, 1.
        >>> squared = torch.tensor([[0.0, 1.0, 2.25], [1.0, 0.0, 0.25], [2.25, 0.25, 0.0]])
        >>> semi_hard(squared, torch.tensor([0, 0, 1]))
        (tensor([1., 1.]), tensor([2.2500, 0.2500]))
    """
    positive, negative = _kinds(labels)
    anchor, other = (positive & negative.any(dim=1)[:, None]).nonzero(as_tuple=True)
    near, row = squared[anchor, other], squared[anchor]
    beyond = negative[anchor] & (row > near[:, None])
    first_beyond = row.masked_fill(~beyond, torch.inf).amin(dim=1)
    farthest = row.masked_fill(~negative[anchor], -torch.inf).amax(dim=1)
    return near, torch.where(beyond.any(dim=1), first_beyond, farthest)


def _kinds(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Masks (B, B) of the pairs of the same class (without self-pairs) and of different classes."""
    same = labels.unsqueeze(1).eq(labels)
    return same.clone().fill_diagonal_(False), ~same


def _chosen_triplets(dml: ModuleType, choose: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], margin: float) -> Loss:
    between, hinge = named(dml, "distances"), named(dml, "triplet_loss")

    def loss(rows: Tensor, labels: Tensor) -> Tensor:
        near, far = choose(between(rows, rows), labels)
        if len(near) == 0:
            return rows.sum() * 0  # no triplet in the batch: a loss of 0 with a zero gradient
        return hinge(near, far, margin).mean()

    return loss


def _contrastive(dml: ModuleType, margin: float) -> Loss:
    """Loss of rows that are B first images, then their B partners, as in `sampling.pairs`."""
    pair_loss = named(dml, "contrastive_loss")

    def loss(rows: Tensor, labels: Tensor) -> Tensor:
        first, second = rows.chunk(2)
        first_labels, second_labels = labels.chunk(2)
        # The lower bound keeps the root's gradient finite (zero) for two equal images.
        plain = (first - second).pow(2).sum(dim=1).clamp_min(1e-12).sqrt()
        return pair_loss(plain, first_labels == second_labels, margin).mean()

    return loss


def _classification(logits: Callable[[Tensor, Tensor], Tensor], classes: Tensor) -> Loss:
    def loss(rows: Tensor, labels: Tensor) -> Tensor:
        targets = torch.searchsorted(classes.to(labels.device), labels)
        return F.cross_entropy(logits(rows, targets), targets)

    return loss
