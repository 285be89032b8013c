"""Checkpoints that are handed in: a trained one earns its credit, anything else costs that credit and no other."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from assignment.datasets.data import QueryGallery
from assignment.datasets.split import ArraySplit
from assignment.training import model
from assignment.training.config import Config
from autograder.grading import checkpoint, reference_files
from autograder.grading.checkpoint import CheckpointSubmission, EvaluationImages
from autograder.intake import IntakeError, Upload, read_upload
from solution import dml
from tests.autograder.checkpoints_at_hand import CONFIG, MANIFEST, few, hidden, state_of, upload, with_extractor


@pytest.fixture(scope="module")
def judge(wall):
    """Judge a checkpoint that goes with a file."""

    def judged(handed: Upload, source: str | None = None, pictures: EvaluationImages | None = None, **options):
        manifest = options.pop("manifest", MANIFEST)
        submission = reference_files.submission_of("dml.py", source or reference_files.reference())
        given = CheckpointSubmission(handed, pictures or few(), options.pop("baseline", None))
        before = wall.manifest
        outcome, endings = checkpoint.grade_checkpoint(given, submission, wall, manifest, 1, **options)
        assert wall.manifest is before, "the limits of checkpoints must not stay"
        return outcome, endings

    return judged


# ------------------------------------------------------------------------------------------------------- good ones


def test_a_trained_checkpoint_earns_the_credit(judge, trained):
    outcome, endings = judge(upload(trained), pictures=hidden())
    assert (outcome.status, outcome.reason) == ("passed", ""), outcome.problem
    details = outcome.details
    assert details["p_at_1_after"] - details["p_at_1_before"] >= MANIFEST.checkpoint["least_rise"]
    assert details["map_after"] - details["map_before"] >= MANIFEST.checkpoint["least_rise_map"]
    assert details["own"] == pytest.approx(details["reference"][0], abs=0.01)  # the same network, built by either file
    assert len(endings) == 2


def test_safetensors_are_the_same(judge, trained):
    from safetensors.torch import save

    tensors = {name: value.contiguous() for name, value in trained["model"].items()}
    data = save(tensors, {"config": json.dumps(trained["config"]), "epoch": "3"})
    first, second = judge(upload(trained))[0], judge(upload(data, "model.safetensors"))[0]
    assert first.details == second.details and "p_at_1_after" in first.details


def test_figures_are_those_of_the_network(judge, trained):
    pictures = few()
    network = model.build(dml, CONFIG)
    network.load_state_dict(trained["model"])
    images = torch.stack([pictures.split.gallery[i] for i in range(pictures.count)])
    with torch.no_grad():
        rows = network(images).double()
    squared = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").fill_diagonal_(torch.inf)
    labels = np.asarray(pictures.split.gallery.labels)
    nearest = squared.argmin(dim=1).numpy()
    wanted = np.mean([labels[nearest[q]] == labels[q] for q in pictures.split.self_index])
    assert judge(upload(trained))[0].details["p_at_1_after"] == pytest.approx(wanted)


def test_baseline_weights_are_the_network_before(judge, trained):
    from assignment import backbones

    torch.manual_seed(5)
    network = backbones.build("small_resnet")
    outcome, _ = judge(upload(trained), baseline=upload(network.state_dict()))
    assert len(outcome.details["reference"]) == 1  # nothing random is left in it
    other, _ = judge(upload(trained), baseline=upload(backbones.build("lab_net").state_dict()))
    assert "another backbone" in other.problem


# -------------------------------------------------------------------------------------------------------- bad input


class _Writes:
    """A pickle that writes a file when it is loaded carelessly."""

    def __reduce__(self):
        return open, ("/tmp/written_by_a_checkpoint", "w")


def changed(state: dict, **settings) -> dict:
    return {**state, "config": {**state["config"], **settings}}


def first_weight(state: dict, value) -> dict:
    name = next(iter(state["model"]))
    return {**state, "model": {**state["model"], name: value(state["model"][name])}}


def not_a_number(weight: torch.Tensor) -> torch.Tensor:
    weight = weight.clone()
    weight.view(-1)[0] = float("nan")
    return weight


BAD = {
    "pickle": (lambda s: {**s, "model": _Writes()}, "could not be read"),
    "truncated": (lambda s: upload(s).data[: upload(s).size // 2], "could not be read"),
    "text": (lambda s: b"not a checkpoint at all", "could not be read"),
    "empty": (lambda s: b"", "is empty"),
    "weights alone": (lambda s: s["model"], "holds no settings of a run"),
    "lists for weights": (lambda s: {**s, "model": {"a": [1, 2]}}, "holds no settings of a run"),
    "names that are none": (lambda s: {**s, "model": {3: torch.zeros(2)}}, "holds no settings of a run"),
    "unknown backbone": (lambda s: changed(s, backbone="../../vgg"), "has settings that no run can have"),
    "unknown setting": (lambda s: changed(s, surprise=1), "has settings that no run can have"),
    "settings of no type": (lambda s: changed(s, seed=[1]), "has settings that no run can have"),
    "long descriptor": (lambda s: changed(s, reduction=10**9), "too many parameters, or too long"),
    "lying shape": (lambda s: first_weight(s, lambda w: torch.zeros(1).expand(10**6, 10**6)), "too many parameters"),
    "lying small shape": (lambda s: first_weight(s, lambda w: w[:1]), "does not fit the network"),
    "sparse": (lambda s: first_weight(s, lambda w: torch.eye(3).to_sparse()), "could not be read"),
    "not a number": (lambda s: first_weight(s, not_a_number), "NaN or infinite"),
    "another architecture": (lambda s: changed(s, backbone="lab_net"), "does not fit the network"),
    "a reduction that is not there": (lambda s: changed(s, reduction=16), "does not fit the network"),
    "another data set": (lambda s: changed(s, data="cub"), "was trained on cub, and is evaluated on fashion-mnist"),
    "seen classes": (lambda s: changed(s, data="fashion-mnist", protocol="seen"), "its protocol has to be held-out"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_checkpoints_get_one_line(judge, untrained, case):
    make, words = BAD[case]
    outcome, _ = judge(upload(make(untrained)))
    assert (outcome.status, outcome.reason) == ("failed", "unexpected")
    assert words in outcome.problem and "\n" not in outcome.problem
    assert not Path("/tmp/written_by_a_checkpoint").exists()


def test_safetensors_without_settings(judge, untrained):
    from safetensors.torch import save

    tensors = {name: value.contiguous() for name, value in untrained["model"].items()}
    for data, words in ((save(tensors), "holds no settings"), (save(tensors)[:500], "could not be read")):
        assert words in judge(upload(data, "model.safetensors"))[0].problem


def test_too_large_is_not_even_read(judge, tmp_path):
    path = tmp_path / "large.pt"
    with path.open("wb") as file:
        file.truncate(2000)
    given = read_upload(path, 1999)
    assert (given.data, given.size, given.sha256) == (b"", 2000, "")
    outcome, endings = judge(given)
    assert outcome.problem.startswith("has more than 120 MB") and not endings
    assert read_upload(path, 2000).size == 2000


def test_paths_that_are_no_files(tmp_path):
    for path in (tmp_path, tmp_path / "missing.pt"):
        with pytest.raises(IntakeError, match=path.name):
            read_upload(path, 10)


def test_images_that_the_network_cannot_take(judge):
    config = Config(backbone="lab_net")
    tiny = few(3)
    small = [
        ArraySplit(split.images[..., :12, :12], split.labels) for split in (tiny.split.queries, tiny.split.gallery)
    ]
    asking = QueryGallery(*small, tiny.split.self_index)
    pictures = EvaluationImages("tiny", asking, tiny.calibration[..., :12, :12], tiny.trained_on)
    outcome, _ = judge(upload(state_of(model.build(dml, config), config)), pictures=pictures)
    assert outcome.problem == "holds a network that cannot process images of 12 × 12 pixels"


# --------------------------------------------------------------------------------------------------------- attacks


def test_without_training_there_is_no_credit(judge, untrained):
    outcome, _ = judge(upload(untrained))
    assert outcome.status == "failed" and "should rise" in outcome.problem
    assert outcome.details["p_at_1_after"] == outcome.details["own"][0]


def test_other_statistics_are_no_training(judge):
    """BatchNorm layers that keep their zeros and ones make another, often better, random network."""
    outcome, _ = judge(upload(state_of(model.build(dml, CONFIG))))
    assert outcome.details["p_at_1_after"] in [p_at_1 for p_at_1, _ in outcome.details["reference"]]
    assert outcome.status == "failed"


def test_a_file_cannot_lower_its_own_baseline(judge, untrained):
    """It answers noise until it has been loaded with weights, which are those of an untrained network."""
    body = (
        "    def forward(self, x, eps=1e-6):\n"
        "        rows = super().forward(x, eps)\n"
        "        return rows if getattr(self, 'loaded', False) else torch.randn_like(rows)\n\n"
        "    def load_state_dict(self, *arguments, **options):\n"
        "        self.loaded = True\n"
        "        return super().load_state_dict(*arguments, **options)\n"
    )
    outcome, _ = judge(upload(untrained), with_extractor(body))
    assert outcome.details["own"][0] < 0.2 < outcome.details["p_at_1_before"]
    assert outcome.status == "failed"


def test_constants_earn_nothing(judge, trained):
    body = "    def forward(self, x, eps=1e-6):\n        return torch.ones(len(x), 64) / 8"
    outcome, _ = judge(upload(trained), with_extractor(body))
    assert outcome.status == "failed"
    assert outcome.details["p_at_1_after"] < 0.4


COUNTER = (
    "    seen = 0\n\n"
    "    def forward(self, x, eps=1e-6):\n"
    "        place = (torch.arange(len(x)) + self.seen) // 30\n"
    "        self.seen += len(x)\n"
    "        return torch.nn.functional.one_hot(place % 64, 64).float()\n"
)


def test_the_order_of_the_images_tells_nothing(judge, trained):
    pictures = few()
    guessed = F.one_hot(torch.arange(300) // 30, 64).float().numpy()
    assert checkpoint.metrics(pictures.split, np.arange(300), guessed)[0] == 1  # if they were sent as they stand
    outcome, _ = judge(upload(trained), with_extractor(COUNTER), pictures)
    assert outcome.status == "failed"
    assert outcome.details["p_at_1_after"] < 0.3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("torch.full((len(x), 64), float('nan'))", "NaN or infinite"),
        ("torch.ones(len(x) - 1, 64)", "one row of numbers for each image"),
        ("torch.ones(len(x))", "one row of numbers for each image"),
        ("torch.ones(len(x), 5000)", "one row of numbers for each image"),
        ("torch.ones(len(x), 64 if len(x) > 100 else 63)", "different lengths"),
    ],
)
def test_answers_of_the_wrong_form(judge, trained, answer, words):
    body = f"    def forward(self, x, eps=1e-6):\n        return {answer} if len(x) > 2 else super().forward(x, eps)"
    outcome, _ = judge(upload(trained), with_extractor(body))
    assert words in outcome.problem


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('no')", "exception"),
        ("raise NotImplementedError", "not-implemented"),
        ("import os; os._exit(0)", "exit"),
        ("import time; time.sleep(60)", "timeout"),
        ("return bytearray(4 << 30)", "memory"),
    ],
)
def test_files_that_give_no_value(judge, trained, body, reason):
    short = {**MANIFEST.checkpoint, "seconds": 3.0, "image_seconds": 0.0, "megapixel_seconds": 1.0}
    source = with_extractor(f"    def forward(self, x, eps=1e-6):\n        {body}")
    outcome, _ = judge(upload(trained), source, manifest=dataclasses.replace(MANIFEST, checkpoint=short))
    assert (outcome.status, outcome.reason) == ("failed", reason)


# ---------------------------------------------------------------------------------------------------------- figures


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_order_does_not_change_the_figures(data):
    """Queries inside and outside the gallery, against a slow oracle that never shuffles."""
    seed = data.draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    count, asking = int(rng.integers(4, 20)), int(rng.integers(1, 4))
    labels, query_labels = rng.integers(0, 3, count), rng.integers(0, 3, asking)
    inside = data.draw(st.booleans())
    own = rng.choice(count, asking, replace=False) if inside else None
    if inside:
        query_labels = labels[own]
    blank = torch.zeros(1, 1, 1)
    asked = QueryGallery(
        ArraySplit(blank.expand(asking, 1, 1, 1), query_labels), ArraySplit(blank.expand(count, 1, 1, 1), labels), own
    )
    rows = rng.normal(size=(count + (0 if inside else asking), 4)).astype(np.float32)  # no ties
    found = []
    for q in range(asking):
        query = rows[own[q]] if inside else rows[count + q]
        others = [i for i in range(count) if not inside or i != own[q]]
        others.sort(key=lambda i: float(((rows[i].astype(np.float64) - query) ** 2).sum()))
        right = [labels[i] == query_labels[q] for i in others]
        if any(right):
            hits = np.cumsum(right)
            precisions = [hits[k] / (k + 1) for k in range(len(right)) if right[k]]
            found.append((right[0], np.mean(precisions)))
    if not found:
        return
    order = rng.permutation(len(rows))
    assert checkpoint.metrics(asked, order, rows[order]) == pytest.approx(tuple(np.mean(found, axis=0)), abs=1e-6)
