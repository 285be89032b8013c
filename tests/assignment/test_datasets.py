"""`datasets.load`: one door to all sets, the protocols of FashionMNIST, and one line for each wrong option."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assignment import datasets
from assignment.datasets import DataMissing, fashion_mnist
from assignment.datasets.split import place_in_class

HELD_BACK, VALIDATION = 20, 10  # of each class, in the miniature


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def numbered(n: int) -> np.ndarray:
    """n images that hold their own number in the first two pixels."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(n) // 256, np.arange(n) % 256
    return images


def number(image: torch.Tensor) -> int:
    high, low = (image[0, 0, :2] * 0.3530 + 0.2860) * 255
    return round(float(high)) * 256 + round(float(low))


@pytest.fixture
def miniature(tmp_path, monkeypatch) -> Path:
    """600 training images (60 a class) and 200 test images (20 a class), mixed; the sizes of the protocols to match."""
    monkeypatch.setattr(fashion_mnist, "HELD_BACK", HELD_BACK)
    for name, value in {"SEEN_VALIDATION": VALIDATION, "SEEN_IMAGES": 5, "SEEN_QUERIES": 2}.items():
        monkeypatch.setattr(fashion_mnist, name, value)
    for prefix, n in (("train", 600), ("t10k", 200)):
        labels = np.random.default_rng(n).permutation(np.arange(n) % 10).astype(np.uint8)
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(numbered(n))))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def assert_own_place(query_gallery: datasets.QueryGallery) -> None:
    for i, place in enumerate(query_gallery.self_index):
        assert torch.equal(query_gallery.queries[i], query_gallery.gallery[int(place)])
        assert query_gallery.queries.labels[i] == query_gallery.gallery.labels[place]


def test_held_out_classes_of_fashion_mnist(miniature):
    data = datasets.load("fashion-mnist", miniature)
    assert set(data.train.labels) == {0, 1, 2, 5, 8} and len(data.train) == 5 * (60 - HELD_BACK)
    assert set(data.val.queries.labels) == {3, 4} and len(data.val.queries) == 2 * HELD_BACK
    assert set(data.val.gallery.labels) == {0, 1, 2, 3, 4, 5, 8} and len(data.val.gallery) == 7 * HELD_BACK
    assert set(data.test.queries.labels) == {6, 7, 9} and len(data.test.queries) == 60
    assert len(data.test.gallery) == 200
    assert_own_place(data.val)
    assert_own_place(data.test)
    _, labels = fashion_mnist.read(miniature, "train")
    seen = {number(image) for image in data.train}
    held = {number(image) for image in data.val.gallery}
    assert not seen & held
    for label in (0, 8):  # it is the last images of a class that are held back
        own = np.flatnonzero(labels == label)
        assert set(own[:-HELD_BACK]) <= seen and set(own[-HELD_BACK:]) <= held


def test_seen_classes_of_fashion_mnist(miniature):
    data = datasets.load("fashion-mnist", miniature, protocol="seen")
    assert np.bincount(data.train.labels).tolist() == [60 - VALIDATION] * 10
    _, labels = fashion_mnist.read(miniature, "train")
    late = {int(row) for label in range(10) for row in np.flatnonzero(labels == label)[-VALIDATION:]}
    assert not late & {number(image) for image in data.train}
    assert {number(image) for image in data.val.gallery} <= late
    _, test_labels = fashion_mnist.read(miniature, "test")
    first = {int(row) for label in range(10) for row in np.flatnonzero(test_labels == label)[:5]}
    assert {number(image) for image in data.test.gallery} == first
    for query_gallery, queries in ((data.val, 5), (data.test, 2)):
        assert np.bincount(query_gallery.gallery.labels).tolist() == [5] * 10
        assert np.bincount(query_gallery.queries.labels).tolist() == [queries] * 10
        assert_own_place(query_gallery)


def test_a_part_of_fashion_mnist_says_so(miniature):
    data = datasets.load("fashion-mnist", miniature)
    assert data.note == "fashion-mnist: 800 of the 70,000 images of FashionMNIST" and not data.whole


def test_a_part_that_nobody_asks_in_is_one_line(miniature):
    _, labels = fashion_mnist.read(miniature, "test")
    path = miniature / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(idx(np.zeros_like(labels))))
    with pytest.raises(ValueError, match="there is no test query"):
        datasets.load("fashion-mnist", miniature)


@pytest.mark.needs_data
def test_the_whole_of_fashion_mnist():
    if not any(folder.is_dir() for folder in fashion_mnist.system_folders()):
        pytest.skip("the system's package of FashionMNIST is not installed")
    seen = datasets.load("fashion-mnist", protocol="seen")
    assert [len(seen.train), len(seen.val.gallery), len(seen.test.gallery)] == [54_000, 1_000, 1_000]
    assert [len(seen.val.queries), len(seen.test.queries)] == [1_000, 100]
    held = datasets.load("fashion-mnist")
    assert [len(held.train), len(held.val.queries), len(held.val.gallery)] == [25_000, 2_000, 7_000]
    assert [len(held.test.queries), len(held.test.gallery)] == [3_000, 10_000]
    assert held.whole and held.note == ""


