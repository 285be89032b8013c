"""The improvement task: what is drawn and judged, one real run. How often it is right: `benchmarks/improvement.py`."""

from __future__ import annotations

import numpy as np
import pytest

from assignment.checking import improvement
from assignment.datasets import fashion_mnist
from assignment.manifest import load
from benchmarks import improvement as benchmark

SETTINGS = load().improvement


@pytest.fixture(scope="module")
def sample():
    with np.load(fashion_mnist.SAMPLE) as arrays:
        return arrays["images"], arrays["labels"]


@pytest.fixture(scope="module")
def problem(sample):
    return improvement.draw(*sample, np.random.default_rng(1), SETTINGS)


def test_the_problem_has_the_classes_it_should(problem):
    assert np.bincount(problem.labels, minlength=10).tolist() == [40, 40, 40, 0, 0, 40, 0, 0, 40, 0]
    assert set(problem.unseen_labels[problem.queries].tolist()) == {6, 7, 9}
    for gallery in problem.galleries:
        assert np.bincount(problem.unseen_labels[gallery]).tolist() == [10] * 10


def test_no_image_has_two_roles(problem):
    roles = np.concatenate([problem.queries, problem.galleries.ravel()])
    assert sorted(roles.tolist()) == list(range(len(problem.unseen)))
    # each image carries one cast for all its pixels, so its differences tell which image it is
    seen = {np.diff(image[0]).round(3).tobytes() for image in problem.images}
    assert not any(np.diff(image[0]).round(3).tobytes() in seen for image in problem.unseen)


def test_another_seed_draws_other_images_and_the_same_seed_the_same(sample, problem):
    same = improvement.draw(*sample, np.random.default_rng(1), SETTINGS)
    other = improvement.draw(*sample, np.random.default_rng(2), SETTINGS)
    assert np.array_equal(same.images, problem.images)
    assert not np.array_equal(other.images, problem.images)


def test_perfect_collapsed_and_unscaled_descriptors(problem):
    perfect, trained = np.eye(10)[problem.unseen_labels], np.eye(10)[problem.labels]
    good = improvement.judge(problem, 1 - perfect, 7 * perfect, trained, 0.03)
    assert (good.p_at_1_after, good.loss) == (1.0, 0.0)
    assert good.spread == pytest.approx(0.9 * 2 / 0.03)
    point = improvement.judge(problem, perfect, np.ones_like(perfect), np.ones_like(trained), 0.03)
    assert point.loss == pytest.approx(1)
    assert point.spread == pytest.approx(0)


def test_the_grid_shows_right_and_wrong(problem):
    grid = improvement.grid(problem, np.eye(10)[problem.unseen_labels])
    assert grid["queries"].shape == (6, 28, 28)
    assert grid["retrieved"].shape == (6, 5, 28, 28)
    assert grid["retrieved"].dtype == np.uint8
    assert grid["right"].all()


@pytest.mark.slow
def test_one_seed_of_every_file(sample):
    for subject in benchmark.subjects():
        result, _ = benchmark.run(subject, 1, SETTINGS, *sample)
        assert benchmark.passes(result, SETTINGS) == subject.right, subject.name
