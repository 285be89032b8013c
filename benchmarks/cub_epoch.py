"""Compare one epoch of the CUB lab (mine, train, validate) with the pipeline that the lab sheet describes.

The lab sheet's pipeline is implemented here: mining opens every image with PIL, applies the *training* transform,
passes it through the network alone, computes `cdist` of all descriptors and walks along each anchor's `argsort`;
training passes the three images of a triplet through the network one after the other; validation also goes image by
image. Both use float32, the same cores or GPU, and the same weights. Only ratios within one run are comparable. Writes
cub_epoch.cpu.md or cub_epoch.cuda.md.

Usage: python -m benchmarks.cub_epoch --root CUB_FOLDER --backbone NAME --weights FILE [--images-per-class N] [--runs N]
"""

from __future__ import annotations

import platform
import random
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from assignment.checking.load import load_module
from assignment.cores import available_cores
from assignment.training import loop, preparing
from assignment.training import model as models
from assignment.training.config import Config
from assignment.training.distributed import Group
from benchmarks.cub_options import parser_for
from solution import dml

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TABLE = Path(__file__).with_name(f"cub_epoch.{DEVICE.type}.md")
REFERENCE = Path(str(dml.__file__))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STAGES = ("mine", "train", "validate")


@dataclass
class Measured:
    """Seconds of each stage of an epoch, and P@1 on the validation classes after it."""

    seconds: dict[str, float] = field(default_factory=dict)
    p_at_1: float = 0.0

    @property
    def total(self) -> float:
        """Seconds of the whole epoch."""
        return sum(self.seconds.values())


class SheetTriplets(Dataset):
    """Triplets read with PIL at every access."""

    def __init__(self, paths: list[Path], labels: np.ndarray, transform: Any) -> None:
        self.paths, self.labels, self.transform = paths, labels, transform
        self.hardneg = [0] * len(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, i: int) -> Tensor:
        with Image.open(self.paths[i]) as image:
            return self.transform(image.convert("RGB"))

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        positives = [j for j in np.flatnonzero(self.labels == self.labels[i]) if j != i]
        return self.read(i), self.read(int(random.choice(positives))), self.read(self.hardneg[i])

    def mine(self, model: nn.Module) -> None:
        """Pass image by image through the network, then walk along each sorted row."""
        model.eval()
        with torch.no_grad():
            rows = torch.cat([model(self.read(i)[None].to(DEVICE)) for i in range(len(self))])
        order = torch.argsort(torch.cdist(rows, rows), dim=1)
        for i in range(len(self)):
            others = [int(j) for j in order[i] if self.labels[int(j)] != self.labels[i]]
            self.hardneg[i] = random.choice(others[:30])


def sheet_epoch(config: Config, data: Any) -> Measured:
    """Run an epoch as the lab sheet describes it."""
    random.seed(config.seed)
    augment = transforms.Compose(
        [
            transforms.RandomResizedCrop(config.size, scale=(0.5, 1.0)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    plain = transforms.Compose(
        [
            transforms.Resize(config.size * 256 // 224),
            transforms.CenterCrop(config.size),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    model = models.untrained(dml, config, data).to(DEVICE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr)
    triplets = SheetTriplets(data.train.paths, data.train.labels, augment)
    found, start = Measured(), time.perf_counter()
    triplets.mine(model)
    found.seconds["mine"] = time.perf_counter() - start

    start = time.perf_counter()
    model.train()
    dml.freeze_batchnorm(model)
    for anchor, positive, negative in DataLoader(triplets, batch_size=config.batch_size, shuffle=True):
        a, p, n = (model(images.to(DEVICE)) for images in (anchor, positive, negative))
        near, far = (a - p).square().sum(dim=1), (a - n).square().sum(dim=1)
        loss = dml.triplet_loss(near, far, config.margin).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found.seconds["train"] = time.perf_counter() - start

    start = time.perf_counter()
    model.eval()
    queries = SheetTriplets(data.val.queries.paths, data.val.queries.labels, plain)
    with torch.no_grad():
        rows = torch.cat([model(queries.read(i)[None].to(DEVICE)) for i in range(len(queries))])
    hits = 0
    for i in range(len(rows)):
        order = torch.argsort(torch.cdist(rows[i : i + 1], rows)[0])
        first = next(int(j) for j in order if int(j) != i)
        hits += bool(queries.labels[first] == queries.labels[i])
    found.seconds["validate"], found.p_at_1 = time.perf_counter() - start, hits / len(rows)
    return found


def our_epoch(config: Config, data: Any, cached: Any) -> Measured:
    """Run an epoch of the training loop, from the pixel cache."""
    with tempfile.TemporaryDirectory() as name:
        run = preparing.prepare(load_module(REFERENCE), config, Path(name), Console(quiet=True), Group(), cached)
        run.history.append({"epoch": 0})
        loop.one_epoch(run)
        row = run.history[-1]
    return Measured({stage: row[f"{stage}_s"] for stage in STAGES}, row["P@1"])


def table(config: Config, sheet: list[Measured], ours: list[Measured], images: int, validated: int) -> str:
    """The page: seconds of each stage, ratios, P@1."""
    names = ("pipeline of the lab sheet", "this training loop, from the cache")
    lines = [
        "# One epoch of the CUB lab",
        "",
        "Written by `python -m benchmarks.cub_epoch`; its docstring says what is measured. Medians of"
        f" {len(sheet)} run(s), {torch.get_num_threads()} thread(s), float32, {config.backbone} ({config.pooling}),"
        f" {images} training images, {validated} validation images.",
        "",
        f"| pipeline | {' | '.join(f'{stage}, s' for stage in STAGES)} | total, s | P@1 after, per seed |",
        "|---|---|---|---|---|---|",
    ]
    middle: dict[str, list[float]] = {}
    for name, runs in zip(names, (sheet, ours), strict=True):
        middle[name] = [float(np.median([run.seconds[stage] for run in runs])) for stage in STAGES]
        middle[name].append(float(np.median([run.total for run in runs])))
        cells = " | ".join(f"{seconds:.1f}" for seconds in middle[name])
        lines.append(f"| {name} | {cells} | {', '.join(f'{run.p_at_1:.3f}' for run in runs)} |")
    ratios = [a / b for a, b in zip(middle[names[0]], middle[names[1]], strict=True)]
    lines.append(f"| speed-up | {' | '.join(f'{ratio:.1f}' for ratio in ratios)} | |")
    lines += [
        "",
        f"{date.today()}, {platform.system()} {platform.machine()}, {DEVICE.type},"
        f" torch {torch.__version__.split('+')[0]}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure both and write the table."""
    parser = parser_for(__doc__)
    parser.add_argument("--images-per-class", type=int, default=20)
    parser.add_argument("--runs", type=int, default=1, help="epochs measured, each with its own seed")
    options = parser.parse_args()
    cores = available_cores()
    torch.set_num_threads(cores)
    sheet, ours = [], []
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(options.runs):
            config = Config(
                data="cub", root=options.root, backbone=options.backbone, weights=options.weights, seed=seed,
                images_per_class=options.images_per_class, loss="triplet", margin=0.1, lr=1e-5, batch_size=32,
                precision="float32", threads=cores,
            )  # fmt: skip
            files = preparing.load(config)
            cached = preparing.load(Config(**{**vars(config), "cache": cache}))
            ours.append(our_epoch(config, files, cached))
            sheet.append(sheet_epoch(config, files))
    text = table(config, sheet, ours, len(files.train), len(files.val.queries))
    TABLE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
