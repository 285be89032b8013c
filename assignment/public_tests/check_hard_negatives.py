"""Checks of task `hard-negatives`. The network of these tests returns the image itself, so positions are known."""

from __future__ import annotations

import numpy as np

from assignment.checking import expect, task


def mined(student, degrees, labels):
    """Images at these angles on a circle, mined; gives hardneg."""
    angles = np.deg2rad(np.asarray(degrees, dtype=np.float32))
    points = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).reshape(-1, 3, 1, 1)
    dataset = student.CUBtriplet(student.probe.split(points, np.asarray(labels)))
    model = student.probe.linear_model(np.eye(3, dtype=np.float32))
    dataset.method("minehard", model)
    return student.probe.as_indices(dataset, "hardneg")


@task(
    "hard-negatives",
    points=0,
    behaviour="every negative shows another class",
    hint="Which distance can images of the anchor's class get so that they are never among the nearest?",
    shown=True,
)
def test_other_class(student):
    labels = np.array([0, 0, 1, 1, 2, 2])
    answer = mined(student, [0, 10, 20, 30, 40, 50], labels)
    expect(answer).shape(6).between(0, 5)
    same = [i for i in range(6) if labels[answer.array[i]] == labels[i]]
    expect(answer).that(
        not same, f"gives image {same[:1]} a negative of its own class; the labels are {labels.tolist()}"
    )


@task(
    "hard-negatives",
    points=0,
    behaviour="the negative is one of the 30 nearest",
    hint="Sort, or use topk with largest=False, and keep the first 30 columns.",
    shown=True,
)
def test_among_the_nearest(student):
    degrees, labels = [0, 1, *range(10, 90, 2)], [0, 0] + 40 * [1]  # image 0 sees 2 … 41 in the order of their numbers
    picks = {int(mined(student, degrees, labels).array[0]) for _ in range(12)}
    answer = mined(student, degrees, labels)
    expect(answer).that(max(picks) < 32, f"gives image 0 the negative {max(picks)}; its 30 nearest are 2 … 31")
    expect(answer).that(len(picks) > 1, f"gives image 0 the negative {max(picks)} twelve times out of twelve")
