"""The tree of all figures of a model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from assignment.datasets.data import Data, QueryGallery, among_themselves
from assignment.datasets.split import ArraySplit
from assignment.evaluation import metrics

PROMISED = (
    "P@1 P@5 P@10 R@1 R@5 R@10 mAP MAP@R MAP@5 n_queries n_lone auc eer few_shot nearest_neighbour per_class worst"
    " pr_curve roc hits undefined"
).split()


class Flat(nn.Module):
    """The mean colour of an image, through layers whose mode matters."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.norm(x)).mean(dim=(2, 3)).double()


def images(n, classes, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    colours = np.random.default_rng(99).normal(size=(classes, 3))[labels] + 0.3 * rng.normal(size=(n, 3))
    return ArraySplit(torch.from_numpy(colours).float()[:, :, None, None].expand(-1, 3, 4, 4).contiguous(), labels)


def data(test, **more):
    return Data("toy", "held-out", test.gallery, test, test, {}, **more)


def test_describe_is_in_eval_mode_and_restores_each_layer():
    model, split = Flat(), images(10, 2)
    model.train()
    model.norm.eval()  # as in training with frozen statistics
    got = metrics.describe(model, split, "cpu", batch_size=4)
    assert got.dtype == torch.float32 and got.shape == (10, 3) and not got.requires_grad
    assert model.training and model.drop.training and not model.norm.training
    assert torch.equal(got, metrics.describe(model, split, "cpu", batch_size=10))  # neither dropout nor batches


def test_the_mirror_image_is_described_with_the_image():
    class LeftHalf(nn.Module):
        def forward(self, x):
            return nn.functional.normalize(x[..., : x.shape[-1] // 2].mean(dim=(2, 3)))

    pixels = torch.randn(5, 3, 4, 6)
    split = ArraySplit(pixels, np.zeros(5))
    left, right = (metrics.describe(LeftHalf(), ArraySplit(p, np.zeros(5)), "cpu") for p in (pixels, pixels.flip(-1)))
    both = metrics.describe(LeftHalf(), split, "cpu", mirror=True)
    assert torch.allclose(both, (left + right) / (left + right).norm(dim=1, keepdim=True))
    assert not torch.allclose(both, left)
    asked, gallery = metrics.describe_both(LeftHalf(), among_themselves(split), "cpu", mirror=True)
    assert torch.equal(asked, both) and torch.equal(gallery, both)


def test_describe_restores_the_mode_after_an_error():
    model = Flat()
    model.train()
    with pytest.raises(RuntimeError):
        metrics.describe(model, ArraySplit(torch.zeros(2, 5, 4, 4), np.zeros(2)), "cpu")
    assert model.drop.training


def test_an_empty_split_is_one_line():
    with pytest.raises(ValueError, match="the split has no image"):
        metrics.describe(Flat(), ArraySplit(torch.zeros(0, 3, 4, 4), np.zeros(0)), "cpu")


def test_the_tree_holds_what_is_promised_and_survives_json():
    tree = metrics.evaluate(Flat(), data(among_themselves(images(120, 8))), "test", "cpu", episodes=10)
    assert set(PROMISED) <= set(tree)
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    assert (tree["protocol"], tree["part"], tree["undefined"], tree["n_queries"]) == ("held-out", "test", {}, 120)
    assert tree["P@1"] == tree["R@1"] == tree["nearest_neighbour"]["accuracy"]  # no query is lone
    assert tree["mAP"] == pytest.approx(np.mean([row["mAP"] for row in tree["per_class"].values()]))  # equal sizes
    ordered = [tree["per_class"][str(label)]["P@1"] for label in tree["worst"]]
    assert ordered == sorted(ordered) and len(ordered) == 8
    assert len(tree["pr_curve"]["recall"]) == len(tree["pr_curve"]["precision"]) == 101
    assert (tree["roc"]["fpr"][0], tree["roc"]["tpr"][-1]) == (0, 1)
    assert len(tree["roc"]["fpr"]) <= metrics.ROC_POINTS
    area = np.trapezoid(tree["roc"]["tpr"], tree["roc"]["fpr"])
    assert area == pytest.approx(tree["auc"], abs=0.005)
    assert tree["few_shot"]["way"] == 5 and 0 < tree["few_shot"]["interval"] < 0.2


def test_queries_of_the_gallery_are_described_once_and_others_for_themselves():
    gallery, queries = images(60, 6), images(12, 6, seed=5)
    inside = np.array([3, 4, 50])
    asked = ArraySplit(gallery.images[inside], gallery.labels[inside])
    got = metrics.evaluate(Flat(), data(QueryGallery(asked, gallery, inside)), "test", "cpu")
    assert got["n_queries"] == 3
    assert "few_shot" in got["undefined"] and got["few_shot"] is None  # three queries are no episode
    outside = metrics.evaluate(Flat(), data(QueryGallery(queries, gallery, None)), "val", "cpu", shot=1)
    assert outside["n_queries"] == 12 and outside["part"] == "val"
    assert outside["P@1"] > 0.5  # the gallery holds other images of the same colours


def test_superclasses():
    split = images(40, 8)
    groups = {c: c // 4 for c in range(8)}
    tree = metrics.evaluate(Flat(), data(among_themselves(split), superclasses=groups), "test", "cpu")
    coarse = ArraySplit(split.images, split.labels // 4)
    same = metrics.evaluate(Flat(), data(among_themselves(coarse)), "test", "cpu")
    assert {name: tree["superclass"][name] for name in ("P@1", "MAP@5", "mAP")} == {
        name: same[name] for name in ("P@1", "MAP@5", "mAP")
    }
    assert tree["superclass"]["P@1"] >= tree["P@1"]


def test_what_is_undefined_is_null_with_a_reason():
    rows = torch.tensor([[0.0, 1.0], [0.1, 1.0], [0.3, 1.0]])
    tree = metrics.compute(rows, np.arange(3), rows, np.arange(3), np.arange(3))
    assert (tree["n_queries"], tree["n_lone"]) == (0, 3)
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    for name in ("P@1", "mAP", "MAP@R", "MAP@5", "auc", "eer", "roc", "few_shot", "pr_curve", "R@10"):
        assert tree[name] is None and tree["undefined"][name]
    assert "use a smaller K" in tree["undefined"]["P@5"] and "no query" in tree["undefined"]["mAP"]
    assert tree["worst"] == [] and tree["nearest_neighbour"]["accuracy"] == 0


def test_a_row_that_is_not_finite_stops():
    rows = torch.tensor([[0.0], [torch.nan]])
    with pytest.raises(ValueError, match=r"rows \[1\] are not finite"):
        metrics.compute(rows, np.zeros(2), rows, np.zeros(2), np.arange(2))


def test_an_unknown_part_is_one_line():
    with pytest.raises(ValueError, match="choose val or test"):
        metrics.evaluate(Flat(), data(among_themselves(images(4, 2))), "train", "cpu")
