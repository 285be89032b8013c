"""Compare an epoch of the CUB lab with the limit of the device: images per second, stage by stage.

The training loop mines, trains and validates as in every run, from the pixel cache, after one warm-up epoch. The limit
of the device is the same network on one batch that is already on the device: forward, backward and an optimiser step
for training, forward only for mining and validation. The limit of the loader is an epoch's triplets, loaded and
discarded. Only ratios within one run are comparable. Writes device_limit.cuda.md, or device_limit.cpu.md where there
is no GPU: there a batch goes through the layers in parts, and the page also has the rate of whole batches.

Usage: python -m benchmarks.device_limit --root CUB_FOLDER [--backbone NAME] [--weights FILE] [--workers N] [--epochs N]
"""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch.utils.data import DataLoader

from assignment.checking.load import load_module
from assignment.cores import available_cores
from assignment.training import config as settings
from assignment.training import loop, precision, preparing, sampling
from assignment.training.config import Config
from assignment.training.distributed import Group
from assignment.training.preparing import Run
from benchmarks.cub_options import parser_for
from solution import catalogue, dml

FOLDER = Path(__file__).parent
STAGES = ("mine", "train", "validate")
MINED = 128  # images in a batch of the reference's mining
REPEATS = {"cuda": 60, "cpu": 2}


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rate_of(step: Callable[[], None], images: int, device: torch.device) -> float:
    """Images per second of a repeated step, after as many repetitions for warm-up."""
    for _ in range(REPEATS[device.type]):
        step()
    synchronise(device)
    start = time.perf_counter()
    for _ in range(REPEATS[device.type]):
        step()
    synchronise(device)
    return images * REPEATS[device.type] / (time.perf_counter() - start)


def forward_rate(run: Run, images: int) -> float:
    """Images per second, forward only, in eval mode."""
    batch = torch.randn(images, 3, run.config.size, run.config.size).to(run.network.device)
    run.network.eval()

    def step() -> None:
        with torch.inference_mode():
            run.network(batch)

    return rate_of(step, images, run.network.device)


def training_rate(run: Run) -> float:
    """Images per second, forward and backward of a batch of triplets and an optimiser step."""
    images = 3 * run.config.batch_size
    batch = torch.randn(images, 3, run.config.size, run.config.size).to(run.network.device)
    run.network.train()
    dml.freeze_batchnorm(run.network)
    optimizer = preparing.make_optimizer(run.config, run.network, None)

    def step() -> None:
        anchor, positive, negative = run.network(batch).chunk(3)
        near, far = dml.paired_distances(anchor, positive), dml.paired_distances(anchor, negative)
        optimizer.zero_grad()
        dml.triplet_loss(near, far, run.config.margin).mean().backward()
        optimizer.step()

    return rate_of(step, images, run.network.device)


def whole_batch_rate(run: Run) -> float:
    """Like `training_rate`, but all images of the batch go through the layers together."""
    parts, precision.PIXELS = precision.PIXELS, 2**62
    try:
        return training_rate(run)
    finally:
        precision.PIXELS = parts


def planned(run: Run) -> list[sampling.Batch]:
    """The batches of an epoch."""
    return sampling.plan(run.config, np.asarray(run.data.train.labels), torch.Generator().manual_seed(0))


def loader_rate(run: Run) -> float:
    """Images per second that the loader yields when they are discarded."""
    batches = planned(run)
    loader: DataLoader = DataLoader(
        sampling.Triplets(run.triplets),
        batch_sampler=batches,
        num_workers=run.workers,
        multiprocessing_context="fork" if run.workers else None,
    )
    start = time.perf_counter()
    images = sum(3 * len(anchors) for anchors, _, _ in loader)
    return images / (time.perf_counter() - start)


def measure(config: Config, epochs: int) -> str:
    """Measure everything and return the page."""
    with tempfile.TemporaryDirectory() as name:
        run = preparing.prepare(load_module(Path(str(dml.__file__))), config, Path(name), Console(quiet=True), Group())
        run.history.append({"epoch": 0})
        for _ in range(1 + epochs):
            loop.one_epoch(run)
        rows = run.history[-epochs:]
        triplets = sum(len(batch) for batch in planned(run))
        images = {"mine": len(run.data.train), "train": 3 * triplets, "validate": len(run.data.val.queries)}
        loader = loader_rate(run)  # before the other limits, because it forks
        limits = {"mine": forward_rate(run, MINED), "train": training_rate(run)}
        limits["validate"] = forward_rate(run, loop.VALIDATION_BATCH)
        whole = whole_batch_rate(run) if run.network.device.type == "cpu" else None
        device, dtype = run.network.device, run.network.dtype or torch.float32
        workers = run.workers
    seconds = {stage: float(np.median([row[f"{stage}_s"] for row in rows])) for stage in STAGES}
    called = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU ({platform.machine()})"
    lines = [
        "# An epoch of the CUB lab compared with the limit of the device",
        "",
        "Written by `python -m benchmarks.device_limit`; its docstring says what is measured.",
        f"{called}, {available_cores()} cores, {workers} loader processes, {str(dtype).removeprefix('torch.')},",
        f"{config.backbone} ({config.pooling}), batches of {config.batch_size} triplets, medians of {epochs} epochs.",
        "",
        "| stage | images | seconds | images/s | images/s of the device alone | ratio |",
        "|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        rate = images[stage] / seconds[stage]
        lines.append(
            f"| {stage} | {images[stage]:,} | {seconds[stage]:.2f} | {rate:,.0f} | {limits[stage]:,.0f} |"
            f" {rate / limits[stage]:.2f} |"
        )
    lines += [
        f"| epoch | | {sum(seconds.values()):.2f} | | | |",
        "",
        f"The loader alone, augmentation included: {loader:,.0f} images/s.",
        *([f"Whole batches, not split into parts: {whole:,.0f} images/s in training."] if whole else []),
        "",
        f"{date.today()}, {platform.system()}, torch {torch.__version__.split('+')[0]}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write the page."""
    parser = parser_for(__doc__)
    parser.add_argument("--workers", type=int, default=0, help="processes that load images")
    parser.add_argument("--epochs", type=int, default=3, help="epochs measured, after one for warm-up")
    options = parser.parse_args()
    asked = {"root": options.root, "backbone": options.backbone, "weights": options.weights}
    with tempfile.TemporaryDirectory() as cache:
        changed = {**asked, "workers": str(options.workers), "cache": cache}
        text = measure(settings.resolve(catalogue.find("cub-lab").path, changed), options.epochs)
    kind = "cuda" if torch.cuda.is_available() else "cpu"
    (FOLDER / f"device_limit.{kind}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
