"""Hidden tests of task `triplet-sampling`."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking import Answer, expect, task


class Triplets:
    """A mined data set and the items that it gives.

    Args:
        labels: (N,). transform: as for CUBtriplet.
    """

    def __init__(self, student: Any, rng: np.random.Generator, labels: np.ndarray, transform: Any = None) -> None:
        self.student, self.labels = student, labels
        self.images = rng.normal(size=(len(labels), 3, 2, 3)).astype(np.float32)
        split = student.probe.split(self.images, labels)
        self.dataset = student.CUBtriplet(split) if transform is None else student.CUBtriplet(split, transform)
        self.hardneg = np.array([rng.choice(np.flatnonzero(labels != label)) for label in labels])
        student.probe.set_indices(self.dataset, "hardneg", self.hardneg)

    def items(self, indices: Any) -> list[tuple[Answer, Answer, Answer]]:
        """Ask for several items; each is (anchor, positive, negative)."""
        answers = self.student.probe.stacked_items(self.dataset, [int(i) for i in indices])
        if isinstance(answers.value, np.ndarray) and answers.value.ndim == 5:
            answers = Answer([list(item) for item in answers.value], answers.called)
        items = [answers[n] for n in range(len(indices))]
        return [tuple(Answer(item[part].value, f"dataset[i][{part}]") for part in range(3)) for item in items]

    def which(self, image: Answer) -> int:
        """The number of the image that this is; −1 for none of them."""
        expect(image).shape(3, 2, 3)
        error = np.abs(self.images - image.array).reshape(len(self.images), -1).max(axis=1)
        return int(error.argmin()) if error.min() < 1e-5 else -1


@task(
    "triplet-sampling",
    points=0.25,
    behaviour="item i: image i, and the negative that was mined for it",
    hint="The order is (anchor, positive, negative); the negative's number is in `hardneg[i]`.",
)
def test_anchor_and_negative(student, rng):
    data = Triplets(student, rng, rng.permutation(np.repeat([0, 1, 2, 3], 4)))
    for i, (anchor, _, negative) in enumerate(data.items(range(16))):
        expect(anchor).that(data.which(anchor) == i, "is not the image i")
        found = data.which(negative)
        kind = Answer("the own class" if data.labels[found] == data.labels[i] else "another class", negative.called)
        expect(kind).that(found == data.hardneg[i], "is not the image hardneg[i]")


@task(
    "triplet-sampling",
    points=0.25,
    behaviour="the positive is another image of the anchor's class",
    hint="Which images can be the positive? It shows the anchor's class but is not the anchor itself.",
)
def test_positive(student, rng):
    labels = rng.permutation(np.repeat([0, 1, 2, 3, 4], 2))
    data = Triplets(student, rng, labels)
    indices = list(range(10)) * 4  # two images in a class: one that may be the anchor itself is found 40 times in 41
    for i, (_, positive, _) in zip(indices, data.items(indices), strict=True):
        found = data.which(positive)
        kind = Answer("the negative" if found == data.hardneg[i] else "another image", positive.called)
        expect(kind).that(found >= 0 and labels[found] == labels[i], "is not of the anchor's class")
        expect(kind).that(found != i, "is the anchor itself")


@task(
    "triplet-sampling",
    points=0.25,
    behaviour="every other image of the class can be the positive",
    hint="Take the positive at random among all other images of the class, not the first one that fits.",
)
def test_random_positive(student, rng):
    labels = rng.permutation(np.repeat([0, 1, 2], 4))
    data = Triplets(student, rng, labels)
    anchor = int(rng.integers(12))
    items = data.items([anchor] * 60)  # one of three is missed by chance once in 10^10
    found = {data.which(positive) for _, positive, _ in items}
    others = {int(i) for i in np.flatnonzero(labels == labels[anchor])} - {anchor}
    expect(Answer(len(found & others), items[0][1].called)).that(others <= found, "is always one of a few images")


@task(
    "triplet-sampling",
    points=0.25,
    behaviour="the transform is applied to all three images",
    hint="`transform` takes one image and is called for anchor, positive and negative.",
)
def test_transform(student, rng):
    amount = float(rng.uniform(20, 30))
    data = Triplets(student, rng, rng.permutation(np.repeat([0, 1, 2], 3)), student.probe.shift(amount))
    for item in data.items(range(9)):
        for image in item:
            expect(image).shape(3, 2, 3)
            shift = image.array.astype(np.float64) - amount
            once = data.which(Answer(shift, image.called)) >= 0
            expect(Answer(None, image.called)).that(once, "has not gone through the transform once")
