"""The lab: `python dml.py` mines, trains and validates with the functions of that file.

Every epoch mines negatives, trains, and measures P@1 on the validation classes; the best epoch's weights are kept and
looked at once on the test classes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.utils.data import DataLoader

from assignment import backbones, manifest, retrieval, todo
from assignment.checking.load import LoadError, load_module
from assignment.datasets import fashion_mnist
from assignment.datasets.split import Split


@dataclass
class Data:
    """What a run needs.

    Attributes:
        train, val, test: splits without a common class.
        mixed: queries also meet the images of the earlier splits' classes, not only those of their own split.
        transform: random augmentation of a training image. note: what the user should know about the data.
    """

    train: Split
    val: Split
    test: Split
    mixed: bool = False
    transform: Callable[[Tensor], Tensor] | None = None
    note: str = ""


DEFAULTS: dict[str, dict[str, Any]] = {
    "sample": {"backbone": "small_resnet", "lr": 5e-4, "epochs": 10, "batch_size": 32, "margin": 0.2},
    "fashion-mnist": {"backbone": "small_resnet", "lr": 5e-4, "epochs": 10, "batch_size": 64, "margin": 0.2},
    "cub": {"backbone": "resnet18", "lr": 1e-5, "epochs": 10, "batch_size": 32, "margin": 0.1, "images_per_class": 20},
}


def main(dml_path: str | Path, arguments: list[str] | None = None) -> None:
    """Print what is still to do in the file, or train with it if nothing is; errors are one line and exit status 2."""
    options = parse(arguments)
    try:
        if todo.remaining(dml_path):
            todo.print_list(dml_path)
            return
        run(load_module(dml_path), options, Console(highlight=False))
    except (LoadError, ValueError, OSError) as problem:
        print(f"{Path(dml_path).name}: {problem}", file=sys.stderr)
        sys.exit(2)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; options left out take the data set's default."""
    parser = argparse.ArgumentParser(description="Train with the functions of this file and watch P@1 on new classes.")
    parser.add_argument("--data", choices=list(DEFAULTS), default="sample", help="data set (default: embedded sample)")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--backbone", choices=list(backbones.BACKBONES))
    parser.add_argument("--weights", type=Path, help="file with the backbone's state_dict; without it random ones")
    parser.add_argument("--pooling", choices=["mac", "spoc", "gem"], default="mac")
    parser.add_argument("--margin", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--lr", type=float, help="of AdamW")
    parser.add_argument("--batch-size", type=int, help="triplets in a batch")
    parser.add_argument("--images-per-class", type=int, help="the first so many of each training class")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/lab"), help="folder for the best weights")
    options = parser.parse_args(arguments)
    for name, value in {"images_per_class": None, **DEFAULTS[options.data]}.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    for name, least in {"epochs": 0, "batch_size": 1, "images_per_class": 2}.items():
        if getattr(options, name) is not None and getattr(options, name) < least:
            parser.error(f"--{name.replace('_', '-')} must be at least {least}")
    if options.data != "sample" and options.root is None:
        parser.error(f"--data {options.data} needs --root, the folder of the data set")
    return options


def load_data(options: argparse.Namespace) -> Data:
    """Read the data set that was asked for."""
    if options.data == "cub":
        from assignment.datasets import cub  # torchvision costs seconds, the sample does not need it

        birds, note = cub.load(options.root, options.images_per_class)
        return Data(birds["train"], birds["val"], birds["test"], transform=cub.augmentation(), note=note)
    splits = fashion_mnist.sample() if options.data == "sample" else fashion_mnist.load(options.root)
    train = splits["train"].first_of_each(options.images_per_class) if options.images_per_class else splits["train"]
    return Data(train, splits["val"], splits["test"], mixed=True)  # Shirt has to be told from T-shirt and Coat


def build_model(dml: Any, options: argparse.Namespace, data: Data, device: torch.device) -> nn.Module:
    """The student's extractor around the backbone that was asked for."""
    torch.manual_seed(options.seed)
    network = backbones.build(options.backbone)
    if options.weights:
        backbones.load_weights(network, options.weights)
    else:
        backbones.settle_batchnorm(network, torch.stack([data.train[i] for i in range(0, len(data.train), 8)][:256]))
    pooling = {"gem": True} if options.pooling == "gem" else {"usemax": options.pooling == "mac"}
    return named(dml, "GDextractor")(network, backbones.channels(network), **pooling).to(device)


def named(dml: Any, name: str) -> Any:
    """What the file calls `name`, by one of its aliases if need be."""
    for candidate in (name, *manifest.load().aliases.get(name, ())):
        if hasattr(dml, candidate):
            return getattr(dml, candidate)
    raise ValueError(f"the file has no `{name}`")


@torch.no_grad()
def describe(model: nn.Module, split: Any, device: torch.device) -> Tensor:
    """Descriptors (N, dim) of a whole split, on the CPU, with the model in eval mode."""
    model.eval()
    return torch.cat([model(images.to(device)).cpu() for images in DataLoader(split, batch_size=128)])


def p_at_1(model: nn.Module, part: str, data: Data, device: torch.device) -> float:
    """P@1 of the "val" or "test" split: each image asks all others (if mixed, those of the earlier splits, too)."""
    splits = [getattr(data, part)]
    if data.mixed:
        splits += [data.train] if part == "val" else [data.train, data.val]
    gallery = torch.cat([describe(model, split, device) for split in splits])
    labels = np.concatenate([split.labels for split in splits])
    n = len(splits[0])
    return retrieval.evaluate(gallery[:n], labels[:n], gallery, labels, own=np.arange(n)).precision[1]


def run(dml: Any, options: argparse.Namespace, console: Console) -> dict[str, float]:
    """Train, keep the best epoch, print a table; return P@1 on validation and test classes, before and after."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = load_data(options)
    sizes = ", ".join(
        f"{part} {len(split)} images of {len(np.unique(split.labels))} classes"
        for part, split in (("training", data.train), ("validation", data.val), ("test", data.test))
    )
    console.print(
        *filter(None, [data.note, sizes, f"{options.backbone}, {options.pooling}, {device}"]), sep="\n", soft_wrap=True
    )
    options.out.mkdir(parents=True, exist_ok=True)
    best = options.out / "best.pt"

    model = build_model(dml, options, data, device)
    test_before, val_before = p_at_1(model, "test", data, device), p_at_1(model, "val", data, device)
    torch.save(model.state_dict(), best)
    best_epoch, best_val = 0, val_before
    console.print(f"epoch {0:3}   P@1 {val_before:.3f} (not trained)")

    triplets = named(dml, "CUBtriplet")(data.train, data.transform)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr)
    for epoch in range(1, options.epochs + 1):
        triplets.minehard(model)
        loader = DataLoader(triplets, batch_size=options.batch_size, shuffle=True)
        loss = named(dml, "train")(model, loader, optimizer, options.margin)
        val = p_at_1(model, "val", data, device)
        if val > best_val:
            best_epoch, best_val = epoch, val
            torch.save(model.state_dict(), best)
        console.print(f"epoch {epoch:3}   P@1 {val:.3f}   loss {loss:.4f}{'   best' * (best_epoch == epoch)}")

    model.load_state_dict(torch.load(best, map_location=device, weights_only=True))
    result = {
        "val_before": val_before,
        "val_after": best_val,
        "test_before": test_before,
        "test_after": p_at_1(model, "test", data, device),
    }
    table = Table("P@1", "before", f"epoch {best_epoch}")
    for part, words in (("val", "validation classes"), ("test", "test classes")):
        table.add_row(words, f"{result[f'{part}_before']:.3f}", f"{result[f'{part}_after']:.3f}")
    console.print(table)
    console.print(f"weights of epoch {best_epoch}: {best}")
    return result
