"""Checks of bonus task `arcface`."""

from __future__ import annotations

import math

from torch import tensor

from assignment.checking import expect, task


@task(
    "arcface",
    points=0,
    behaviour="the own logit is that of a larger angle",
    hint="For the own class cos θ = 0.6 and sin θ = 0.8; the other class keeps its cosine, 0.8. All times the scale.",
    shown=True,
)
def test_larger_angle(student):
    head = student.ArcFace(2, 2, scale=10.0, margin=0.3)
    student.probe.set_parameter(head, "weight", tensor([[2.0, 0.0], [0.0, 1.0]]))
    own = 0.6 * math.cos(0.3) - 0.8 * math.sin(0.3)
    expect(head(tensor([[0.6, 0.8]]), tensor([0]))).close_to([[10 * own, 8]])
