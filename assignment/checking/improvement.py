"""The improvement task: do the student's mining, loss and training improve the descriptors of unseen classes?

Every image gets a random colour cast, as if it were photographed under coloured light. A random network ranks by the
cast, so P@1 starts low; training must make it rank by garment. The margin is small on purpose: the casts keep the
images of two classes farther apart than the margin, so that pushing negatives away is not enough and positives must be
pulled together. Gradients that are not reset collapse all descriptors to one point, which `Result.spread` measures.
The numbers are in the manifest, `[improvement]`; `improvement.md` beside it explains them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from assignment import backbones
from assignment.checking.student_file import StudentFile
from assignment.datasets import fashion_mnist
from assignment.datasets.split import ArraySplit

Settings = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """The images of one run. The student gets the training images with labels and the unseen ones without.

    Attributes:
        images: (N, 3, 28, 28) float32, shuffled images of the five training classes. labels: (N,) int64.
        unseen: (U, 3, 28, 28) float32, shuffled: queries and galleries.
        unseen_labels: (U,) int64. unseen_pixels: (U, 28, 28) uint8, without the colour cast.
        queries: (Q,) rows of `unseen`, of the three test classes.
        galleries: (G, 10 · n) rows of `unseen`: G galleries with n images of each of the ten classes.
    """

    images: np.ndarray
    labels: np.ndarray
    unseen: np.ndarray
    unseen_labels: np.ndarray
    unseen_pixels: np.ndarray
    queries: np.ndarray
    galleries: np.ndarray


def draw(pixels: np.ndarray, labels: np.ndarray, rng: np.random.Generator, settings: Settings) -> Problem:
    """Draw one problem from (N, 28, 28) grey bytes and their labels; no image is both seen and unseen."""
    rows = [rng.permutation(np.flatnonzero(labels == c)) for c in range(len(fashion_mnist.CLASSES))]
    n_train, n_query = settings["train_per_class"], settings["queries_per_class"]
    n_gallery, galleries = settings["gallery_per_class"], settings["galleries"]
    train = rng.permutation(np.concatenate([rows[c][:n_train] for c in fashion_mnist.TRAINING_CLASSES]))
    rows = [r[n_train:] if c in fashion_mnist.TRAINING_CLASSES else r for c, r in enumerate(rows)]
    gallery = np.array([[r[g * n_gallery : (g + 1) * n_gallery] for r in rows] for g in range(galleries)])
    start = galleries * n_gallery
    query = np.concatenate([rows[c][start : start + n_query] for c in fashion_mnist.TEST_CLASSES])
    unseen = rng.permutation(np.concatenate([gallery.ravel(), query]))
    place = {row: i for i, row in enumerate(unseen)}
    return Problem(
        images=colour_cast(pixels[train], rng, settings["colour_cast"]),
        labels=labels[train].astype(np.int64),
        unseen=colour_cast(pixels[unseen], rng, settings["colour_cast"]),
        unseen_labels=labels[unseen].astype(np.int64),
        unseen_pixels=pixels[unseen],
        queries=np.array([place[row] for row in query]),
        galleries=np.array([[place[row] for row in one.ravel()] for one in gallery]),
    )


def colour_cast(pixels: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Normalise grey bytes (N, 28, 28) and add to each channel of each image a value from U(−strength, strength)."""
    cast = rng.uniform(-strength, strength, (len(pixels), 3, 1, 1)).astype(np.float32)
    return fashion_mnist.as_images(pixels).numpy() + cast


def improvement(
    file: StudentFile, images: Tensor, labels: Tensor, unseen: Tensor, seed: int, settings: Settings
) -> list[np.ndarray | list[float]]:
    """Probe: train with the functions of the student's file.

    Returns:
        Descriptors of `unseen` before training, of `unseen` after it, of `images` after it, each (·, dim) float32, and
        the value of `train` for each epoch.
    """
    torch.manual_seed(seed)
    net = backbones.build("small_resnet", width=settings["width"], stem_stride=2)
    backbones.calibrate_batchnorm(net, images)
    model = file.find("GDextractor")(net, 8 * settings["width"])
    before = describe(model, unseen)
    triplets = file.find("CUBtriplet")(ArraySplit(images, labels))
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings["lr"], betas=(0.9, settings["beta2"]))
    train = file.find("train")
    losses = []
    for _ in range(settings["epochs"]):
        triplets.minehard(model)
        loader = DataLoader(triplets, batch_size=settings["batch_size"], shuffle=True)
        losses.append(float(train(model, loader, optimizer, settings["margin"])))
    return [before, describe(model, unseen), describe(model, images), losses]


