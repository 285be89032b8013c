"""Few-shot episodes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment.evaluation import few_shot
from tests.assignment import oracles


def clusters(n_classes, each, noise, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes) * 7, each)
    return torch.from_numpy(np.eye(n_classes)[labels // 7] + noise * rng.normal(size=(len(labels), n_classes))), labels


@pytest.mark.parametrize("by", ["prototype", "nearest"])
def test_separate_classes_are_always_told_apart(by):
    got = few_shot.few_shot(*clusters(6, 4, 0.01), way=5, shot=2, episodes=20, by=by)
    assert (got.accuracy, got.interval, got.queries) == (1.0, 0.0, 2)


def test_noise_gives_chance_within_the_interval():
    rng = np.random.default_rng(1)
    descriptors, labels = torch.from_numpy(rng.normal(size=(4000, 64))), np.arange(4000) % 40
    got = few_shot.few_shot(descriptors, labels, way=5, shot=1, episodes=400)
    assert got.interval is not None and 0 < got.interval < 0.03
    assert abs(got.accuracy - 0.2) < 2 * got.interval  # support among the queries would be right every time


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(2, 4), st.integers(1, 3))
def test_one_episode_against_the_oracle(seed, way, shot):
    rng = np.random.default_rng(seed)
    support, queries = rng.normal(size=(way, shot, 5)), rng.normal(size=(way, 3, 5))
    right = [oracles.nearest_prototype(list(support), q) == c for c in range(way) for q in queries[c]]
    support, queries = (rows / np.linalg.norm(rows, axis=2, keepdims=True) for rows in (support, queries))
    assert few_shot._accuracy(support, queries, "prototype") == pytest.approx(np.mean(right))


def test_support_and_queries_are_disjoint(monkeypatch):
    def look(support, queries, by):
        assert not {tuple(row) for row in support.reshape(-1, 3)} & {tuple(row) for row in queries.reshape(-1, 3)}
        return 0.5

    monkeypatch.setattr(few_shot, "_accuracy", look)
    rows = torch.nn.functional.normalize(torch.randn(30, 3, generator=torch.Generator().manual_seed(0)))
    assert few_shot.few_shot(rows, np.arange(30) % 5, shot=3, episodes=50).accuracy == 0.5


def test_the_seed_decides():
    data = clusters(6, 8, 0.8)
    one, two, other = (few_shot.few_shot(*data, shot=1, episodes=30, seed=s).per_episode for s in (3, 3, 4))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_one_episode_has_no_interval():
    assert few_shot.few_shot(*clusters(5, 6, 0.1), episodes=1).interval is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"way": 1}, "use at least 2 ways"),
        ({"way": 7}, "need 7 classes, the set has 6"),
        ({"shot": 4}, "need 5 images of each class, class 0 has 4"),
        ({"shot": 0}, "use at least 1 shot"),
        ({"by": "vote"}, "choose prototype or nearest"),
        ({"episodes": 0}, "use at least one of both"),
    ],
)
def test_episodes_that_cannot_be_drawn_are_one_line(options, words):
    with pytest.raises(ValueError, match=words):
        few_shot.few_shot(*clusters(6, 4, 0.1), **{"shot": 2, **options})
