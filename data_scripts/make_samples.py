"""Draw the two embedded samples of FashionMNIST.

    python -m data_scripts.make_samples FOLDER

FOLDER contains the four official files (gzip or plain IDX). The public sample is drawn from the training archive and
the hidden one from the test archive, so they share no image. The same FOLDER always gives the same bytes.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from assignment.datasets.fashion_mnist import CLASSES, DataMissing, read

SEED = 20260
PER_CLASS = 200
REPOSITORY = Path(__file__).resolve().parent.parent
TARGETS = {
    "train": REPOSITORY / "assignment" / "datasets" / "fashion_sample.npz",
    "test": REPOSITORY / "autograder" / "hidden_tests" / "fashion_hidden.npz",
}


def draw(labels: np.ndarray, per_class: int, rng: np.random.Generator) -> np.ndarray:
    """Return indices of `per_class` random images of each class, in the archive's order."""
    classes = range(len(CLASSES))
    return np.sort(np.concatenate([rng.choice(np.flatnonzero(labels == c), per_class, replace=False) for c in classes]))


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a compressed .npz without timestamps (those that numpy writes contain the time of writing)."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, buffer.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)


def main() -> None:
    """Draw both samples and print what was written."""
    parser = argparse.ArgumentParser(description="Draw the two embedded samples of FashionMNIST.")
    parser.add_argument("folder", type=Path, help="folder with the official IDX files")
    folder = parser.parse_args().folder
    for number, (part, path) in enumerate(TARGETS.items()):
        try:
            images, labels = read(folder, part)
        except DataMissing as problem:
            sys.exit(str(problem))
        chosen = draw(labels, PER_CLASS, np.random.default_rng(SEED + number))
        write_npz(path, {"images": images[chosen], "labels": labels[chosen]})
        print(f"{path.relative_to(REPOSITORY)}: {len(chosen)} images, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
