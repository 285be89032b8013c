"""Draw a synthetic set in the layout of Stanford Online Products: coloured shapes, twelve kinds, two lists of classes.

    python -m data_scripts.make_sop_like FOLDER --classes 240 --images 6

Results on it show that the program runs and say nothing about products: label them "generated, not SOP". A class is a
shape of its kind with two colours and a slant; its images differ in position, size, brightness, background and noise.
The same arguments always give the same images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from assignment.datasets.sop import GENERATED

KINDS = "bicycle cabinet chair coffee_maker fan kettle lamp mug sofa stapler table toaster".split()
COLUMNS = "image_id class_id super_class_id path"


def make(folder: Path, classes: int = 240, images: int = 6, side: int = 96, seed: int = 0) -> None:
    """Write the set.

    Args:
        folder: the set's folder. classes: number of classes, at least 24; the first half is for training, as in the
            original. images: number per class. side: height and width of the images in pixels.

    Raises:
        ValueError: fewer than 24 classes, too few for every part.
    """
    if classes < 24:
        raise ValueError(f"{classes} classes: too few for every part; use at least 24")
    rng = np.random.default_rng(seed)
    lists: dict[str, list[str]] = {"train": [COLUMNS], "test": [COLUMNS]}
    number = 0
    for label in range(classes):
        kind = label % len(KINDS)
        place = f"{KINDS[kind]}_final"
        (folder / place).mkdir(parents=True, exist_ok=True)
        colours, slant = rng.uniform(0, 255, (2, 3)), rng.uniform(-0.6, 0.6)
        for i in range(images):
            number += 1
            path = f"{place}/{100_000 + label}_{i}.JPG"
            picture = draw(kind, colours, slant, side, rng)
            Image.fromarray(picture).save(folder / path, "JPEG", quality=90)
            lists["train" if label < classes // 2 else "test"].append(f"{number} {label + 1} {kind + 1} {path}")
    for part, lines in lists.items():
        (folder / f"Ebay_{part}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / GENERATED).write_text(f"generated, not SOP: {classes * images:,} images of {classes} classes\n", "utf-8")


def draw(kind: int, colours: np.ndarray, slant: float, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return one image (side, side, 3) uint8: a shape with `kind` + 2 lobes and a second colour inside."""
    across, down = rng.uniform(-0.3, 0.3, 2)
    size, light = rng.uniform(0.45, 0.75), rng.uniform(0.7, 1.1)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    x, y = x - across + slant * (y - down), y - down
    edge = size * (1 + 0.35 * np.cos((kind + 2) * np.arctan2(y, x)))
    distance = np.hypot(x, y)
    picture = np.broadcast_to(rng.uniform(160, 255, 3), (side, side, 3)).copy()
    picture[distance < edge] = colours[0]
    picture[distance < 0.5 * edge] = colours[1]
    return (light * picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the set; created if it does not exist.")],
    classes: Annotated[int, typer.Option(min=24, help="Number of classes; half of them are for training.")] = 240,
    images: Annotated[int, typer.Option(min=2, help="Images per class.")] = 6,
    side: Annotated[int, typer.Option(min=16, help="Height and width in pixels.")] = 96,
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
) -> None:
    """Draw a synthetic set in the layout of Stanford Online Products."""
    make(folder, classes, images, side, seed)
    print(f"{folder}: {(folder / GENERATED).read_text('utf-8').strip()}")


if __name__ == "__main__":
    typer.run(main)