def describe(model: nn.Module, images: Tensor) -> np.ndarray:
    """Descriptors of images in eval mode, in batches."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(256)]).float().cpu().numpy()


@dataclass(frozen=True)
class Result:
    """The result of one run, which the grader computes from descriptors and labels.

    Attributes:
        p_at_1_before, p_at_1_after: P@1 of the queries, each averaged over the galleries.
        loss: mean triplet loss after training over all triplets of the training images, in units of the margin. A
            network whose descriptors are all equal has exactly 1.
        spread: mean squared distance after training between two images of a gallery, in units of the margin. Below 1
            the margin cannot hold between any two classes: the network has collapsed.
    """

    p_at_1_before: float
    p_at_1_after: float
    loss: float
    spread: float

    @property
    def rise(self) -> float:
        """The increase of P@1."""
        return self.p_at_1_after - self.p_at_1_before


def judge(problem: Problem, before: np.ndarray, after: np.ndarray, trained: np.ndarray, margin: float) -> Result:
    """Compute the result from descriptors, which are normalised first: scaling alone improves nothing."""
    before, after, trained = (unit(part) for part in (before, after, trained))
    gallery = after[problem.galleries[0]]
    return Result(
        p_at_1_before=p_at_1(problem, before),
        p_at_1_after=p_at_1(problem, after),
        loss=mean_triplet_loss(trained, problem.labels, margin) / margin,
        spread=float(squared_distances(gallery, gallery).mean()) / margin,
    )


def unit(descriptors: np.ndarray) -> np.ndarray:
    """Rows divided by their length, float64; a row of zeros is unchanged."""
    descriptors = descriptors.astype(np.float64)
    return descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-6)


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, D), (M, D) → (N, M) squared Euclidean distances."""
    return np.maximum(0, (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T)


def p_at_1(problem: Problem, descriptors: np.ndarray) -> float:
    """Share of the queries whose nearest image in a gallery is of their class, averaged over the galleries."""
    labels = problem.unseen_labels
    hits = []
    for gallery in problem.galleries:
        nearest = squared_distances(descriptors[problem.queries], descriptors[gallery]).argmin(axis=1)
        hits.append((labels[gallery[nearest]] == labels[problem.queries]).mean())
    return float(np.mean(hits))


def mean_triplet_loss(descriptors: np.ndarray, labels: np.ndarray, margin: float) -> float:
    """Mean hinge loss over all triplets of a set of images."""
    squared = squared_distances(descriptors, descriptors)
    means = []
    for i, label in enumerate(labels):
        same = labels == label
        negatives = squared[i, ~same]
        same[i] = False
        means.append(np.maximum(0, squared[i, same][:, None] - negatives + margin).mean())
    return float(np.mean(means))


def grid(problem: Problem, descriptors: np.ndarray, queries: int = 6) -> dict[str, np.ndarray]:
    """The five nearest gallery images of a few queries, for the report.

    Returns:
        "queries" (Q, 28, 28) uint8, "retrieved" (Q, 5, 28, 28) uint8, "right" (Q, 5) bool.
    """
    chosen = problem.queries[np.linspace(0, len(problem.queries) - 1, queries).astype(int)]
    gallery = problem.galleries[0]
    descriptors = unit(descriptors)
    order = np.argsort(squared_distances(descriptors[chosen], descriptors[gallery]), axis=1, kind="stable")[:, :5]
    found = gallery[order]
    return {
        "queries": problem.unseen_pixels[chosen],
        "retrieved": problem.unseen_pixels[found],
        "right": problem.unseen_labels[found] == problem.unseen_labels[chosen][:, None],
    }
