"""ROC, AUC and EER of pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assignment.evaluation import verification
from tests.assignment import oracles


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=25))
def test_scores_against_the_oracle(drawn):
    scores, same = [s / 4 for s, _ in drawn], [y for _, y in drawn]
    assume(any(same) and not all(same))
    got = verification.verify_scores(np.array(scores), np.array(same))
    assert got.auc == pytest.approx(oracles.auc(scores, same))
    assert got.eer == pytest.approx(oracles.equal_error_rate(scores, same))
    assert (got.fpr[0], got.tpr[0], got.fpr[-1], got.tpr[-1]) == (0, 0, 1, 1)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(3, 20))
def test_a_set_against_scikit_learn_over_all_unordered_pairs(seed, n):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    descriptors, labels = rng.normal(size=(n, 4)), np.array([0, 0, 1, *rng.integers(0, 3, n - 3)])
    unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    scores = [unit[i] @ unit[j] for i in range(n) for j in range(i + 1, n)]
    same = [labels[i] == labels[j] for i in range(n) for j in range(i + 1, n)]
    got = verification.verify(torch.from_numpy(descriptors), labels)
    a_swap = 1 / (sum(same) * (len(same) - sum(same)))  # float32 may order two nearly equal scores otherwise
    assert got.auc == pytest.approx(roc_auc_score(same, scores), abs=1.01 * a_swap)
    assert got.n_pairs == got.n_all == n * (n - 1) // 2


def test_interpolated_and_not_the_nearest_point():
    # Between (0, .5) and (1, .5) the line fpr = 1 − tpr is met at .5; the nearest points would say .25 or .75.
    assert verification.verify_scores(np.array([0.9, 0.4, 0.6]), np.array([1, 1, 0])).eer == 0.5


def test_scores_are_not_squashed():
    scores = np.array([40.0, 41.0, 42.0, 39.0])  # a sigmoid in float32 calls all of them 1
    assert verification.verify_scores(scores, np.array([0, 1, 1, 0])).auc == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(2, 60), st.integers(0, 99))
def test_pairs_are_different_unordered_and_never_of_one_image(labels, most, seed):
    labels, n = np.array(labels), len(labels)
    first, second = verification.pairs(labels, most, seed)
    found = {frozenset(pair) for pair in zip(first.tolist(), second.tolist(), strict=True)}
    assert len(found) == len(first) and all(len(pair) == 2 for pair in found)
    n_same = sum(labels[i] == labels[j] for i in range(n) for j in range(i))
    n_all = n * (n - 1) // 2
    same = int((labels[first] == labels[second]).sum())
    if n_all <= most:
        assert len(found) == n_all
    else:
        assert (same, len(found) - same) == (min(n_same, most // 2), min(n_all - n_same, most // 2))


def test_a_sample_of_pairs_is_near_all_pairs_and_depends_on_the_seed_alone():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 100, 1000)
    descriptors = torch.from_numpy(rng.normal(size=(1000, 8)) + rng.normal(size=(100, 8))[labels])
    everything = verification.verify(descriptors, labels)
    sampled = verification.verify(descriptors, labels, most_pairs=20_000, seed=1)
    assert sampled.n_pairs < everything.n_pairs == sampled.n_all == 499_500
    assert sampled.auc == pytest.approx(everything.auc, abs=0.02)
    assert sampled.eer == pytest.approx(everything.eer, abs=0.02)
    assert verification.verify(descriptors, labels, most_pairs=20_000, seed=1).auc == sampled.auc


@pytest.mark.parametrize(("labels", "words"), [([1, 1, 1], "use at least two classes"), ([1, 2, 3], "two images of")])
def test_pairs_of_one_kind_are_one_line(labels, words):
    with pytest.raises(ValueError, match=words):
        verification.verify(torch.eye(3), np.array(labels))


def test_rows_that_are_not_finite_are_named():
    with pytest.raises(ValueError, match=r"rows \[1\]"):
        verification.verify(torch.tensor([[1.0], [torch.nan]]), np.array([0, 0]))
