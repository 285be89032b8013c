"""Reading IDX files, the class splits and the embedded samples."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from assignment.datasets import fashion_mnist
from assignment.datasets.errors import DataMissing
from data_scripts import make_samples

OFFICIAL = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def write(folder: Path, n: int = 20, pack=gzip.compress, ending: str = ".gz") -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (n, 28, 28), dtype=np.uint8)
    labels = (np.arange(n) % 10).astype(np.uint8)
    (folder / f"train-images-idx3-ubyte{ending}").write_bytes(pack(idx(images)))
    (folder / f"train-labels-idx1-ubyte{ending}").write_bytes(pack(idx(labels)))
    return images, labels


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, ".gz"), (bytes, "")])
def test_files_are_read_packed_or_plain(tmp_path, pack, ending):
    images, labels = write(tmp_path, pack=pack, ending=ending)
    got_images, got_labels = fashion_mnist.read(tmp_path, "train")
    assert np.array_equal(got_images, images)
    assert np.array_equal(got_labels, labels)


def test_images_are_normalised_and_rgb():
    images = fashion_mnist.as_images(np.full((1, 28, 28), 255, np.uint8))
    assert images.shape == (1, 3, 28, 28)
    assert images.dtype == torch.float32
    assert torch.allclose(images, torch.tensor((1 - 0.2860) / 0.3530))


def test_missing_and_damaged_files_are_one_line(tmp_path):
    with pytest.raises(DataMissing, match=re.escape("neither train-images-idx3-ubyte.gz nor")):
        fashion_mnist.read(tmp_path, "train")
    write(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for damaged, words in [
        (whole[:-20], "damaged gzip"),
        (gzip.compress(gzip.decompress(whole)[:-1]), "bytes instead of"),
        (b"<html>", "not an IDX file"),
        (b"\x00\x00\x08\x03\x00", "not an IDX file"),
    ]:
        path.write_bytes(damaged)
        with pytest.raises(DataMissing, match=words) as caught:
            fashion_mnist.read(tmp_path, "train")
        assert "\n" not in str(caught.value)


def test_samples_are_small_balanced_and_disjoint():
    seen: set[bytes] = set()
    for path in make_samples.TARGETS.values():
        with np.load(path) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        assert images.dtype == np.uint8
        assert np.bincount(labels).tolist() == [make_samples.PER_CLASS] * 10
        own = {image.tobytes() for image in images}
        assert not own & seen
        seen |= own
    assert sum(path.stat().st_size for path in make_samples.TARGETS.values()) <= 2e6


@pytest.mark.needs_data
def test_samples_are_what_the_script_draws(tmp_path, monkeypatch):
    if not OFFICIAL.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    targets = {part: tmp_path / path.name for part, path in make_samples.TARGETS.items()}
    committed = {part: path.read_bytes() for part, path in make_samples.TARGETS.items()}
    monkeypatch.setattr(make_samples, "TARGETS", targets)
    monkeypatch.setattr(make_samples, "REPOSITORY", tmp_path)
    monkeypatch.setattr("sys.argv", ["make_samples", str(OFFICIAL)])
    make_samples.main()
    for part, path in targets.items():
        with np.load(path) as new, np.load(make_samples.io.BytesIO(committed[part])) as old:
            assert all(np.array_equal(new[name], old[name]) for name in ("images", "labels"))
