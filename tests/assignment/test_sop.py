"""The layout of Stanford Online Products, drawn by the generator."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from assignment import datasets
from assignment.datasets import DataMissing
from data_scripts import make_sop_like


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sop")
    make_sop_like.make(folder, classes=48, images=2, side=24)
    return folder


def test_classes_and_superclasses(root):
    data = datasets.load("sop", root, size=32)
    parts = [set(split.labels.tolist()) for split in (data.train, data.val.queries, data.test.queries)]
    assert parts[1] == {9, 19}  # class ids 10 and 20
    assert parts[0] == set(range(24)) - parts[1]
    assert parts[2] == set(range(24, 48))
    assert data.superclasses == {label: label % 12 for label in range(48)}
    assert data.superclass_names[3] == "coffee maker"
    assert data.class_names[3] == "coffee maker 4"
    assert data.note == "sop: generated, not SOP: 96 images of 48 classes"
    assert data.train[0].shape == (3, 32, 32)


def test_without_the_mark_it_counts_as_a_part_of_the_set(root, tmp_path):
    shutil.copytree(root, tmp_path / "set")
    (tmp_path / "set" / "GENERATED.txt").unlink()
    data = datasets.load("sop", tmp_path / "set", size=32)
    assert data.note == "sop: a part of the set: 48 of the 22,634 classes, 96 of the 120,053 images"


def test_the_generator_repeats_itself(root, tmp_path):
    make_sop_like.make(tmp_path, classes=48, images=2, side=24)
    files = sorted(path.relative_to(root) for path in root.rglob("*.*"))
    assert len(files) == 99
    assert all((root / file).read_bytes() == (tmp_path / file).read_bytes() for file in files)


def test_images_of_a_class_look_alike(root):
    data = datasets.load("sop", root, size=32)
    pixels = np.stack([image.numpy().ravel() for image in data.test.queries])
    distances = ((pixels[:, None] - pixels) ** 2).sum(-1)
    same = data.test.queries.labels[:, None] == data.test.queries.labels
    assert distances[same & (distances > 0)].mean() < 0.8 * distances[~same].mean()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 2 3", "line 2: expected three numbers and a path"),
        ("1 two 3 a.jpg", "expected three numbers and a path"),
        ("7 48 1 chair_final/1.JPG", "class 48 is in both lists"),
    ],
)
def test_bad_lists_are_one_line(root, tmp_path, line, words):
    for part in ("train", "test"):
        (tmp_path / f"Ebay_{part}.txt").write_text((root / f"Ebay_{part}.txt").read_text("utf-8"), encoding="utf-8")
    (tmp_path / "Ebay_train.txt").write_text(f"{make_sop_like.COLUMNS}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataMissing, match=words) as caught:
        datasets.load("sop", tmp_path)
    assert "\n" not in str(caught.value)


def test_the_generator_wants_enough_classes(tmp_path):
    with pytest.raises(ValueError, match="at least 24"):
        make_sop_like.make(tmp_path, classes=10)
    assert not list(tmp_path.iterdir())


def test_generated_images_can_be_read(root):
    with Image.open(next(root.glob("*_final/*"))) as image:
        assert image.size == (24, 24) and image.format == "JPEG"
