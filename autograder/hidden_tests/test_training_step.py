"""Hidden tests of task `training-step`. The network is one of the grader, so that only the training counts.

The optimiser is AdamW, whose steps do not depend on the scale of the gradients: the sum over a batch serves as well as
the mean, as long as all batches whose weights are compared have the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from assignment.checking import Answer, RemoteObject, expect, task
from autograder.hidden_tests.networks import state

LR = 0.05
PIXELS, DIM = 12, 4


@dataclass
class Epochs:
    """What a training gives, in float64: the weight at the end, and the mean loss of the last epoch.

    `clear` says that rounding cannot change it: no hinge argument and no entry of a gradient is nearly 0, and some
    triplets cost something and some nothing. `per_batch` is the mean of the batches' means, the wrong return value.
    """

    weight: np.ndarray
    loss: float
    per_batch: float
    clear: bool


def train_here(weight: np.ndarray, triplets: np.ndarray, batch: int, margin: float, epochs: int) -> Epochs:
    """Train the linear network with the gradient and AdamW written out: `triplets` is (3, M, 3, 2, 2)."""
    w = weight.astype(np.float64)
    first_moment, second_moment, step = np.zeros_like(w), np.zeros_like(w), 0
    x = triplets.astype(np.float64).reshape(3, -1, PIXELS)
    clear = True
    for _ in range(epochs):
        losses = []
        for start in range(0, x.shape[1], batch):
            images = x[:, start : start + batch]
            raw = images @ w.T
            length = np.linalg.norm(raw, axis=2, keepdims=True)
            anchor, positive, negative = unit = raw / length
            inside = ((anchor - positive) ** 2).sum(1) - ((anchor - negative) ** 2).sum(1) + margin
            losses.append(np.maximum(inside, 0))
            active = (inside > 0)[:, None] / len(inside)
            slope = 2 * active * np.stack([negative - positive, positive - anchor, anchor - negative])
            slope = (slope - (slope * unit).sum(axis=2, keepdims=True) * unit) / length  # through the division by it
            gradient = np.einsum("rbd,rbp->dp", slope, images)
            size = np.abs(gradient)
            clear &= bool(np.abs(inside).min() > 1e-3 and size.min() > 5e-4 * size.max() > 0)
            if not clear:
                return Epochs(w, 0.0, 0.0, clear)
            step += 1
            first_moment = 0.9 * first_moment + 0.1 * gradient
            second_moment = 0.999 * second_moment + 0.001 * gradient**2
            w = w - LR * first_moment / (1 - 0.9**step) / (np.sqrt(second_moment / (1 - 0.999**step)) + 1e-8)
    together = np.concatenate(losses)
    clear &= bool((together > 0).any() and (together == 0).any())
    return Epochs(w, float(together.mean()), float(np.mean([loss.mean() for loss in losses])), clear)


class Lesson:
    """Random triplets whose training has a clear result, and the student's side of it."""

    def __init__(self, student: Any, rng: np.random.Generator, count: int, batch: int, epochs: int) -> None:
        self.student, self.batch, self.epochs = student, batch, epochs
        self.margin = float(rng.uniform(0.2, 0.5))
        while True:
            self.weight = rng.normal(size=(DIM, PIXELS)).astype(np.float32)
            self.triplets = rng.normal(size=(3, count, 3, 2, 2)).astype(np.float32)
            self.expected = train_here(self.weight, self.triplets, batch, self.margin, epochs)
            apart = count % batch == 0 or abs(self.expected.loss - self.expected.per_batch) > 0.03
            if self.expected.clear and apart:
                break

    def train(self) -> tuple[Any, Answer]:
        """Train on the student's side; return the network and what the last epoch returned."""
        probe = self.student.probe
        model = probe.linear_model(self.weight)
        loader = probe.triplet_loader(*self.triplets, batch_size=self.batch)
        optimizer = probe.optimizer(model, "AdamW", LR, weight_decay=0.0)
        for _ in range(self.epochs - 1):
            self.student.train.run(model, loader, optimizer, self.margin)
        return model, self.student.train(model, loader, optimizer, self.margin)

    def expect_weight(self) -> None:
        """Expect the weight that the slow training ends with."""
        model, _ = self.train()
        found = state(self.student, model).get("weight")
        expect(Answer(found, "the weights after train(...)")).close_to(self.expected.weight, atol=0.05 * LR, rtol=0)


def running_statistics(student: Any, model: RemoteObject) -> dict[str, np.ndarray]:
    """Means and variances that the BatchNorm layers keep."""
    return {name: value for name, value in state(student, model).items() if "running" in name}


@task(
    "training-step",
    points=0.5,
    behaviour="the weights after three epochs of one batch",
    hint="Squared distances anchor–positive and anchor–negative, triplet loss, gradient, step: in this order?",
)
def test_one_batch(student, rng):
    Lesson(student, rng, count=5, batch=5, epochs=3).expect_weight()


@task(
    "training-step",
    points=0.5,
    behaviour="the weights after an epoch of several batches",
    hint="Each batch starts with gradients of zero and ends with one step.",
)
def test_several_batches(student, rng):
    Lesson(student, rng, count=12, batch=3, epochs=1).expect_weight()


@task(
    "training-step",
    points=0.5,
    behaviour="the mean loss over all triplets is returned",
    hint="Sum the losses of all triplets and divide by their number at the end: the last batch may be smaller.",
)
def test_mean_loss(student, rng):
    lesson = Lesson(student, rng, count=9, batch=4, epochs=1)
    _, answer = lesson.train()
    expect(answer).close_to(lesson.expected.loss, atol=1e-3, rtol=1e-3)


@task(
    "training-step",
    points=0.25,
    behaviour="BatchNorm keeps its statistics",
    hint="BatchNorm layers in training mode change their running statistics: which mode keeps them?",
    edge=True,
)
def test_batchnorm_statistics(student, rng):
    probe = student.probe
    model = probe.linear_model(rng.normal(size=(DIM, PIXELS)).astype(np.float32), batchnorm=True)
    probe.set_training(model, True)
    before = running_statistics(student, model)
    loader = probe.triplet_loader(*rng.normal(size=(3, 6, 3, 2, 2)).astype(np.float32), batch_size=3)
    student.train.run(model, loader, probe.optimizer(model, "AdamW", LR), 0.3)
    after = running_statistics(student, model)
    same = before.keys() == after.keys() and all(np.allclose(before[name], after[name], atol=1e-6) for name in before)
    expect(Answer(None, "train(...)")).that(same, "changed the running statistics of BatchNorm")


@task(
    "training-step",
    points=0.25,
    behaviour="an epoch in which no triplet costs anything",
    hint="The mean is over all triplets, also those that cost nothing; then 0 is 0 and the weights stay as they are.",
    edge=True,
)
def test_only_easy_triplets(student, rng):
    probe = student.probe
    weight = rng.normal(size=(DIM, PIXELS)).astype(np.float32)
    anchors = rng.normal(size=(5, 3, 2, 2)).astype(np.float32)
    model = probe.linear_model(weight)
    loader = probe.triplet_loader(anchors, 1.5 * anchors, -anchors, batch_size=2)
    answer = student.train(model, loader, probe.optimizer(model, "AdamW", LR, weight_decay=0.0), 0.3)
    expect(answer).close_to(0.0)
    expect(Answer(state(student, model).get("weight"), "the weights after train(...)")).close_to(weight)
