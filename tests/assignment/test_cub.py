"""The official layout of CUB-200-2011, in miniature."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from assignment.datasets import cub
from assignment.datasets.errors import DataMissing


def make(root: Path, classes: tuple[int, ...] = (0, 99, 100, 149, 150, 199), per_class: int = 3) -> Path:
    lines, labels = [], []
    for label in classes:
        for i in range(per_class):
            name = f"{label + 1:03}.Bird/Bird_{label}_{i}.jpg"
            (root / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((60, 80, 3), label, np.uint8)).save(root / "images" / name)
            lines.append(f"{len(lines) + 1} {name}")
            labels.append(f"{len(lines)} {label + 1}")
    (root / "images.txt").write_text("\n".join(lines), encoding="utf-8")
    (root / "image_class_labels.txt").write_text("\n".join(labels), encoding="utf-8")
    return root


def test_classes_are_counted_from_zero_and_divided(tmp_path):
    splits, note = cub.load(make(tmp_path))
    assert {part: set(split.labels.tolist()) for part, split in splits.items()} == {
        "train": {0, 99},
        "val": {100, 149},
        "test": {150, 199},
    }
    assert note == "CUB: a part of the set, 6 of the 200 classes"
    image = splits["val"][0]
    assert image.shape == (3, 224, 224)
    assert image.dtype == torch.float32
    assert torch.allclose(image[0], torch.tensor((100 / 255 - 0.485) / 0.229), atol=0.02)


def test_first_images_of_each_training_class_only(tmp_path):
    splits, _ = cub.load(make(tmp_path), images_per_class=2)
    assert [len(splits[part]) for part in ("train", "val", "test")] == [4, 6, 6]
    assert [path.stem for path in splits["train"].paths] == ["Bird_0_0", "Bird_0_1", "Bird_99_0", "Bird_99_1"]


def test_missing_images_are_counted(tmp_path):
    root = make(tmp_path)
    (root / "images/001.Bird/Bird_0_1.jpg").unlink()
    assert cub.load(root)[1].endswith("1 listed images are missing")


def test_bad_folders_are_one_line(tmp_path):
    with pytest.raises(DataMissing, match=r"images\.txt is not in"):
        cub.load(tmp_path)
    with pytest.raises(DataMissing, match="no image of the classes 150–199"):
        cub.load(make(tmp_path / "part", classes=(0, 100)))
    root = make(tmp_path / "whole")
    (root / "image_class_labels.txt").write_text("1 1\n2\n", encoding="utf-8")
    with pytest.raises(DataMissing, match="line 2"):
        cub.load(root)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK"])
def test_images_of_any_mode(tmp_path, mode):
    path = tmp_path / "image.jpg"  # the ending says nothing: the bytes decide
    Image.new("RGB", (9, 7), (200, 10, 10)).convert(mode).save(path, "TIFF" if mode == "CMYK" else "PNG")
    assert cub.read_image(path).shape == (3, 7, 9)


def test_a_truncated_image_is_named(tmp_path):
    path = tmp_path / "bird.jpg"
    Image.effect_noise((90, 90), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataMissing, match=r"bird\.jpg cannot be read as an image"):
        cub.read_image(path)


@pytest.mark.needs_data
@pytest.mark.slow
def test_frozen_squeezenet_finds_birds():
    from assignment import backbones, retrieval
    from assignment.lab import describe
    from solution import dml

    folder = Path(os.environ.get("COURSE_DATA", "data"))
    weights = folder / "weights" / "squeezenet1_1-imagenet-features.pth"
    if not weights.is_file():
        pytest.skip(f"set COURSE_DATA to a folder with CUB_200_2011 and {weights.name}")
    network = backbones.build("squeezenet1_1")
    backbones.load_weights(network, weights)
    val = cub.load(folder / "CUB_200_2011")[0]["val"]
    for usemax, expected in ((False, 0.796), (True, 0.846)):  # measured on a subset of 15 classes, 878 images
        descriptors = describe(dml.GDextractor(network, 512, usemax), val, torch.device("cpu"))
        assert retrieval.evaluate_all(descriptors, val.labels).precision[1] == pytest.approx(expected, abs=0.005)
