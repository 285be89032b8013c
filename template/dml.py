"""Deep metric learning in one file: descriptors, losses, mining, training and ranking.

Shapes: B images in a batch, C channels of the last feature map, D = dim numbers in a descriptor, N and M rows of two
sets of descriptors. A descriptor is a row of length one. "Distance" always means the *squared* Euclidean distance
unless a docstring says otherwise; labels are integers.

Run the file itself (`python dml.py`): while stubs are left it prints what is still to do, then it trains.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from assignment.datasets.split import Split
from assignment.evaluation.retrieval import (
    require_finite,  # (descriptors, whose) -> descriptors, or a ValueError naming rows
)

# ------------------------------------------------------------------------------------------------- descriptors


class GDextractor(nn.Module):
    """A global descriptor extractor: convolutions of a pretrained network, one pooling over the map, length one.

    SPoC averages each channel over the whole feature map (Babenko & Lempitsky 2015), MAC takes its maximum (Razavian
    et al. 2016). Both must work for any image size, so for any height and width of the map.

    Args:
        input_model: a network whose layers before the global pooling and the classifier are kept (for a torchvision
            ResNet: all children but the last two). They are the same layers, not copies.
        dim: number of channels C of the last feature map; the descriptor's length unless `reduction` is given.
        usemax: True for MAC, False for SPoC.
        gem: (bonus) True for generalised-mean pooling with a learnable exponent that starts at 3; wins over `usemax`.
        reduction: (bonus) number of dimensions that a linear layer maps the pooled vector to, before the normalisation.

    Attributes:
        dim: the length of the descriptors that `forward` returns.

    Example: a 1 x 2 x 1 x 2 map gives the pooled vector (2, 4) with SPoC and (3, 8) with MAC, before the normalisation.
        >>> network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> GDextractor(network, dim=2)(torch.tensor([[[[1.0, 3.0]], [[0.0, 8.0]]]]))
        tensor([[0.4472, 0.8944]])
    """

    def __init__(
        self, input_model: nn.Module, dim: int, usemax: bool = False, gem: bool = False, reduction: int | None = None
    ) -> None:
        super().__init__()
        # your code
        raise NotImplementedError("Task 1: Global descriptors: MAC and SPoC pooling, length one")

    def forward(self, x: Tensor, eps: float = 1e-6) -> Tensor:
        """Map images (B, 3, H, W), float32, to descriptors (B, dim), float32 rows of length one.

        `eps` keeps the division finite for a vector of zeros. Every other vector ends at length one.
        """
        # your code
        raise NotImplementedError("Task 1: Global descriptors: MAC and SPoC pooling, length one")


def gem(maps: Tensor, p: float | Tensor = 3.0, eps: float = 1e-6) -> Tensor:
    """(Bonus) Pool feature maps by their generalised mean, `(mean over H, W of max(x, eps)^p)^(1/p)`.

    p = 1 is the average, p → ∞ the maximum; in between large activations count more (Radenović et al. 2018, eq. 3).

    Args:
        maps: (B, C, H, W).
        p: exponent, a number or a tensor with one element that receives a gradient.
        eps: smallest value a power is taken of, since the gradient of x^p at 0 may be infinite.

    Returns:
        (B, C).

    Example: ((1 + 8) / 2)^(1/3) = 1.651.
        >>> gem(torch.tensor([[[[1.0, 2.0]]]]), p=3)
        tensor([[1.6510]])
    """
    # your code
    raise NotImplementedError("Task 14: Generalised-mean pooling")


# ------------------------------------------------------------------------------------------------------- losses


def triplet_loss(distances_pos: Tensor, distances_neg: Tensor, margin: float) -> Tensor:
    """Hinge loss of each triplet, `max(0, d⁺ − d⁻ + μ)` (Schroff et al. 2015, eq. 3).

    Args:
        distances_pos: (M,) squared distances anchor–positive. M = 0 is allowed.
        distances_neg: (M,) squared distances anchor–negative.
        margin: μ, in units of squared distance.

    Returns:
        (M,) one loss per triplet; the mean is taken later.

    Example:
        >>> triplet_loss(torch.tensor([0.5, 0.5]), torch.tensor([0.4, 0.9]), margin=0.2)
        tensor([0.3000, 0.0000])
    """
    # your code
    raise NotImplementedError("Task 2: Triplet loss")


def contrastive_loss(distances: Tensor, same: Tensor, margin: float) -> Tensor:
    """(Bonus) Loss of each pair: `d²` if the classes are the same, `max(0, μ − d)²` if not (Hadsell et al. 2006).

    Args:
        distances: (M,) *plain* Euclidean distances d (not squared: the margin is a length here).
        same: (M,) bool or 0/1, whether the two images of the pair show the same class.
        margin: μ, a length; pairs of different classes farther apart cost nothing.

    Returns:
        (M,) one loss per pair.

    Example:
        >>> contrastive_loss(torch.tensor([0.5, 0.5]), torch.tensor([True, False]), margin=0.8)
        tensor([0.2500, 0.0900])
    """
    # your code
    raise NotImplementedError("Task 12: Contrastive loss")


class ArcFace(nn.Module):
    """(Bonus) Classification by angle with an additive margin (Deng et al. 2019, eq. 3).

    Each class has a weight row; the logit of class c is `scale · cos θ_c`, for the image's own class
    `scale · cos(θ + margin)`, where θ is the angle between descriptor and weight row, both taken at length one.
    Where θ + margin passes π the cosine would rise again: from there on the own logit is
    `scale · (cos θ − margin · sin margin)`, so that a larger angle never gets a larger logit.
    Gradients stay finite at cos θ = ±1 (`acos` and `sqrt(1 − cos²)` have infinite ones there).

    Args:
        dim: length of a descriptor. n_classes: number of classes.
        scale: s, multiplies every logit. margin: m, an angle in radians, 0 ≤ m < π.

    Attributes:
        weight: parameter (n_classes, dim).

    Example: at 60° from the weight row of its class, the image has the own logit 10 · cos(π / 3 + 0.5) = 0.236.
        >>> head = ArcFace(dim=2, n_classes=2, scale=10.0, margin=0.5)
        >>> head.weight.data = torch.eye(2)
        >>> head(torch.tensor([[0.5, math.sqrt(0.75)]]), torch.tensor([0])).detach()
        tensor([[0.2360, 8.6603]])
    """

    def __init__(self, dim: int, n_classes: int, scale: float = 30.0, margin: float = 0.5) -> None:
        super().__init__()
        # your code
        raise NotImplementedError("Task 13: ArcFace")

    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        """Map descriptors (B, dim) and their labels (B,) int64 to logits (B, n_classes) for a cross-entropy."""
        # your code
        raise NotImplementedError("Task 13: ArcFace")


# ------------------------------------------------------------------------------------- mining, sampling, training


class CUBtriplet(Dataset):
    """Triplets (anchor, positive, hard negative) over a split of any data set; the lab sheet's name stays.

    Args:
        split: the images and their classes. `len(split)` is N, `split[i]` the i-th image as (3, H, W) float32, ready
            for a network and the same at each call, `split.labels` the N classes as int64.
        transform: random augmentation of one image tensor, or None. It is for training: mining looks at `split[i]`.

    Attributes:
        labels: (N,) int64.
        hardneg: (N,) int64, the index of the negative that goes with anchor i; −1 until `minehard` has run. It lives
            in shared memory, so that the workers of a DataLoader see what was mined after they had started.
    """

    def __init__(self, split: Split, transform: Callable[[Tensor], Tensor] | None = None) -> None:
        self.split = split
        self.transform = transform
        self.labels = torch.as_tensor(split.labels).long()
        self.hardneg = torch.full((len(self.labels),), -1).share_memory_()

    def __len__(self) -> int:
        return len(self.labels)

    def minehard(self, model: nn.Module) -> None:
        """Fill `hardneg[i]` with a random one of the 30 images nearest to i among those of *other* classes.

        The descriptors of the whole split are computed first, in batches and without gradients, with the network in
        eval mode (its mode is restored). Where fewer than 30 images of other classes exist, all of them are candidates.

        Raises:
            ValueError: some class is the only one, so that no negative exists.

        Example: images 0 and 1 get the only negative; image 2 gets 0 or 1.
            >>> from assignment.datasets.split import ArraySplit
            >>> dataset = CUBtriplet(ArraySplit(torch.rand(3, 3, 8, 8), [0, 0, 1]))
            >>> dataset.minehard(nn.Flatten())
            >>> dataset.hardneg[:2]
            tensor([2, 2])
        """
        # your code
        raise NotImplementedError("Task 3: Mining hard negatives")

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return (anchor, positive, negative), three images (3, H, W), each passed through `transform` if there is one.

        The anchor is image i, the positive a random *other* image of its class, the negative image `hardneg[i]`.

        Raises:
            ValueError: image i is the only one of its class, or nothing has been mined.
        """
        # your code
        raise NotImplementedError("Task 4: Anchor, positive, negative")


