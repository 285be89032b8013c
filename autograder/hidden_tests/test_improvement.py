"""Hidden test of task `improvement`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assignment.checking import Answer, expect, task
from assignment.checking.improvement import draw, grid, judge
from assignment.manifest import load

SAMPLE = Path(__file__).with_name("fashion_hidden.npz")


@task(
    "improvement",
    points=2,
    behaviour="mining, loss and training together raise P@1 on classes never seen",
    hint="If P@1 does not rise, look at which image is the positive, at the loss's sign, and at zero_grad and step.",
)
def test_it_learns(student, rng, details):
    settings = load().improvement
    with np.load(SAMPLE) as arrays:
        problem = draw(arrays["images"], arrays["labels"], rng, settings)
    seed = int(rng.integers(2**31))
    answer = student.probe.improvement(problem.images, problem.labels, problem.unseen, seed, settings)
    before, after, trained, _ = (answer[i] for i in range(4))
    dim = 8 * settings["width"]
    for part, images in ((before, problem.unseen), (after, problem.unseen), (trained, problem.images)):
        expect(part).shape(len(images), dim).floating().finite()
    result = judge(problem, before.array, after.array, trained.array, settings["margin"])
    details["p_at_1_before"], details["p_at_1_after"] = result.p_at_1_before, result.p_at_1_after
    details["loss"], details["spread"] = result.loss, result.spread
    details["grid"] = grid(problem, after.array)
    expect(Answer(result.spread, "training")).that(
        result.spread >= settings["least_spread"],
        "drew all images to the same point: their descriptors are closer together than the margin",
    )
    expect(Answer(result.loss, "training")).that(
        result.loss <= settings["most_loss"], "did not bring the images of one training class together"
    )
    expect(Answer(result.rise, "training")).that(
        result.rise >= settings["least_rise"],
        f"took P@1 on classes never seen from {result.p_at_1_before:.2f} to {result.p_at_1_after:.2f}; "
        f"it should rise by at least {settings['least_rise']:.2f}",
    )
