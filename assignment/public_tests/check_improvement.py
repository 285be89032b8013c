"""Checks of task `improvement`: your parts work together. To see P@1 rise: `python dml.py --data sample`."""

from __future__ import annotations

import numpy as np

from assignment.checking import expect, task


@task(
    "improvement",
    points=0,
    behaviour="the loss of twelve mined triplets falls within eight epochs",
    hint="Each part passed its own test: what does one pass on to the next, for example as the negative?",
    shown=True,
)
def test_parts_work_together(student):
    columns = np.linspace(0, 6, 16)
    waves = [np.sin((1 + k % 3) * columns + 0.4 * k) for k in range(12)]  # three classes: one, two or three waves
    images = np.stack([np.tile(wave, (3, 16, 1)) for wave in waves]).astype(np.float32)
    dataset = student.CUBtriplet(student.probe.split(images, np.arange(12) % 3))
    model = student.GDextractor(student.probe.backbone("small_resnet", seed=5), 64)
    dataset.method("minehard", model)
    triplets = [[image.array for image in (row[0], row[1], row[2])] for row in student_items(student, dataset)]
    anchors, positives, negatives = (np.stack(role) for role in zip(*triplets, strict=True))
    loader = student.probe.triplet_loader(anchors, positives, negatives, 12)
    optimizer = student.probe.optimizer(model, "SGD", 0.05)
    losses = [student.train(model, loader, optimizer, 0.2) for _ in range(8)]
    first, last = float(losses[0].array), float(losses[-1].array)
    expect(losses[-1]).that(last < first, f"is {last:.4f} in the eighth epoch, after {first:.4f} in the first")


def student_items(student, dataset):
    """All twelve triplets."""
    rows = student.probe.items(dataset, list(range(12)))
    return [rows[i] for i in range(12)]