def train(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, margin: float) -> float:
    """Train `model` for one epoch with the triplet loss.

    For each batch: descriptors of the three images, squared distances, loss, gradient, one step of the optimiser.
    BatchNorm layers keep the statistics they came with (eval mode): a batch of hard triplets is not a fair sample.

    Args:
        model: maps images (B, 3, H, W) to descriptors (B, dim).
        loader: yields (anchors, positives, negatives), each (B, 3, H, W); the last batch may be smaller.
        optimizer: over the model's parameters.
        margin: μ of the triplet loss.

    Returns:
        The mean loss over all *triplets* of the epoch (not over batches).

    Raises:
        ValueError: the loader is empty.
    """
    # your code
    raise NotImplementedError("Task 5: One epoch of training")


# -------------------------------------------------------------------------------------- loop-free: ranking, batches


def distances(a: Tensor, b: Tensor) -> Tensor:
    """All squared Euclidean distances between rows, (N, D) and (M, D) → (N, M). Loop-free; no entry is negative.

    Example:
        >>> distances(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 0.0]]))
        tensor([[ 0.],
                [25.]])
    """
    # your code
    raise NotImplementedError("Task 7: All squared distances, loop-free")


def average_precision(distances: Tensor, labels: Tensor, query_label: int) -> tuple[Tensor, Tensor, Tensor]:
    """Average precision of one ranked list, `AP = Σ_k P(k) · rel(k) / R`. Loop-free.

    P(k) is the share of right labels among the k nearest, rel(k) is 1 where the k-th is right, R the number of right
    ones in the list. The query is not in the list: nothing has to be removed here. Equal distances keep their order.

    Args:
        distances: (N,) from the query to each image of the list; smaller is nearer.
        labels: (N,) integers. query_label: the query's class.

    Returns:
        (ap, precision, recall): ap a number; precision and recall (N,), at each rank k = 1 … N.
        All are NaN (precision: 0) where the list holds no image of the query's class.

    Example: ap = (1 + 2/3) / 2.
        >>> average_precision(torch.tensor([0.1, 0.2, 0.3]), torch.tensor([1, 0, 1]), query_label=1)
        (tensor(0.8333), tensor([1.0000, 0.5000, 0.6667]), tensor([0.5000, 0.5000, 1.0000]))
    """
    # your code
    raise NotImplementedError("Task 8: Average precision, loop-free")


