"""Batch losses against loops in float64, and the heads with weights of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import tensor

from assignment.training import objectives
from assignment.training.config import Config
from solution import dml

fast = settings(max_examples=60, deadline=None)


@st.composite
def batch(draw):
    """Random rows with labels of few classes; equal rows occur."""
    n, seed = draw(st.integers(1, 10)), draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    rows = rng.integers(-3, 4, (n, 2)).astype(np.float32) / 4
    return torch.from_numpy(rows), torch.tensor(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))


def slow_triplets(rows, labels, kind: str) -> list[tuple[float, float]]:
    """(d⁺, d⁻) of every triplet that the rule picks, by going through all of them."""
    rows = rows.double()
    n = len(rows)
    d = [[float(((rows[i] - rows[j]) ** 2).sum()) for j in range(n)] for i in range(n)]
    found = []
    for a in range(n):
        positives = [d[a][p] for p in range(n) if p != a and labels[p] == labels[a]]
        negatives = [d[a][k] for k in range(n) if labels[k] != labels[a]]
        if not positives or not negatives:
            continue
        if kind == "hard":
            found.append((max(positives), min(negatives)))
        else:
            for near in positives:
                beyond = [far for far in negatives if far > near]
                found.append((near, min(beyond) if beyond else max(negatives)))
    return found


@fast
@given(batch(), st.sampled_from(["hard", "semi-hard"]))
def test_mining_in_the_batch_is_the_slow_one(made, kind):
    rows, labels = made
    squared = ((rows[:, None] - rows) ** 2).sum(dim=2)
    choose = objectives.hardest if kind == "hard" else objectives.semi_hard
    near, far = choose(squared, labels)
    slow = slow_triplets(rows, labels, kind)
    found = sorted(zip(near.tolist(), far.tolist(), strict=True))
    np.testing.assert_allclose(found, sorted(slow), atol=1e-6)


@fast
@given(batch(), st.sampled_from(["hard", "semi-hard"]))
def test_loss_is_the_mean_hinge_and_always_has_a_gradient(made, kind):
    rows, labels = made
    rows = rows.clone().requires_grad_()
    config = Config(loss="batch-triplet", negatives=kind, margin=0.2)
    loss = objectives.make(dml, config, 2, torch.unique(labels)).loss(rows, labels)
    slow = [max(0.0, near - far + 0.2) for near, far in slow_triplets(rows.detach(), labels, kind)]
    assert loss.item() == pytest.approx(np.mean(slow) if slow else 0.0, abs=1e-5)
    loss.backward()
    assert torch.isfinite(rows.grad).all()


def test_contrastive_takes_plain_distances_of_the_pairs():
    config = Config(loss="contrastive", margin=0.8)
    rows = tensor([[0.0, 0.0], [0.0, 0.0], [0.5, 0.0], [0.0, 0.5]], requires_grad=True)
    labels = tensor([4, 4, 4, 7])
    loss = objectives.make(dml, config, 2, tensor([4, 7])).loss(rows, labels)
    assert loss.item() == pytest.approx((0.25 + 0.09) / 2)


def test_contrastive_of_equal_images_has_a_finite_gradient():
    rows = torch.ones(4, 2, requires_grad=True)
    loss = objectives.make(dml, Config(loss="contrastive", margin=0.5), 2, tensor([0, 1])).loss(
        rows, tensor([0, 0, 0, 1])
    )
    loss.backward()
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize("kind", ["arcface", "cross-entropy"])
def test_labels_with_gaps_are_places_of_the_head(kind):
    torch.manual_seed(0)
    classes = tensor([3, 10, 99])
    objective = objectives.make(dml, Config(loss=kind, margin=0.5, scale=10.0), 4, classes)
    weights = next(objective.head.parameters())
    assert weights.shape[0] == 3
    rows = torch.nn.functional.normalize(weights.detach())
    right = objective.loss(rows, classes)
    wrong = objective.loss(rows, classes.roll(1))
    assert right < wrong
    assert all(p.requires_grad for p in objective.head.parameters())


def test_cross_entropy_by_hand():
    objective = objectives.make(dml, Config(loss="cross-entropy", scale=2.0), 2, tensor([5, 6]))
    with torch.no_grad():
        objective.head.weight.copy_(torch.eye(2))
        objective.head.bias.zero_()
    assert objective.loss(tensor([[1.0, 0.0]]), tensor([5])).item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_margin_and_tau_reach_the_files_own_losses():
    rows, labels = torch.nn.functional.normalize(torch.randn(8, 3)), tensor([0, 0, 1, 1, 2, 2, 3, 3])
    whole = objectives.make(dml, Config(loss="batch-triplet", negatives="all", margin=0.7), 3, labels.unique())
    assert whole.loss(rows, labels) == dml.batch_triplet_loss(rows, labels, 0.7)
    smooth = objectives.make(dml, Config(loss="smooth-ap", tau=0.3), 3, labels.unique())
    assert smooth.loss(rows, labels) == dml.smooth_ap_loss(rows, labels, 0.3)


def test_a_file_without_the_loss_is_told_its_task():
    import types

    with pytest.raises(ValueError, match=r"no `smooth_ap_loss` \(Task 11"):
        objectives.make(types.ModuleType("empty"), Config(loss="smooth-ap"), 2, tensor([0, 1]))
