"""The lab: `python dml.py` lists what is still to do; once nothing is, it trains with the functions of that file.

A short command line for the loop of `assignment.training.loop`, with settings that suit each data set.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from assignment import todo
from assignment.checking.load import LoadError, load_module
from assignment.training import config

DEFAULTS: dict[str, dict[str, Any]] = {
    # Chosen on the validation classes among nine: a minute on two cores.
    "sample": {"backbone": "small_resnet", "lr": 2e-3, "schedule": "cosine", "epochs": 12, "margin": 0.2},
    "fashion-mnist": {"backbone": "small_resnet", "lr": 5e-4, "epochs": 10, "batch_size": 64, "margin": 0.2},
    "cub": {"backbone": "resnet18", "lr": 1e-5, "epochs": 10, "batch_size": 32, "margin": 0.1, "images_per_class": 20},
    "pets": {"backbone": "resnet18", "lr": 1e-5, "epochs": 10, "batch_size": 32, "margin": 0.1},
    "sop": {"backbone": "resnet18", "lr": 1e-5, "epochs": 10, "batch_size": 32, "margin": 0.1},
}


def main(dml_path: str | Path, arguments: list[str] | None = None) -> None:
    """Print what is still to do in the file, or train with it if nothing is; errors are one line and exit status 2."""
    options = parse(arguments)
    try:
        if todo.remaining(dml_path):
            todo.print_list(dml_path)
            return
        from assignment.training import loop, runs  # the list needs neither of them, nor the seconds they cost

        out = options.pop("out") or runs.fresh(Path("out/lab"))
        resume = options.pop("resume")
        settings = config.from_values({**DEFAULTS[options["data"]], **options}, "options")
        loop.train_run(load_module(dml_path), settings, out, Console(highlight=False), resume)
    except (LoadError, ValueError, OSError) as problem:
        print(f"{Path(dml_path).name}: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"stopped; to go on, add: --resume --out {out}", file=sys.stderr)
        sys.exit(130)


def parse(arguments: list[str] | None = None) -> dict[str, Any]:
    """Read the command line: the settings that were given, and "out" and "resume"; the rest is the data set's."""
    parser = argparse.ArgumentParser(
        description="Train with the functions of this file and watch P@1 on new classes.",
        epilog="More settings: python -m assignment train --help",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--data", choices=list(DEFAULTS), default="sample", help="data set (default: embedded sample)")
    parser.add_argument("--root", help="folder of the data set (default: where data_scripts put it)")
    parser.add_argument("--backbone", choices=list(config.BACKBONES))
    parser.add_argument("--weights", help="file with the backbone's state_dict; without it random ones")
    parser.add_argument("--pooling", choices=["mac", "spoc", "gem"])
    parser.add_argument("--margin", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--lr", type=float, help="of AdamW")
    parser.add_argument("--batch-size", type=int, help="triplets in a batch")
    parser.add_argument("--images-per-class", type=int, help="the first so many of each training class")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", type=Path, default=None, help="folder of the run (default: a new one, out/lab…)")
    parser.add_argument("--resume", action="store_true", default=False, help="go on with the run in --out")
    return vars(parser.parse_args(arguments))
