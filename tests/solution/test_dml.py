"""The reference against slow, obvious float64 code, against scikit-learn, and on the traps of the field."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from torch import nn, tensor
from torch.utils.data import DataLoader

from assignment import backbones
from assignment.datasets.split import ArraySplit
from autograder.hidden_tests import oracles
from solution import dml

fast = settings(max_examples=60, deadline=None)


@st.composite
def labelled_rows(draw, least=2, most=14, unit=True):
    """Random rows (of length one) with labels of few classes."""
    n, d = draw(st.integers(least, most)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = rng.normal(size=(n, d)).astype(np.float32)
    if unit:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.array(draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)))
    return torch.from_numpy(rows), torch.from_numpy(labels)


@fast
@given(labelled_rows(unit=False), labelled_rows(unit=False))
def test_distances(first, second):
    d = min(first[0].shape[1], second[0].shape[1])
    a, b = first[0][:, :d], second[0][:, :d]
    squared = dml.distances(a, b)
    slow = ((a.double()[:, None] - b.double()) ** 2).sum(dim=2)
    assert (squared >= 0).all()
    torch.testing.assert_close(squared.double(), slow, atol=1e-4, rtol=1e-4)


@fast
@given(labelled_rows())
def test_average_precision_is_scikit_learns(batch):
    rows, labels = batch
    distances = torch.rand(len(rows)).argsort().float()  # no ties
    ap, precision, recall = dml.average_precision(distances, labels, int(labels[0]))
    relevant = (labels == labels[0]).numpy()
    assert float(ap) == pytest.approx(average_precision_score(relevant, -distances.numpy()), abs=1e-5)
    order = np.argsort(distances.numpy(), kind="stable")
    for k in range(1, len(rows) + 1):
        assert float(precision[k - 1]) == pytest.approx(relevant[order][:k].mean(), abs=1e-6)
        assert float(recall[k - 1]) == pytest.approx(relevant[order][:k].sum() / relevant.sum(), abs=1e-6)


def slow_map(rows: np.ndarray, labels: np.ndarray) -> float:
    """mAP by loops in float64; distances by the difference, ties in the order of the indices."""
    aps = []
    for q in range(len(rows)):
        others = [i for i in range(len(rows)) if i != q]
        others.sort(key=lambda i: (np.square(rows[q].astype(np.float64) - rows[i]).sum(), i))
        hits, total = 0, 0.0
        for rank, i in enumerate(others, start=1):
            if labels[i] == labels[q]:
                hits += 1
                total += hits / rank
        if hits:
            aps.append(total / hits)
    return float(np.mean(aps)) if aps else math.nan


@fast
@given(labelled_rows())
@pytest.mark.filterwarnings("ignore:no query has another image")
def test_mean_average_precision(batch):
    rows, labels = batch
    if rows.shape[1] == 1:  # unit rows of one dimension are all ±1: nothing but ties, which rounding may break
        rows = torch.arange(len(rows)).float()[:, None] ** 1.5
    assert dml.mean_average_precision(rows, labels) == pytest.approx(
        slow_map(rows.numpy(), labels.numpy()), abs=1e-5, nan_ok=True
    )


def test_a_duplicate_before_the_query_is_not_the_query():
    rows, labels = tensor([[0.0], [0.0], [1.0]]), tensor([0, 1, 1])
    assert dml.mean_average_precision(rows, labels, tensor([1])) == pytest.approx(1 / 2)


def test_labels_beyond_float32():
    labels = tensor([2**24, 2**24 + 1, 2**24])
    rows = tensor([[0.0], [0.1], [0.3]])
    assert dml.mean_average_precision(rows, labels) == pytest.approx(1 / 2)


def test_nan_rows_are_named():
    rows = torch.zeros(4, 2)
    rows[2, 1] = torch.nan
    with pytest.raises(ValueError, match=r"\[2\]"):
        dml.mean_average_precision(rows, tensor([0, 0, 1, 1]))


@fast
@given(labelled_rows(unit=False), st.floats(0, 2))
def test_batch_triplet_loss(batch, margin):
    rows, labels = batch
    rows.requires_grad_(True)
    loss = dml.batch_triplet_loss(rows, labels, margin)
    slow, _ = oracles.batch_triplet(rows.detach().numpy(), labels.numpy(), margin)
    assert loss.item() == pytest.approx(slow, abs=1e-3, rel=1e-4)
    loss.backward()  # the gradient jumps where a hinge bends, so only a loss without near ones could be compared
    assert torch.isfinite(rows.grad).all()


@fast
@given(labelled_rows(), st.sampled_from([0.01, 0.1, 1.0]))
def test_smooth_ap_loss(batch, tau):
    rows, labels = batch
    rows.requires_grad_(True)
    loss = dml.smooth_ap_loss(rows, labels, tau)
    slow, gradient = oracles.smooth_ap(rows.detach().numpy(), labels.numpy(), tau)
    assert loss.item() == pytest.approx(slow, abs=1e-4)
    loss.backward()
    np.testing.assert_allclose(rows.grad.numpy(), gradient, atol=2e-3 / tau * 1e-2, rtol=1e-2)


def test_arcface_gradients_at_the_poles_and_order_past_pi():
    head = dml.ArcFace(2, 2, scale=1.0, margin=0.5)
    with torch.no_grad():
        head.weight.copy_(tensor([[1.0, 0.0], [0.0, 1.0]]))
    for x in ([1.0, 0.0], [-1.0, 0.0]):
        rows = tensor([x], requires_grad=True)
        head(rows, tensor([0])).sum().backward()
        assert torch.isfinite(rows.grad).all()
    angles = torch.linspace(0, math.pi, 400)
    own = head(torch.stack([angles.cos(), angles.sin()], dim=1), torch.zeros(400, dtype=torch.long))[:, 0]
    assert (own.diff() <= 1e-6).all()


@pytest.mark.parametrize(
    ("name", "channels"), [("small_resnet", 64), ("resnet18", 512), ("mobilenet_v2", 1280), ("squeezenet1_1", 512)]
)
@pytest.mark.parametrize("usemax", [False, True])
def test_extractor_on_the_backbones(name, channels, usemax):
    extractor = dml.GDextractor(backbones.build(name).eval(), channels, usemax).eval()
    with torch.no_grad():
        for size in [(64, 64), (96, 70)]:
            descriptors = extractor(torch.rand(2, 3, *size))
            assert descriptors.shape == (2, channels)
            assert descriptors.dtype == torch.float32
            torch.testing.assert_close(descriptors.norm(dim=1), torch.ones(2))


def test_descriptors_are_float32_under_autocast_and_finite_for_black_images():
    for gem in (False, True):
        extractor = dml.GDextractor(backbones.build("small_resnet").eval(), 64, gem=gem, reduction=16)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            descriptors = extractor(torch.zeros(2, 3, 32, 32))
        assert descriptors.dtype == torch.float32
        assert torch.isfinite(descriptors).all()


class Half(nn.Module):
    """Maps an image (3, 1, 1) to its first number, as a vector."""

    def forward(self, x):
        return x.flatten(1)[:, :2]


def test_workers_see_freshly_mined_negatives():
    values = torch.arange(8.0)
    split = ArraySplit(values[:, None, None, None].expand(8, 3, 1, 1).contiguous(), [0, 0, 0, 0, 1, 1, 1, 1])
    dataset = dml.CUBtriplet(split)
    dataset.hardneg[:] = 7
    loader = DataLoader(dataset, batch_size=8, num_workers=1, persistent_workers=True)
    assert (next(iter(loader))[2][:, 0] == 7).all()
    dataset.hardneg[:] = 5
    assert (next(iter(loader))[2][:, 0] == 5).all()


def test_mining_restores_the_mode_and_refuses_one_class():
    split = ArraySplit(torch.rand(6, 3, 1, 1), [0] * 6)
    with pytest.raises(ValueError, match="one class"):
        dml.CUBtriplet(split).minehard(Half())
    model = Half().train()
    dml.CUBtriplet(ArraySplit(torch.rand(6, 3, 1, 1), [0, 0, 0, 1, 1, 1])).minehard(model)
    assert model.training


def test_sampling_before_mining_and_a_lone_image():
    dataset = dml.CUBtriplet(ArraySplit(torch.rand(3, 3, 1, 1), [0, 0, 1]))
    with pytest.raises(ValueError, match="minehard"):
        dataset[0]
    with pytest.raises(ValueError, match="only one of class 1"):
        dataset[2]


def test_training_on_an_empty_loader():
    model = dml.GDextractor(backbones.build("small_resnet"), 64)
    with pytest.raises(ValueError, match="no batch"):
        dml.train(model, [], torch.optim.SGD(model.parameters(), 0.1), 0.1)


def test_importing_has_no_side_effects():
    code = (
        "import sys, os; before = set(os.listdir('.')); import solution.dml; "
        "assert 'torchvision' not in sys.modules and set(os.listdir('.')) == before; print('quiet')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("quiet\n", "")
