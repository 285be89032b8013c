"""Compare the pixel cache with PIL and transforms in images per second, on one core. Writes loader.md.

Both loaders feed the same batches through a DataLoader without workers. Only ratios within one run are comparable.

* files: open with PIL, resize, crop, normalise, image by image;
* files, augmented: also the random crop and flip of training;
* cache: memory-mapped pixels as whole batches;
* cache, augmented: image by image, because every image gets its own crop.

Usage: python -m benchmarks.loader --root FOLDER_OF_CUB [--images N] [--rounds N]
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from assignment import datasets
from assignment.datasets.split import Split, collate

TABLE = Path(__file__).with_name("loader.md")
BATCH = 32


class Augmented(Dataset):
    """A split whose images pass through a random augmentation, one by one."""

    def __init__(self, split: Split, augment: Callable[[Tensor], Tensor]) -> None:
        self.split, self.augment = split, augment

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> Tensor:
        return self.augment(self.split[i])


class First(Dataset):
    """The first n images of a split, as whole batches if the split supports them."""

    def __init__(self, split: Split, n: int) -> None:
        self.split, self.labels = split, split.labels[:n]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> Tensor:
        return self.split[i]

    def __getitems__(self, indices: list[int]) -> list[Tensor]:
        whole = getattr(self.split, "__getitems__", None)
        return whole(indices) if whole else [self.split[i] for i in indices]


def rate(images: Dataset, n: int, **options: Any) -> float:
    """Images per second over one pass."""
    start = time.perf_counter()
    seen = sum(len(batch) for batch in DataLoader(images, batch_size=BATCH, **options))
    if seen != n:
        raise ValueError(f"{seen} images came instead of {n}")
    return n / (time.perf_counter() - start)


def measure(root: Path, n: int, rounds: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return the best rate of each loader, and facts about the run."""
    with tempfile.TemporaryDirectory() as folder:
        plain = datasets.load("cub", root)
        start = time.perf_counter()
        cached = datasets.load("cub", root, cache=folder)
        building = time.perf_counter() - start
        n = min(n, len(plain.train))
        files, pixels = First(plain.train, n), First(cached.train, n)
        augment = plain.augment or (lambda image: image)
        loaders: dict[str, Callable[[], float]] = {
            "files: PIL and transforms": lambda: rate(files, n),
            "cache": lambda: rate(pixels, n, collate_fn=collate),
            "files, augmented": lambda: rate(Augmented(files, augment), n),
            "cache, augmented": lambda: rate(Augmented(pixels, augment), n),
        }
        differences = [(plain.train[i] - cached.train[i]).abs().max().item() for i in range(0, n, max(1, n // 50))]
        rates = dict.fromkeys(loaders, 0.0)
        for _ in range(rounds):
            for name, run in loaders.items():  # in turn, so that other load affects all of them
                rates[name] = max(rates[name], run())
        note = plain.note or "cub, whole"
        facts = {
            "images": f"{n:,} of {note}",
            "difference": f"{max(differences):.1g}",
            "building": f"{building:.1f} s",
        }
    return rates, facts


def table(rates: dict[str, float], facts: dict[str, str], rounds: int) -> str:
    """Return the page."""
    plain, augmented = rates["files: PIL and transforms"], rates["files, augmented"]
    rows = [
        f"| {name} | {value:,.0f} | {value / (augmented if name.endswith('augmented') else plain):.1f} |"
        for name, value in rates.items()
    ]
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    return "\n".join(
        [
            "# Speed of the pixel cache",
            "",
            f"Written by `python -m benchmarks.loader`: the best of {rounds} rounds on one core, batches of {BATCH}",
            "images of 224 × 224, no workers. Compare the ratios; rates depend on the machine.",
            "",
            "| loader | images per second | relative to files |",
            "|---|---|---|",
            *rows,
            "",
            f"Images: {facts['images']}.",
            f"The cache was built once in {facts['building']}; its images differ from those of the files by at most"
            f" {facts['difference']}.",
            "",
            f"{date.today()}, {machine}.",
            "",
        ]
    )


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description="Images per second from the pixel cache and from files.")
    parser.add_argument("--root", type=Path, help="folder of CUB-200-2011 (default: data/CUB_200_2011)")
    parser.add_argument("--images", type=int, default=600, help="images per pass")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        rates, facts = measure(options.root, options.images, options.rounds)
    except (datasets.DataMissing, ValueError) as problem:
        sys.exit(str(problem))
    text = table(rates, facts, options.rounds)
    TABLE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
