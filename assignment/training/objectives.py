"""What a batch costs: the file's own losses behind one face, `loss(descriptors, labels)` → scalar.

The mined triplet loss is not here: its epoch is the file's own `train`.
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
    """A loss and, where it has weights of its own (one row a class), the module that holds them."""

    loss: Loss
    head: nn.Module | None = None


def make(dml: ModuleType, config: Config, dim: int, classes: Tensor) -> Objective:
    """The objective that the settings ask for.

    Args:
        dml: the file, imported. config: the settings. dim: length of a descriptor.
        classes: (C,) int64, the training labels, sorted, each once.
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
        return Objective(_classify(lambda rows, places: arcface(rows, places), classes), arcface)
    if config.loss == "cross-entropy":
        linear = nn.Linear(dim, len(classes))
        return Objective(_classify(lambda rows, _: linear(config.scale * rows), classes), linear)
    raise ValueError(f"loss {config.loss} has no batch objective")


def hardest(squared: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """One triplet per anchor: its farthest positive and its nearest negative (Hermans et al. 2017, "batch hard").

    Args:
        squared: (B, B) squared distances. labels: (B,).

    Returns:
        d⁺ and d⁻, (M,) each, of the M anchors that have both.

    Example: rows 0, 1, 1.5 with labels 0, 0, 1: d⁺ = (1, 1), d⁻ = (2.25, 0.25).
    """
    positive, negative = _kinds(labels)
    anchors = positive.any(dim=1) & negative.any(dim=1)
    farthest = squared.masked_fill(~positive, -torch.inf).amax(dim=1)
    nearest = squared.masked_fill(~negative, torch.inf).amin(dim=1)
    return farthest[anchors], nearest[anchors]


def semi_hard(squared: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """One triplet per (anchor, positive): the nearest negative that is farther than the positive (Schroff et al. 2015).

    Where no negative is farther, the farthest negative is taken: the mildest of those that are too near.

    Args:
        squared: (B, B) squared distances. labels: (B,).

    Returns:
        d⁺ and d⁻, (M,) each, of the M pairs whose anchor has a negative.

    Example: rows 0, 1, 1.5 with labels 0, 0, 1: d⁺ = (1, 1), d⁻ = (2.25, 0.25).
    """
    positive, negative = _kinds(labels)
    anchor, other = (positive & negative.any(dim=1)[:, None]).nonzero(as_tuple=True)
    near, row = squared[anchor, other], squared[anchor]
    beyond = negative[anchor] & (row > near[:, None])
    first_beyond = row.masked_fill(~beyond, torch.inf).amin(dim=1)
    farthest = row.masked_fill(~negative[anchor], -torch.inf).amax(dim=1)
    return near, torch.where(beyond.any(dim=1), first_beyond, farthest)


def _kinds(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs of a batch are of one class (not an image with itself), and which are of two, (B, B) bool each."""
    alike = labels.unsqueeze(1).eq(labels)
    return alike.clone().fill_diagonal_(False), ~alike


def _chosen_triplets(dml: ModuleType, choose: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], margin: float) -> Loss:
    between, hinge = named(dml, "distances"), named(dml, "triplet_loss")

    def loss(rows: Tensor, labels: Tensor) -> Tensor:
        near, far = choose(between(rows, rows), labels)
        if len(near) == 0:
            return rows.sum() * 0  # no triplet in the batch: nothing to pay, but still a gradient (of zeros)
        return hinge(near, far, margin).mean()

    return loss


def _contrastive(dml: ModuleType, margin: float) -> Loss:
    """The rows are B first images, then their B partners, as `sampling.pairs` makes them."""
    cost = named(dml, "contrastive_loss")

    def loss(rows: Tensor, labels: Tensor) -> Tensor:
        first, second = rows.chunk(2)
        first_labels, second_labels = labels.chunk(2)
        # The least distance keeps the root's gradient finite (zero) for two equal images.
        plain = (first - second).pow(2).sum(dim=1).clamp_min(1e-12).sqrt()
        return cost(plain, first_labels == second_labels, margin).mean()

    return loss


def _classify(logits: Callable[[Tensor, Tensor], Tensor], classes: Tensor) -> Loss:
    def loss(rows: Tensor, labels: Tensor) -> Tensor:
        places = torch.searchsorted(classes.to(labels.device), labels)
        return F.cross_entropy(logits(rows, places), places)

    return loss
