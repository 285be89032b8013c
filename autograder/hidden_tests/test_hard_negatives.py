"""Hidden tests of task `hard-negatives`. The network is one of the grader, so that only the mining counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from assignment.checking import Answer, expect, task
from autograder.hidden_tests.networks import number, state, unit

POOL = 30  # how many of the nearest are candidates
OTHERS = "Are images of the anchor's own class, and the anchor itself, excluded before you look for the nearest ones?"


class Mine:
    """A small data set, its true distances, and the student's data set over it.

    The choice is random, so what came back tells little about a mistake; where the kind of the mistake can be seen, it
    takes the place of the value, which makes it recognisable.

    Args:
        labels: (N,). images: (N, 3, 2, 2), random ones if None.
    """

    def __init__(self, student: Any, rng: np.random.Generator, labels: np.ndarray, images: np.ndarray | None = None,
                 transform: Any = None, batchnorm: bool = False) -> None:  # fmt: skip
        self.student, self.labels = student, labels
        images = rng.normal(size=(len(labels), 3, 2, 2)).astype(np.float32) if images is None else images
        weight = rng.normal(size=(8, 12)).astype(np.float32)
        rows = unit(images.reshape(len(labels), 12).astype(np.float64) @ weight.T.astype(np.float64))
        self.distances = 2 - 2 * rows @ rows.T  # of rows of length one
        self.model = student.probe.linear_model(weight, batchnorm=batchnorm)
        split = student.probe.split(images, labels)
        self.dataset = student.CUBtriplet(split) if transform is None else student.CUBtriplet(split, transform)

    def negatives(self) -> tuple[Answer, np.ndarray]:
        """Mine once; return the answer and its indices, all of which name an image."""
        self.dataset.run("minehard", self.model)
        answer = self.student.probe.as_indices(self.dataset, "hardneg")
        expect(answer).shape(len(self.labels)).between(0, len(self.labels) - 1)
        return answer, answer.array.astype(np.int64)

    def of_other_classes(self, answer: Answer, chosen: np.ndarray) -> None:
        """Expect that no negative is of the anchor's class."""
        own = self.labels[chosen] == self.labels
        anchors = np.arange(len(chosen))
        if own.mean() > 0.9:
            answer = Answer("mostly the own class", answer.called)
        elif own.any() and (chosen == anchors)[own].all():
            answer = Answer("the anchor itself", answer.called)
        elif own.any() and (self.ranks(chosen, among=np.ones_like(own)) <= POOL).all():
            answer = Answer("the nearest of all classes", answer.called)
        expect(answer).that(not own.any(), "has negatives of the anchor's own class")

    def among_nearest(self, answer: Answer, chosen: np.ndarray) -> None:
        """Expect that each negative is one of the nearest of other classes; equal distances count as equal."""
        others = (self.labels[:, None] != self.labels).sum(axis=1)
        ranks = self.ranks(chosen)
        if (ranks >= others - POOL).all() and (others > 2 * POOL).any():
            answer = Answer("the farthest", answer.called)
        expect(answer).that(bool((ranks < POOL).all()), f"has negatives that are not among the {POOL} nearest")

    def ranks(self, chosen: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        """How many images of other classes (or those of `among`) are nearer to the anchor than the chosen one."""
        own = self.distances[np.arange(len(chosen)), chosen]
        nearer = self.distances < own[:, None] - 1e-4
        return (nearer & (self.labels[:, None] != self.labels if among is None else among)).sum(axis=1)


def three_classes(rng: np.random.Generator) -> np.ndarray:
    """90 labels of three classes of different sizes, in no order; class numbers need not start at 0."""
    numbers = rng.choice(200, 3, replace=False)
    return rng.permutation(np.repeat(numbers, [40, 30, 20]))


@task("hard-negatives", points=0.5, behaviour="negatives are of other classes", hint=OTHERS)
def test_other_classes(student, rng):
    mine = Mine(student, rng, three_classes(rng))
    mine.of_other_classes(*mine.negatives())


@task(
    "hard-negatives",
    points=0.5,
    behaviour="negatives are among the 30 nearest of other classes",
    hint="Sorted by distance, nearest first? Is each result the number of an image, or a position in a shorter list?",
)
def test_among_the_nearest(student, rng):
    mine = Mine(student, rng, three_classes(rng))
    answer, chosen = mine.negatives()
    mine.of_other_classes(answer, chosen)
    mine.among_nearest(answer, chosen)


@task(
    "hard-negatives",
    points=0.5,
    behaviour="the choice among the 30 is random",
    hint="Is one of the 30 nearest taken at random? The very nearest image is often mislabelled.",
)
def test_random_choice(student, rng):
    mine = Mine(student, rng, three_classes(rng))
    seen: set[int] = set()
    # One mining shows ranks up to 29 with certainty; forty forgive a choice that gives all anchors the same rank
    # (2^-40 of them never see the farther half).
    for _ in range(40):
        answer, chosen = mine.negatives()
        mine.of_other_classes(answer, chosen)
        mine.among_nearest(answer, chosen)
        seen |= set(mine.ranks(chosen).tolist())
        if len(seen) > 1 and max(seen) >= POOL // 2:
            return
    expect(answer).that(False, "never takes the farther ones of the 30, or always the same rank")


@task(
    "hard-negatives",
    points=0.25,
    behaviour="three images",
    hint="With fewer than 30 images of other classes all of them are candidates.",
    shown=True,
)
def test_three_images(student, rng):
    answer, chosen = Mine(student, rng, np.array([0, 0, 1])).negatives()
    expect(answer).that(
        chosen[0] == 2 and chosen[1] == 2, "should give image 2 to the images 0 and 1, whose class is 0"
    )
    expect(answer).that(chosen[2] != 2, "gives image 2 to itself")


@task(
    "hard-negatives",
    points=0.25,
    behaviour="fewer than 30 images of other classes",
    hint="Of five candidates the nearest 30 are all five: can an excluded image be chosen?",
)
def test_few_negatives(student, rng):
    mine = Mine(student, rng, rng.permutation(np.repeat([0, 1], [40, 5])))
    answer, chosen = mine.negatives()
    mine.of_other_classes(answer, chosen)
    mine.among_nearest(answer, chosen)


@task(
    "hard-negatives",
    points=0.25,
    behaviour="the 30 nearest images are all of the anchor's class",
    hint="What is left if you take the 30 nearest of all images and then drop the anchor's class? " + OTHERS,
)
def test_tight_classes(student, rng):
    labels = rng.permutation(np.repeat([0, 1], 40))
    centres = rng.normal(size=(1, 3, 2, 2)) * np.array([1, -1]).reshape(2, 1, 1, 1)
    images = (centres[labels] + 0.05 * rng.normal(size=(80, 3, 2, 2))).astype(np.float32)
    mine = Mine(student, rng, labels, images)
    answer, chosen = mine.negatives()
    mine.of_other_classes(answer, chosen)
    mine.among_nearest(answer, chosen)


@task(
    "hard-negatives",
    points=0.25,
    behaviour="mining does not change the network",
    hint="Descriptors are computed in eval mode: in training mode BatchNorm updates its statistics with every batch.",
)
def test_network_unchanged(student, rng):
    mine = Mine(student, rng, three_classes(rng), batchnorm=True)
    student.probe.set_training(mine.model, True)
    before = state(student, mine.model)
    answer, chosen = mine.negatives()
    mine.of_other_classes(answer, chosen)  # mining nothing changes nothing, and earns nothing
    after = state(student, mine.model)
    same = before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before)
    expect(Answer(None, answer.called)).that(same, "changed the network: its state is another one after mining")


@task(
    "hard-negatives",
    points=0.25,
    behaviour="mining computes no gradients",
    hint="Nothing is differentiated here: torch.no_grad() keeps the graphs of all images from filling the memory.",
)
def test_no_gradients(student, rng):
    mine = Mine(student, rng, rng.permutation(np.repeat([0, 1, 2], 100)))
    answer, chosen = mine.negatives()
    mine.of_other_classes(answer, chosen)
    kept = number(mine.model, "graph_rows")
    expect(Answer(None, answer.called)).that(kept <= 256, "keeps the graphs of all descriptors in memory")


@task(
    "hard-negatives",
    points=0.25,
    behaviour="mining uses the images without augmentation",
    hint="`transform` is a random augmentation for training; mining takes `split[i]` itself.",
)
def test_no_augmentation(student, rng):
    transform = student.probe.shift(float(rng.uniform(20, 30)))
    mine = Mine(student, rng, three_classes(rng), transform=transform)
    answer, chosen = mine.negatives()
    mine.of_other_classes(answer, chosen)
    calls = number(transform, "calls")
    expect(Answer(None, answer.called)).that(calls == 0, "came from augmented images")