def mean_average_precision(descriptors: Tensor, labels: Tensor, queries: Tensor | None = None) -> float:
    """Mean of the AP of each query over all *other* images, ranked by distance.

    The query leaves its own list by index, not by being first: an exact duplicate may come before it. A query whose
    class has no other image has no AP and is left out of the mean.

    Args:
        descriptors: (N, D). labels: (N,) integers. queries: indices of the images that ask; None for all N.

    Returns:
        A number in [0, 1]; NaN with a warning where no query has a positive.

    Raises:
        ValueError: a descriptor is not finite.

    Example: the APs are 1/2, 1/3, 1/2 and 1/2.
        >>> descriptors, labels = torch.tensor([[0.0], [0.1], [0.3], [1.0]]), torch.tensor([0, 1, 0, 1])
        >>> round(mean_average_precision(descriptors, labels), 4)
        0.4583
    """
    # your code
    raise NotImplementedError("Task 9: Mean average precision over a data set")


def batch_triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Mean hinge loss over *all* valid triplets of a batch (Hermans et al. 2017, "batch all"). Loop-free.

    A triplet (a, p, n) is valid if a ≠ p, a and p share a class, and n is of another one. Every valid triplet counts
    in the mean, also those that cost nothing.

    Args:
        features: (B, D), as they come (they are not normalised here). labels: (B,) integers. margin: μ.

    Returns:
        A scalar; 0 that still carries a gradient (of zeros) where the batch has no valid triplet.

    Example: the triplets (0, 1, 2) and (1, 0, 2) cost max(0, 1 − 2.25 + 0.5) = 0 and max(0, 1 − 0.25 + 0.5) = 1.25.
        >>> batch_triplet_loss(torch.tensor([[0.0], [1.0], [1.5]]), torch.tensor([0, 0, 1]), margin=0.5)
        tensor(0.6250)
    """
    # your code
    raise NotImplementedError("Task 10: Triplet loss over all triplets of a batch, loop-free")


def smooth_ap_loss(features: Tensor, labels: Tensor, tau: float = 0.01) -> Tensor:
    """`1 − SmoothAP` of a batch, each row asking all others (Brown et al. 2020, eqs. 5–7). Loop-free.

    A rank counts who is above: `1 + Σ_k [s_k > s_j]`. SmoothAP replaces the step by `sigmoid((s_k − s_j) / tau)`. For a
    query q with positives P and negatives N (both without q), s_j = features_q · features_j:

        AP_q = 1/|P| Σ_{j ∈ P} (1 + Σ_{k ∈ P, k ≠ j} σ_kj) / (1 + Σ_{k ∈ P ∪ N, k ≠ j} σ_kj)

    Args:
        features: (B, D) rows of length one. labels: (B,) integers; any class sizes in any order.
        tau: temperature of the sigmoid, in units of cosine similarity.

    Returns:
        A scalar: 1 − mean of AP_q over the queries that have a positive; 0 that still carries a gradient (of zeros)
        where none has one.

    Example: at the angles 0°, 30° and 90°, each of the two queries ranks its positive first.
        >>> angles = torch.tensor([0.0, 30.0, 90.0]).deg2rad()
        >>> features = torch.stack([angles.cos(), angles.sin()], dim=1)
        >>> print(f"{smooth_ap_loss(features, torch.tensor([0, 0, 1]), tau=0.01):.3f}")
        0.000
    """
    # your code
    raise NotImplementedError("Task 11: SmoothAP loss, loop-free")


if __name__ == "__main__":
    from assignment.lab import main

    main(__file__)
