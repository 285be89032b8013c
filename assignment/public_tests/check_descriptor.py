"""Checks of task `descriptor`."""

from __future__ import annotations

import numpy as np
import torch

from assignment.checking import expect, task


def images(*sizes: int) -> np.ndarray:
    return np.linspace(-1, 1, int(np.prod(sizes)), dtype=np.float32).reshape(sizes) ** 3


@task(
    "descriptor",
    points=0,
    behaviour="two images give two rows of length one",
    hint="What comes out of the network is (B, C, H, W); what goes out of `forward` is (B, C).",
    shown=True,
)
def test_unit_rows(student):
    model = student.GDextractor(student.probe.backbone("small_resnet", seed=11), 64)
    expect(model(images(2, 3, 28, 28))).shape(2, 64).floating().unit_rows()
    expect(model(images(1, 3, 40, 24))).shape(1, 64).unit_rows()


@task(
    "descriptor",
    points=0,
    behaviour="SPoC is the average of each channel over the whole map",
    hint="Average over both spatial dimensions, then divide each row by its own norm.",
    shown=True,
)
def test_spoc_is_the_average(student):
    backbone = student.probe.backbone("small_resnet", seed=12, n_classes=64)
    student.probe.set_parameter(backbone, "fc.weight", torch.eye(64))  # now its output is its own average pooling
    student.probe.set_parameter(backbone, "fc.bias", torch.zeros(64))
    batch = images(2, 3, 32, 24)
    pooled = backbone(batch).array.astype(np.float64)
    answer = student.GDextractor(backbone, 64)(batch)
    expect(answer).close_to(pooled / np.linalg.norm(pooled, axis=1, keepdims=True))


@task(
    "descriptor",
    points=0,
    behaviour="usemax=True takes the maximum instead",
    hint="On a map of one single cell the maximum is the average; on a larger map it is not.",
    shown=True,
)
def test_mac_is_not_spoc(student):
    backbone = student.probe.backbone("small_resnet", seed=13)
    spoc, mac = student.GDextractor(backbone, 64), student.GDextractor(backbone, 64, usemax=True)
    one_cell, many_cells = images(2, 3, 8, 8), images(2, 3, 32, 32)
    expect(mac(one_cell)).close_to(spoc(one_cell).array)
    answer, average = mac(many_cells), spoc(many_cells).array
    expect(answer).unit_rows().that(
        not np.allclose(answer.array, average, atol=1e-4), "is the same as without usemax=True, on maps of 8 x 8 cells"
    )
