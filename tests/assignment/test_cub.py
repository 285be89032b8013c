"""The official layout of CUB-200-2011, in miniature; and the frozen figures on the real one, where it is."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from assignment import datasets
from assignment.datasets import DataMissing

FOLDER = Path(os.environ.get("DML_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


def make(root: Path, classes: tuple[int, ...] = (0, 99, 100, 149, 150, 199), per_class: int = 3) -> Path:
    lines, labels = [], []
    for label in classes:
        for i in range(per_class):
            name = f"{label + 1:03}.Blue_Bird/Bird_{label}_{i}.jpg"
            (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((60, 80, 3), label, np.uint8)).save(root / "images" / name)
            lines.append(f"{len(lines) + 1} {name}")
            labels.append(f"{len(lines)} {label + 1}")
    (root / "images.txt").write_text("\n".join(lines), encoding="utf-8")
    (root / "image_class_labels.txt").write_text("\n".join(labels), encoding="utf-8")
    return root


def test_classes_are_counted_from_zero_and_divided(tmp_path):
    data = datasets.load("cub", make(tmp_path))
    splits = (data.train, data.val.queries, data.test.queries)
    assert [set(split.labels.tolist()) for split in splits] == [{0, 99}, {100, 149}, {150, 199}]
    assert data.val.gallery is data.val.queries and data.val.self_index.tolist() == list(range(6))
    assert data.note == "cub: a part of the set: 6 of the 200 classes, 18 of the 11,788 images"
    assert not data.whole
    assert data.class_names[99] == "Blue Bird"
    assert "not to be passed on" in data.licence
    image = data.val.queries[0]
    assert image.shape == (3, 224, 224) and image.dtype == torch.float32
    assert torch.allclose(image[0], torch.tensor((100 / 255 - 0.485) / 0.229), atol=0.02)


def test_first_images_of_each_training_class_only(tmp_path):
    data = datasets.load("cub", make(tmp_path), images_per_class=2)
    assert [len(split) for split in (data.train, data.val.queries, data.test.gallery)] == [4, 6, 6]
    assert [path.stem for path in data.train.paths] == ["Bird_0_0", "Bird_0_1", "Bird_99_0", "Bird_99_1"]


def test_n_larger_than_a_class(tmp_path):
    root = make(tmp_path)
    (root / "images/001.Blue_Bird/Bird_0_1.jpg").unlink()
    data = datasets.load("cub", root, images_per_class=3)
    assert data.note.endswith("1 of the 2 training classes have fewer than 3 images")
    with pytest.raises(ValueError, match="the largest training class has 3"):
        datasets.load("cub", root, images_per_class=4)


def test_missing_images_are_counted(tmp_path):
    root = make(tmp_path)
    (root / "images/001.Blue_Bird/Bird_0_1.jpg").unlink()
    assert datasets.load("cub", root).note.endswith("1 listed images are missing")


def test_the_folder_above_will_do(tmp_path):
    make(tmp_path / "CUB_200_2011")
    assert len(datasets.load("cub", tmp_path).train) == 6


def test_the_default_place_is_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataMissing, match=r"no folder data.CUB_200_2011; run `python -m data_scripts cub`"):
        datasets.load("cub")
    make(tmp_path / "data" / "CUB_200_2011")
    assert len(datasets.load("cub").train) == 6


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("images.txt", "", "images.txt: empty"),
        ("images.txt", "1 a.jpg\n2\n", "line 2: expected a number and a value"),
        ("images.txt", "\0\xff", "images.txt: not a text file"),
        ("image_class_labels.txt", "1 1\n", "has no class for image 2"),
        ("image_class_labels.txt", "1 1\n2 bird\n", "'bird' is not a class from 1 to 200"),
        ("image_class_labels.txt", "1 1\n2 201\n", "'201' is not a class from 1 to 200"),
        ("image_class_labels.txt", None, "image_class_labels.txt is not in"),
    ],
)
def test_bad_lists_are_one_line(tmp_path, file, content, words):
    root = make(tmp_path)
    (root / file).unlink()
    if content is not None:
        (root / file).write_bytes(content.encode("latin-1"))
    with pytest.raises(DataMissing, match=words) as caught:
        datasets.load("cub", root)
    assert "\n" not in str(caught.value)


def test_parts_without_images(tmp_path):
    with pytest.raises(DataMissing, match="no image of the classes 150–199"):
        datasets.load("cub", make(tmp_path / "part", classes=(0, 100)))
    with pytest.raises(ValueError, match="1 training class; use at least 2"):
        datasets.load("cub", make(tmp_path / "one", classes=(0, 100, 150)))
    with pytest.raises(ValueError, match="no training class has 2 images"):
        datasets.load("cub", make(tmp_path / "lone", per_class=1))


@pytest.mark.parametrize("cached", [False, True])
def test_damaged_images_stop_or_are_left_out_with_a_note(tmp_path, cached):
    root = make(tmp_path / "birds")
    options = {"cache": tmp_path / "cache" if cached else None, "size": 32}
    for name in ("Bird_0_0", "Bird_0_2"):
        (root / f"images/001.Blue_Bird/{name}.jpg").write_bytes(b"<html>")
    if cached:  # they are known before the first batch
        with pytest.raises(DataMissing, match=r"Bird_0_0\.jpg: cannot be read .*\(2 images in all"):
            datasets.load("cub", root, **options)
    else:
        with pytest.raises(DataMissing, match=r"Bird_0_0\.jpg: cannot be read"):
            datasets.load("cub", root, **options).train[0]
    data = datasets.load("cub", root, on_corrupt="skip", **options)
    assert "2 images cannot be read and are excluded: images/001.Blue_Bird/Bird_0_0.jpg" in data.note
    assert data.train.labels.tolist() == [0, 99, 99, 99] and not data.whole
    assert data.train[0].mean() < -1.5  # class 0 was painted black, and this is its one good image
    assert datasets.load("cub", root, on_corrupt="skip", images_per_class=2, **options).train.labels.tolist() == [
        0,
        99,
        99,
    ]


@pytest.mark.needs_data
@pytest.mark.slow
def test_frozen_squeezenet_finds_birds():
    from torch.utils.data import DataLoader

    from assignment import backbones
    from assignment.evaluation import retrieval
    from solution import dml

    weights = FOLDER / "weights" / "squeezenet1_1-imagenet-features.pth"
    if not weights.is_file():
        pytest.skip(f"set DML_DATA to a folder with CUB_200_2011 and weights/{weights.name}")
    network = backbones.build("squeezenet1_1")
    backbones.load_weights(network, weights)
    val = datasets.load("cub", FOLDER).val.queries
    models = [dml.GDextractor(network, 512, usemax).eval() for usemax in (False, True)]
    rows = []
    with torch.no_grad():
        for images in DataLoader(val, batch_size=64):
            rows.append([model(images) for model in models])
    for descriptors, expected in zip(zip(*rows, strict=True), (0.796, 0.846), strict=True):
        rows = torch.cat(descriptors)
        found = retrieval.query_metrics(rows, val.labels, rows, val.labels, np.arange(len(rows)), (1,))
        assert found.first.mean() == pytest.approx(
            expected, abs=0.005
        )  # measured on a subset of 15 classes, 878 images
