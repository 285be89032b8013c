"""`assignment.retrieval` against a slow, obvious float64 oracle.

The coordinates are small integers: then float32 distances are exact, and ties are real ties.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assignment import ranking, retrieval


def oracle(descriptors, labels, k):
    """P@K, R@K and the number of lone queries, one query at a time."""
    precisions, recalls, lone = [], [], 0
    for i, own in enumerate(descriptors):
        others = [(float(((own - other) ** 2).sum()), j) for j, other in enumerate(descriptors) if j != i]
        if not any(labels[j] == labels[i] for _, j in others):
            lone += 1
            continue
        hits = sum(labels[j] == labels[i] for _, j in sorted(others)[:k])
        precisions.append(hits / k)
        recalls.append(float(hits > 0))
    return np.mean(precisions), np.mean(recalls), lone


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_against_the_oracle(data):
    n = data.draw(st.integers(3, 14))
    rows = st.lists(st.integers(-3, 3), min_size=2, max_size=2)
    descriptors = np.array(data.draw(st.lists(rows, min_size=n, max_size=n)), dtype=np.float64)
    labels = np.array([0, 0, *data.draw(st.lists(st.integers(0, 2**40), min_size=n - 2, max_size=n - 2))])
    k = data.draw(st.integers(1, n - 1))
    got = retrieval.evaluate_all(torch.from_numpy(descriptors), labels, [1, k])
    precision, recall, lone = oracle(descriptors, labels, k)
    assert got.precision[k] == pytest.approx(precision)
    assert got.recall[k] == pytest.approx(recall)
    assert got.precision[1] == got.recall[1]
    assert (got.n_lone, got.n_queries) == (lone, n - lone)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 5))
def test_the_size_of_the_chunks_does_not_matter(seed, chunk):
    descriptors = torch.from_numpy(np.random.default_rng(seed).integers(-3, 4, (12, 3))).float()
    whole = retrieval.rank(descriptors, descriptors, 11, torch.arange(12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "CHUNK", chunk)
        assert torch.equal(retrieval.rank(descriptors, descriptors, 11, torch.arange(12)), whole)


def test_self_leaves_by_index_and_a_duplicate_stays():
    descriptors = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert retrieval.rank(descriptors, descriptors, 2, torch.arange(3)).tolist() == [[1, 2], [0, 2], [0, 1]]


def test_ties_keep_the_order_of_the_gallery():
    assert retrieval.rank(torch.zeros(1, 1), torch.tensor([[0.2], [0.1], [0.2], [-0.1]]), 4).tolist() == [[1, 3, 0, 2]]


def test_queries_outside_the_gallery():
    got = retrieval.evaluate(
        torch.zeros(2, 1), np.array([3, 9]), torch.tensor([[1.0], [2.0]]), np.array([5, 3]), [1, 2]
    )
    assert got == retrieval.Retrieval({1: 0.0, 2: 0.5}, {1: 0.0, 2: 1.0}, n_queries=1, n_lone=1)


def test_labels_above_two_to_the_24_stay_apart():
    labels = np.array([2**24, 2**24 + 1, 2**24])
    assert retrieval.evaluate_all(torch.tensor([[0.0], [0.1], [0.3]]), labels).precision[1] == 0.0


def test_no_positive_at_all_is_nan_with_a_warning():
    with pytest.warns(UserWarning, match="no query has another image"):
        got = retrieval.evaluate_all(torch.zeros(3, 2), np.arange(3))
    assert math.isnan(got.precision[1]) and got.n_lone == 3


def test_rows_that_are_not_finite_are_named():
    descriptors = torch.zeros(4, 2)
    descriptors[1, 0] = torch.nan
    descriptors[3, 1] = torch.inf
    with pytest.raises(ValueError, match=r"rows \[1, 3\] are not finite"):
        retrieval.evaluate_all(descriptors, np.zeros(4))


@pytest.mark.parametrize("k", [0, 3])
def test_k_that_does_not_fit_the_gallery(k):
    with pytest.raises(ValueError, match="1 ≤ K ≤ 2"):
        retrieval.evaluate_all(torch.zeros(3, 2), np.zeros(3), [k])