def test_the_sample_divides_as_the_lab_does():
    data = datasets.load("sample")
    assert [len(data.train), len(data.val.queries), len(data.val.gallery)] == [1000, 400, 1400]
    assert [len(data.test.queries), len(data.test.gallery)] == [600, 2000]
    assert set(data.val.gallery.labels) == {0, 1, 2, 3, 4, 5, 8}
    assert_own_place(data.val)
    assert_own_place(data.test)
    with np.load(fashion_mnist.SAMPLE) as arrays:
        images, labels = fashion_mnist.as_images(arrays["images"]), arrays["labels"]
    parts = ((data.train, [0, 1, 2, 5, 8]), (data.val.queries, [3, 4]), (data.test.queries, [6, 7, 9]))
    for split, classes in parts:
        chosen = np.isin(labels, classes)
        assert torch.equal(torch.stack(list(split)), images[torch.from_numpy(chosen)])
        assert split.labels.tolist() == labels[chosen].tolist()
    assert data.class_names[9] == "Ankle boot" and "MIT" in data.licence


def test_first_images_of_each_class():
    train = datasets.load("sample", images_per_class=5).train
    whole = datasets.load("sample").train
    assert np.bincount(train.labels).tolist() == [5, 5, 5, 0, 0, 5, 0, 0, 5]
    assert torch.equal(train[0], whole[0])
    with pytest.raises(ValueError, match="images_per_class = 201: the largest training class has 200 images"):
        datasets.load("sample", images_per_class=201)


@given(st.lists(st.integers(-(2**40), 2**40) | st.integers(0, 3), max_size=30))
def test_places_in_class_are_counted(labels):
    counted = [labels[:i].count(label) for i, label in enumerate(labels)]
    assert place_in_class(np.array(labels, np.int64)).tolist() == counted


def test_the_folder_above_and_the_default_place(miniature, monkeypatch, tmp_path):
    place = tmp_path / "data" / "fashion-mnist"
    place.mkdir(parents=True)
    for path in miniature.glob("*.gz"):
        path.rename(place / path.name)
    assert len(datasets.load("fashion-mnist", tmp_path / "data").train) == 200
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "share"))
    monkeypatch.chdir(tmp_path)
    assert len(datasets.load("fashion-mnist").train) == 200
    (tmp_path / "share" / "datasets").mkdir(parents=True)
    place.rename(tmp_path / "share" / "datasets" / "fashion-mnist")  # as a system's package lays it
    assert len(datasets.load("fashion-mnist").train) == 200
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path))
    with pytest.raises(DataMissing, match="run `python -m data_scripts fashion-mnist`"):
        datasets.load("fashion-mnist")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "cubs"}, "data set 'cubs': unknown; did you mean 'cub'"),
        ({"name": "mnist"}, "choose one of sample, fashion-mnist, cub, pets, sop"),
        ({"name": "sample", "protocol": "seen"}, "protocol of sample 'seen': unknown; choose one of held-out"),
        ({"name": "cub", "protocol": "sean"}, "protocol of cub 'sean': unknown; choose one of held-out"),
        ({"name": "cub", "on_corrupt": "ignore"}, "choose one of stop, skip"),
        ({"name": "cub", "images_per_class": 1}, "use at least 2, or 0 for all images"),
        ({"name": "cub", "images_per_class": -3}, "use at least 2"),
        ({"name": "cub", "size": 0}, "use at least 1 pixel"),
        ({"name": "pets", "root": "nowhere"}, "trainval.txt is not in nowhere"),
        ({"name": "sop", "root": "nowhere"}, "Ebay_train.txt is not in nowhere"),
    ],
)
def test_wrong_options_are_one_line(options, words):
    with pytest.raises((ValueError, DataMissing), match=words) as caught:
        datasets.load(**options)
    assert "\n" not in str(caught.value)


def test_augmentation_flips_and_shifts_within_two_pixels():
    augment = datasets.load("sample").augment
    image = torch.full((3, 28, 28), -0.2860 / 0.3530)
    image[:, 10, 12] = 1.0
    torch.manual_seed(0)
    places = set()
    for _ in range(300):
        variant = augment(image)
        assert variant.shape == image.shape
        (where,) = (variant[0] == 1.0).nonzero().tolist()
        places.add(tuple(where))
    rows, columns = range(8, 13), [*range(10, 15), *range(13, 18)]
    assert places == {(row, column) for row in rows for column in columns}
    torch.manual_seed(1)
    first = augment(image)
    torch.manual_seed(1)
    assert torch.equal(pickle.loads(pickle.dumps(augment))(image), first)


def test_the_package_alone_loads_no_torchvision():
    import subprocess
    import sys

    script = "import sys; from assignment import datasets; datasets.load('sample'); print('torchvision' in sys.modules)"
    repository = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("most", [0, 2])
def test_a_variant_is_the_image_mirrored_or_moved(most):
    image = torch.arange(2 * 4 * 5.0).reshape(2, 4, 5)
    vary, found = fashion_mnist.MirrorAndMove(most), set()
    for seed in range(200):
        torch.manual_seed(seed)
        variant = vary(image)
        assert variant.shape == image.shape
        found.add(variant.numpy().tobytes())
    assert {image.numpy().tobytes(), image.flip(-1).contiguous().numpy().tobytes()} <= found
    assert (len(found) == 2) == (most == 0)
