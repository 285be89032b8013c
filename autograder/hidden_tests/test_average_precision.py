"""Hidden tests of task `average-precision`."""

from __future__ import annotations

import numpy as np
from torch import tensor

from assignment.checking import expect, task
from autograder.hidden_tests import oracles
from autograder.hidden_tests.loop_free import expect_loop_free

PARTS = "Return (ap, precision, recall), in this order."


def ranked_list(rng, n=13, relevant=5):
    """Distances far enough apart for any precision, unsorted; labels of three classes; the query's label."""
    distances = (rng.permutation(n) + rng.uniform(0.1, 0.9, n)).astype(np.float32) / n
    query_label = int(rng.integers(3))
    while True:
        others = (query_label + rng.integers(1, 3, n - relevant)) % 3
        labels = rng.permutation(np.concatenate([np.full(relevant, query_label), others]))
        hits = labels[np.argsort(distances)] == query_label
        if (
            not hits[0] and not hits[-1] and hits[1:].argmax() < n - relevant - 2
        ):  # neither the best nor the worst order
            return distances, labels, query_label


@task(
    "average-precision",
    points=0.25,
    behaviour="a worked example",
    hint=f"Precision is taken at the ranks of the two hits, 1 and 3: (1 + 2/3) / 2. {PARTS}",
    shown=True,
)
def test_worked_example(student):
    answer = student.average_precision(tensor([0.3, 0.1, 0.2]), tensor([1, 1, 0]), 1)
    expect(answer[0]).close_to(5 / 6)
    expect(answer[1]).close_to([1, 1 / 2, 2 / 3])
    expect(answer[2]).close_to([1 / 2, 1 / 2, 1])


@task(
    "average-precision",
    points=0.5,
    behaviour="the AP",
    hint="Sum the precision at the ranks of the hits, nearest image first; divide by the number of relevant images.",
)
def test_ap(student, rng):
    distances, labels, query_label = ranked_list(rng)
    answer = student.average_precision(distances, labels, query_label)
    expect(answer[0]).close_to(oracles.average_precision(distances, labels, query_label)[0]).floating()
    expect(answer).that(not answer.mutated, "changes the tensors it was given")


@task(
    "average-precision",
    points=0.35,
    behaviour="precision and recall at each rank",
    hint=f"Hits so far, divided by the rank (precision) and by all relevant images (recall). {PARTS}",
)
def test_precision_and_recall(student, rng):
    distances, labels, query_label = ranked_list(rng)
    _, precision, recall = oracles.average_precision(distances, labels, query_label)
    answer = student.average_precision(distances, labels, query_label)
    expect(answer[1]).close_to(precision).floating()
    expect(answer[2]).close_to(recall).floating()


@task(
    "average-precision",
    points=0.15,
    behaviour="large labels and short lists",
    hint="Labels are integers and stay integers: as float32, 16,777,216 and 16,777,217 are the same number.",
)
def test_large_labels_and_short_lists(student, rng):
    distances, labels, query_label = ranked_list(rng, n=9, relevant=3)
    base = 2**24 + 2 * int(rng.integers(1000))
    labels = base + np.where(labels == query_label, 1, rng.choice([0, 2], 9))  # float32 makes the odd one an even one
    labels[np.argsort(distances)[:1]], labels[np.argsort(distances)[-1:]], query_label = base, base + 2, base + 1
    ap = oracles.average_precision(distances, labels, query_label)[0]
    expect(student.average_precision(distances, labels, query_label)[0]).close_to(ap)
    expect(student.average_precision(distances[:1], labels[:1], int(labels[0]))[0]).close_to(1.0)


@task(
    "average-precision",
    points=0.25,
    behaviour="no relevant image",
    hint="Without a relevant image the AP is undefined: NaN, not 0 and not 1. The precision is 0 at each rank.",
    edge=True,
)
def test_nothing_relevant(student, rng):
    distances, labels, _ = ranked_list(rng)
    answer = student.average_precision(distances, labels, 7)
    expect(answer[0]).close_to(np.nan)
    expect(answer[1]).close_to(np.zeros(len(labels)))


@task(
    "average-precision",
    points=0.5,
    behaviour="loop-free",
    hint="The hits among the first k are a cumulative sum; Python's own sum() loops, a tensor has a method for it.",
    loop_free=True,
)
def test_loop_free(student, rng):
    small, large = ranked_list(rng, 8, 3), ranked_list(rng, 240, 80)
    expect_loop_free(student, "average_precision", small, large)
