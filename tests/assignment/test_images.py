"""Reading image files of every kind, and the one preparation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from assignment.datasets import images
from assignment.datasets.errors import DataMissing

RED = (200, 10, 30)


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("RGB", "PNG"),
        ("RGB", "GIF"),
        ("RGBA", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
        ("CMYK", "TIFF"),
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("LA", "PNG"),
        ("1", "PNG"),
    ],
)
def test_images_of_any_mode_and_format_are_rgb(tmp_path, mode, form):
    path = tmp_path / "image.jpg"  # the ending says nothing: the bytes decide
    picture = Image.new("RGB", (9, 7), RED).convert(mode)
    picture.save(path, form)
    got = images.read_image(path)
    assert got.shape == (3, 7, 9) and got.dtype == torch.uint8
    expected = torch.tensor(RED if mode in ("RGB", "RGBA", "CMYK") else picture.convert("RGB").getpixel((4, 3)))
    assert (got[:, 3, 4].int() - expected).abs().max() <= 8


def test_sixteen_bits_keep_their_shades(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.array([[0, 25_600, 65_535]], np.uint16)).save(path)
    assert images.read_image(path)[0].tolist() == [[0, 100, 255]]


def test_transparency_is_dropped_without_a_warning(tmp_path, recwarn):
    path = tmp_path / "clear.png"
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, *RED])
    picture.save(path, transparency=b"\x00\x80")
    assert images.read_image(path)[:, 0, 0].tolist() == list(RED)
    assert not recwarn.list


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "gone", "folder", "head only"])
def test_damaged_files_are_one_line_with_their_name(tmp_path, damage):
    path = tmp_path / "bird.jpg"
    Image.effect_noise((90, 90), 50).convert("RGB").save(path)
    whole = path.read_bytes()
    contents = {"cut": whole[:900], "text": b"<html>not found</html>", "empty": b"", "head only": whole[:20]}
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage in contents:
        path.write_bytes(contents[damage])
    with pytest.raises(DataMissing, match=r"bird\.jpg: cannot be read as an image") as caught:
        images.read_image(path)
    assert "\n" not in str(caught.value)


def test_an_image_cut_in_its_last_rows_is_not_half_black(tmp_path):
    path = tmp_path / "bird.jpg"
    Image.effect_noise((200, 200), 50).convert("RGB").save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataMissing, match="truncated"):
        images.read_image(path)


@pytest.mark.parametrize("size", [224, 64])
@pytest.mark.parametrize("shape", [(60, 80), (300, 260), (227, 227)])
def test_the_preparation_is_resize_crop_and_normalise(tmp_path, shape, size):
    path = tmp_path / "image.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)).save(path)
    by_the_book = v2.Compose(
        [
            v2.Resize(round(256 * size / 224), antialias=True),
            v2.CenterCrop(size),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(images.MEAN, images.STD),
        ]
    )
    split = images.FileSplit([path], np.array([3]), size)
    assert split[0].shape == (3, size, size)
    assert torch.equal(split[0], by_the_book(images.read_image(path)))
    assert torch.equal(split[0], split[0])


def test_augmentation_changes_the_image_and_keeps_its_shape():
    torch.manual_seed(0)
    image = torch.randn(3, 64, 64)
    variant = images.augmentation(64)(image)
    assert variant.shape == image.shape
    assert not torch.equal(variant, image)
