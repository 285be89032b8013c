"""Checks of task `triplet-sampling`. All pixels of image i have the value i, which identifies it."""

from __future__ import annotations

import numpy as np

from assignment.checking import expect, task


@task(
    "triplet-sampling",
    points=0,
    behaviour="the anchor, another image of its class, the mined negative",
    hint="Three images: number i, another one with the label of i, and number hardneg[i].",
    shown=True,
)
def test_who_is_who(student):
    numbers = np.arange(4, dtype=np.float32)[:, None, None, None] * np.ones((1, 3, 1, 2), dtype=np.float32)
    dataset = student.CUBtriplet(student.probe.split(numbers, np.array([7, 8, 7, 8])))
    student.probe.set_attribute(dataset, "hardneg", np.array([3, 0, 1, 2]))
    for i, expected in enumerate([(0, 2, 3), (1, 3, 0), (2, 0, 1)]):
        answer = dataset.method("__getitem__", i)
        for part, number in enumerate(expected):
            expect(answer[part]).close_to(np.full((3, 1, 2), number))
