"""Plans of batches: who is in them, how often, and that the seed alone decides."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from assignment.datasets.split import ArraySplit
from assignment.training import sampling

fast = settings(max_examples=80, deadline=None)
some_labels = st.lists(st.integers(0, 5), min_size=2, max_size=60).map(np.array)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def flat(batches):
    return [i for batch in batches for i in batch]


def indices(batches):
    return [[i for i, _ in batch] for batch in batches]


@fast
@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 9))
def test_plain_batches_show_each_image_once(n, size, seed):
    batches = indices(sampling.plain(range(n), size, generator(seed)))
    assert sorted(flat(batches)) == list(range(n))
    assert all(len(batch) == size for batch in batches[:-1])
    if len(batches) > 1 and size > 1:
        assert min(map(len, batches)) >= 2  # BatchNorm has no statistics of one image


@fast
@given(some_labels, st.integers(2, 5), st.integers(2, 4), st.integers(0, 9))
def test_balanced_batches(labels, per_class, at_once, seed):
    counts = Counter(labels.tolist())
    usable = {label for label, n in counts.items() if n >= 2}
    if len(usable) < at_once:
        with pytest.raises(ValueError, match="use a batch_size of"):
            sampling.balanced(labels, at_once * per_class, per_class, generator(seed))
        return
    batches = indices(sampling.balanced(labels, at_once * per_class, per_class, generator(seed)))
    assert batches
    for batch in batches:
        inside = Counter(labels[batch].tolist())
        assert 2 <= len(inside) <= at_once + (batch is batches[-1])
        assert len(set(batch)) == len(batch)
        for label, n in inside.items():
            assert n == min(per_class, counts[label])
    shown = Counter(flat(batches))
    assert max(shown.values()) <= 2  # once, or once more to fill a group up
    assert {int(labels[i]) for i in shown} == usable


def test_equal_classes_are_covered_exactly():
    labels = np.repeat(np.arange(6), 8)
    batches = indices(sampling.balanced(labels, 12, 4, generator()))
    assert sorted(flat(batches)) == list(range(48))


@fast
@given(some_labels, st.integers(2, 9), st.integers(0, 9))
def test_pairs_are_half_of_one_class(labels, size, seed):
    if len(set(labels.tolist())) < 2:
        with pytest.raises(ValueError, match="use at least two classes"):
            sampling.pairs(labels, size, generator(seed))
        return
    counts = Counter(labels.tolist())
    firsts = []
    for batch in indices(sampling.pairs(labels, size, generator(seed))):
        half = len(batch) // 2
        for place, (a, b) in enumerate(zip(batch[:half], batch[half:], strict=True)):
            firsts.append(a)
            assert a != b
            assert (labels[a] == labels[b]) == (place % 2 == 0 and counts[int(labels[a])] > 1)
    assert sorted(firsts) == list(range(len(labels)))


@fast
@given(some_labels, st.integers(0, 9))
def test_random_negatives_are_of_other_classes(labels, seed):
    if len(set(labels.tolist())) < 2:
        with pytest.raises(ValueError, match="use at least two classes"):
            sampling.random_negatives(labels, generator(seed))
        return
    assert (labels[sampling.random_negatives(labels, generator(seed))] != labels).all()


def test_random_negatives_are_all_equally_likely():
    labels = np.array([0, 1, 1, 2, 0])
    drawn = np.stack([sampling.random_negatives(labels, generator(seed)) for seed in range(900)])
    shares = {image: (drawn[:, 0] == image).mean() for image in range(5)}
    assert shares[0] == shares[4] == 0
    assert [shares[i] for i in (1, 2, 3)] == pytest.approx([1 / 3] * 3, abs=0.06)


@fast
@given(some_labels, st.integers(0, 9))
def test_random_positives_are_others_of_the_class(labels, seed):
    drawn = sampling.random_positives(labels, generator(seed))
    counts = Counter(labels.tolist())
    assert (labels[drawn] == labels).all()
    for i, j in enumerate(drawn):
        assert (i == j) == (counts[int(labels[i])] == 1)


def test_a_plan_is_decided_by_its_seed():
    labels = np.repeat(np.arange(4), 6)
    for make in (
        lambda g: sampling.plain(range(24), 5, g),
        lambda g: sampling.pairs(labels, 5, g),
        lambda g: sampling.balanced(labels, 8, 4, g),
    ):
        assert make(generator(1)) == make(generator(1)) != make(generator(2))


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_negatives_go_into_any_kind_of_hardneg(kind):
    class Triplets:
        hardneg = kind([0, 0, 0])

    sampling.fill_negatives(Triplets, np.array([2, 0, 1]))
    assert [int(i) for i in Triplets.hardneg] == [2, 0, 1]


def noisy(image):
    return image + torch.rand(1) + np.random.rand() + random.random()


@pytest.mark.parametrize("workers", [0, 1])
def test_augmentation_depends_on_the_item_alone(workers):
    split = ArraySplit(torch.zeros(6, 1, 1, 1), np.arange(6))
    items = [(i, 100 + i) for i in range(6)]

    def values(order, size):
        plan = [order[at : at + size] for at in range(0, 6, size)]
        loader = DataLoader(sampling.Images(split, noisy), batch_sampler=plan, num_workers=workers)
        return torch.cat(list(loader)).flatten()

    forwards, backwards = values(items, 2), values(items[::-1], 3).flip(0)
    assert torch.equal(forwards, backwards)
    assert len(set(forwards.tolist())) == 6


def test_drawing_for_items_leaves_the_generators_alone():
    split = ArraySplit(torch.zeros(2, 1, 1, 1), np.arange(2))
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    expected = (torch.rand(1), np.random.rand(), random.random())
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    sampling.Images(split, noisy).__getitems__([(0, 5), (1, 6)])
    assert (torch.rand(1), np.random.rand(), random.random()) == expected


def test_batches_of_a_split_are_fetched_at_once():
    class Fetching(ArraySplit):
        asked: tuple[list[int], ...] = ()

        def __getitems__(self, indices):
            self.asked += (indices,)
            return list(self.images[indices])

    split = Fetching(torch.arange(4.0).reshape(4, 1, 1, 1), np.arange(4))
    images = sampling.Images(split, None).__getitems__([(3, 0), (1, 0)])
    assert split.asked == ([3, 1],)
    assert [float(image) for image in images] == [3, 1]
