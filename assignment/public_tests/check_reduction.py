"""Checks of bonus task `reduction`."""

from __future__ import annotations

import numpy as np

from assignment.checking import expect, task


@task(
    "reduction",
    points=0,
    behaviour="five numbers instead of 64, still of length one",
    hint="Normalise last: a linear layer changes the length. `dim` is the new length.",
    shown=True,
)
def test_five_numbers(student):
    model = student.GDextractor(student.probe.backbone("small_resnet", seed=14), 64, reduction=5)
    expect(model(np.eye(24, dtype=np.float32) * np.ones((2, 3, 1, 1), dtype=np.float32))).shape(2, 5).unit_rows()
    expect(model.get("dim")).equal_to(5)
