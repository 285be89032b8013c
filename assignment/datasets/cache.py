"""The pixel cache: images are decoded, resized and cropped once, and stored in a file that is mapped into memory.

A cache belongs to one list of files and one image size. Its name holds a hash of the path, size and time of change of
every file and of the versions of the decoders; if any of them changes, a new cache is built and the outdated one is
removed. It is written under a hidden name and renamed when complete, so that a killed process or a full disk does not
leave an incomplete cache. A lock lets only one process build it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from assignment.datasets.images import decode_all, normalised

FORMAT = 1
PIXELS, FACTS = "pixels.npy", "facts.json"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class PixelCache:
    """A complete cache on the disk.

    Attributes:
        pixels: (N, 3, size, size) uint8, memory-mapped, read-only.
        unreadable: row → error of each file that could not be read; the pixels of such a row are undefined.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.unreadable = {int(row): str(why) for row, why in json.loads((folder / FACTS).read_text("utf-8")).items()}
        self.pixels = np.load(folder / PIXELS, mmap_mode="r")

    def split(self, rows: np.ndarray, labels: np.ndarray) -> CachedSplit:
        """Make a split of these rows with these labels; ValueError if one of them could not be read."""
        if bad := [self.unreadable[int(row)] for row in rows if int(row) in self.unreadable]:
            raise ValueError(f"{bad[0]} ({len(bad)} images in all)")
        return CachedSplit(self.folder / PIXELS, rows, labels)


class CachedSplit:
    """A split that reads from a cache, with the same values as `images.FileSplit`.

    Args:
        pixels: the file of pixels. rows: (N,) its rows. labels: (N,) integers.
    """

    def __init__(self, pixels: Path, rows: np.ndarray, labels: np.ndarray) -> None:
        self.labels = np.asarray(labels).astype(np.int64)
        self._path, self._rows = pixels, np.asarray(rows)
        self._pixels = np.load(pixels, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> Tensor:
        return self.__getitems__([i])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Tensor]:
        """Return images as views of one batch; a DataLoader requests a whole batch at once."""
        rows = self._rows[np.asarray(indices)]
        batch = torch.empty(len(rows), *self._pixels.shape[1:])
        for image, row in zip(batch, rows, strict=True):  # one by one: an image fits the processor's cache
            normalised(torch.from_numpy(self._pixels[row].copy()), out=image)
        return list(batch)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_pixels": None}  # a worker process maps the file instead of receiving a copy

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _pixels=np.load(state["_path"], mmap_mode="r"))


def open_cache(folder: Path, name: str, root: Path, files: Sequence[str], size: int) -> PixelCache:
    """Open the cache of `files` (paths below `root`) at `size` × `size`, and build it if there is none.

    Args:
        folder: of the caches; created if missing. name: of the data set, a part of the cache's name.

    Raises:
        ValueError: the cache cannot be written, for example because the disk is full.
    """
    family = f"{name}-{size}-{_hash(str(root.resolve()))[:8]}"
    place = folder / f"{family}-{fingerprint(root, files, size)}"
    if (found := _opened(place)) is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / f"{family}.lock", name):
            if _opened(place) is None:
                for old in (
                    *folder.glob(f".{family}-*"),
                    place,
                ):  # left by killed processes
                    shutil.rmtree(old, ignore_errors=True)
                _build(place, name, root, files, size)
                for old in folder.glob(f"{family}-*"):
                    if old != place:
                        shutil.rmtree(old, ignore_errors=True)
    except OSError as problem:
        needed = f"{len(files) * 3 * size * size / 1e9:.2f} GB"
        if problem.errno in FULL:
            raise ValueError(
                f"pixel cache {folder}: the disk is full, {needed} are needed; use another folder"
            ) from None
        raise ValueError(
            f"pixel cache {folder}: cannot be written ({problem.strerror or problem}); use another folder"
        ) from None
    return PixelCache(place)


def fingerprint(root: Path, files: Sequence[str], size: int) -> str:
    """Hash what the pixels depend on: path, size and time of change of the files, image size, decoder versions."""
    import PIL
    import torchvision

    lines = [f"format {FORMAT}, size {size}, Pillow {PIL.__version__}, torchvision {torchvision.__version__}"]
    for file in files:
        facts = os.stat(root / file)
        lines.append(f"{file}\0{facts.st_size}\0{facts.st_mtime_ns}")
    return _hash("\n".join(lines))[:16]


def _build(place: Path, name: str, root: Path, files: Sequence[str], size: int) -> None:
    from tqdm import tqdm

    if len(files) * 3 * size * size > shutil.disk_usage(place.parent).free:
        raise OSError(errno.ENOSPC, "disk full")
    hidden = place.with_name(f".{place.name}-{secrets.token_hex(4)}")
    try:
        hidden.mkdir()
        unreadable: dict[int, str] = {}
        # Written, not mapped: on a full disk a write raises, but access to a mapped page kills the process.
        with open(hidden / PIXELS, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (len(files), 3, size, size)}
            np.lib.format.write_array_header_1_0(file, header)
            images = decode_all([root / each for each in files], size)
            for row, pixels in enumerate(tqdm(images, f"{name}: decoding", len(files), unit=" images", disable=None)):
                if isinstance(pixels, str):
                    unreadable[row] = pixels
                    pixels = torch.zeros(3, size, size, dtype=torch.uint8)
                file.write(pixels.numpy().data)
            file.flush()
            os.fsync(file.fileno())
        (hidden / FACTS).write_text(json.dumps(unreadable), encoding="utf-8")
        os.rename(hidden, place)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)  # no longer exists if it was renamed


def _opened(place: Path) -> PixelCache | None:
    """Return the cache, or None if it is missing or damaged."""
    try:
        return PixelCache(place)
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def _lock(path: Path, name: str) -> Iterator[None]:
    """Hold a lock that ends with the process; on systems without locks, renaming alone keeps caches complete."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(path, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name}: waiting for another process that builds this pixel cache", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
