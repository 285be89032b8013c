"""The pixel cache: right values, one build, rebuilt when stale, nothing half-written."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from assignment.datasets import cache as caching
from assignment.datasets.cache import open_cache
from assignment.datasets.images import FileSplit
from assignment.datasets.split import collate

SIZE = 32


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def opened(root: Path, files: list[str] | None = None, size: int = SIZE) -> caching.PixelCache:
    return open_cache(root.parent / "cache", "set", root, files or names(root), size)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def kept(root: Path) -> list[str]:
    """Everything in the folder of caches but locks."""
    return sorted(path.name for path in (root.parent / "cache").iterdir() if path.suffix != ".lock")


def test_values_are_those_of_the_files(root):
    files, labels = names(root), np.arange(12)
    plain = FileSplit([root / file for file in files], labels, SIZE)
    cached = opened(root).split(np.arange(12)[::-1], labels[::-1])
    assert len(cached) == 12 and cached.labels.tolist() == list(range(11, -1, -1))
    for i in range(12):
        assert torch.equal(cached[i], plain[11 - i])
    assert torch.equal(torch.stack(cached.__getitems__([3, 0, 3])), torch.stack([plain[8], plain[11], plain[8]]))
    with pytest.raises(IndexError):
        cached[12]


def test_a_loader_gets_whole_batches(root, monkeypatch):
    cached = opened(root).split(np.arange(12), np.arange(12))
    asked = []
    whole = caching.CachedSplit.__getitems__
    monkeypatch.setattr(caching.CachedSplit, "__getitems__", lambda self, i: asked.append(i) or whole(self, i))
    for collation in (None, collate):
        batches = list(DataLoader(cached, batch_size=5, collate_fn=collation))
        assert [len(batch) for batch in batches] == [5, 5, 2]
        assert torch.equal(torch.cat(batches)[7], cached[7])
    assert asked[:3] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


def test_collate_copies_only_what_is_no_batch_yet():
    batch = torch.randn(3, 2, 4, 4)
    views = list(batch)
    assert collate(views).data_ptr() == batch.data_ptr()
    for others in (views[::-1], views[:2], [view.clone() for view in views], [views[0]] * 3):
        assert torch.equal(collate(others), torch.stack(others))


def test_a_second_opening_decodes_nothing(root, monkeypatch):
    first = opened(root)
    monkeypatch.setattr(caching, "decode_all", None)
    assert np.array_equal(opened(root).pixels, first.pixels)


def test_a_worker_process_maps_the_file_itself(root):
    cached = opened(root).split(np.arange(12), np.arange(12))
    sent = pickle.dumps(cached)
    assert len(sent) < 2_000  # 12 images are 37 KB
    assert torch.equal(pickle.loads(sent)[4], cached[4])
    loader = DataLoader(cached, batch_size=4, num_workers=1, multiprocessing_context="fork")
    assert torch.equal(torch.cat(list(loader)), torch.stack([cached[i] for i in range(12)]))


def repaint(root: Path) -> None:
    Image.new("RGB", (50, 40), (255, 255, 255)).save(root / "0.png")


@pytest.mark.parametrize(
    "change",
    [
        repaint,
        lambda root: os.utime(root / "0.png", ns=(1, 1)),
        lambda root: (root / "0.png").rename(root / "00.png"),
        lambda root: (root / "5.png").unlink(),
    ],
    ids=["content", "time", "name", "one less"],
)
def test_a_changed_set_is_decoded_again_and_the_old_cache_goes(root, change):
    opened(root)
    before = kept(root)
    change(root)
    pixels = opened(root).pixels
    assert len(kept(root)) == 1 and kept(root) != before
    assert len(pixels) == len(names(root))
    expected = FileSplit([root / names(root)[0]], np.zeros(1), SIZE)[0]
    assert torch.equal(opened(root).split(np.array([0]), np.zeros(1))[0], expected)


def test_other_sizes_and_other_folders_have_their_own(root):
    opened(root)
    opened(root, size=SIZE + 1)
    (root.parent / "other").mkdir()
    repaint(root.parent / "other")
    opened(root.parent / "other")
    assert len(kept(root)) == 3
    assert opened(root, size=SIZE + 1).pixels.shape == (12, 3, SIZE + 1, SIZE + 1)


def test_a_damaged_cache_is_replaced(root):
    whole = opened(root).pixels.copy()
    for damage in (lambda path: path.write_bytes(path.read_bytes()[:-100]), lambda path: path.unlink()):
        for name in (caching.PIXELS, caching.FACTS):
            damage(root.parent / "cache" / kept(root)[0] / name)
            assert np.array_equal(opened(root).pixels, whole)


def test_unreadable_images_are_in_no_split(root):
    (root / "3.png").write_bytes(b"no image")
    cache = opened(root)
    row = names(root).index("3.png")
    assert list(cache.unreadable) == [row] and "3.png: cannot be read" in cache.unreadable[row]
    with pytest.raises(ValueError, match=r"3\.png: cannot be read"):
        cache.split(np.arange(12), np.arange(12))
    assert len(cache.split(np.delete(np.arange(12), row), np.arange(11))) == 11


def child(root: Path, how: str, answers) -> None:
    """Build in another process: "slow", or "full" under the limit at which the kernel refuses to write more."""
    torch.set_num_threads(1)  # a forked process must not wait for threads that it did not inherit
    fast = caching.decode_all

    def slow(paths, size):
        for image in fast(paths, size):
            time.sleep(0.1)
            yield image

    if how == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    if how == "slow":
        caching.decode_all = slow
    try:
        answers.put(opened(root).folder.name)
    except ValueError as problem:
        answers.put(str(problem))


def start(root: Path, how: str):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    process = context.Process(target=child, args=(root, how, answers))
    process.start()
    if how == "slow":
        limit = time.monotonic() + 30
        while not list((root.parent / "cache").glob(".set-*/pixels.npy")):
            assert time.monotonic() < limit and process.is_alive()
            time.sleep(0.02)
    return process, answers


def test_a_full_disk_is_one_line_and_the_earlier_cache_stays(root):
    opened(root)
    before = kept(root)
    repaint(root)
    process, answers = start(root, "full")
    said = answers.get(timeout=30)
    process.join()
    assert said.startswith("pixel cache ") and "\n" not in said
    assert kept(root) == before
    assert len(opened(root).pixels) == 12


def test_too_little_room_is_seen_before_the_work(root, monkeypatch):
    monkeypatch.setattr(caching.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    monkeypatch.setattr(caching, "decode_all", None)
    with pytest.raises(ValueError, match=r"pixel cache .*: the disk is full, 0\.00 GB are needed"):
        opened(root)
    assert kept(root) == []


def test_a_folder_that_cannot_be_made_is_one_line(root):
    (root.parent / "cache").write_bytes(b"")
    with pytest.raises(ValueError, match=r"pixel cache .*: cannot be written"):
        opened(root)


def test_a_kill_leaves_no_cache_and_its_rest_is_swept(root):
    process, _ = start(root, "slow")
    process.kill()
    process.join()
    assert kept(root) and all(name.startswith(".") for name in kept(root))
    assert len(opened(root).pixels) == 12
    assert len(kept(root)) == 1


def test_two_processes_build_once(root, monkeypatch):
    process, answers = start(root, "slow")
    monkeypatch.setattr(caching, "decode_all", None)  # the second one waits and decodes nothing
    mine = opened(root)
    assert answers.get(timeout=30) == mine.folder.name
    process.join()
    assert len(mine.pixels) == 12


def _open_in_child(root: Path) -> int:
    torch.set_num_threads(1)
    return int(opened(root).pixels.astype(np.int64).sum())


def test_many_processes_at_once_agree(root):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        sums = pool.map(_open_in_child, [root] * 8)
    assert len(set(sums)) == 1
    assert len(kept(root)) == 1
