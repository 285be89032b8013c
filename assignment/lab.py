"""The lab: `python dml.py` lists the tasks still to do; if there are none, it trains with the functions of the file.

A short command line for `assignment.training.loop` with settings for each data set (`assignment.datasets.registry`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from assignment import todo
from assignment.checking.load import LoadError, load_module
from assignment.datasets.registry import SAMPLE, SETS
from assignment.training import config


def main(dml_path: str | Path, arguments: list[str] | None = None) -> None:
    """Print the tasks still to do in the file, or train if there are none; errors are one line and exit status 2."""
    options = parse(arguments)
    try:
        if todo.remaining(dml_path):
            todo.print_list(dml_path)
            return
        from assignment.training import loop, runs  # take seconds to import, and the list does not need them

        out = options.pop("out") or runs.fresh(Path("out/lab"))
        resume = options.pop("resume")
        settings = config.from_values({**SETS[options["data"]].settings, **options}, "options")
        loop.train_run(load_module(dml_path), settings, out, Console(highlight=False), resume)
    except (LoadError, ValueError, OSError) as problem:
        print(f"{Path(dml_path).name}: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(f"stopped; to continue, add: --resume --out {out}", file=sys.stderr)
        sys.exit(130)


def parse(arguments: list[str] | None = None) -> dict[str, Any]:
    """Read the command line: the settings that were given, and "out" and "resume"."""
    parser = argparse.ArgumentParser(
        description="Train with the functions of this file and watch P@1 on unseen classes.",
        epilog="More settings: python -m assignment train --help",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--data", choices=list(SETS), default=SAMPLE.name, help="data set (default: embedded sample)")
    parser.add_argument("--root", help="folder of the data set (default: that of data_scripts)")
    parser.add_argument("--backbone", choices=list(config.BACKBONES))
    parser.add_argument("--weights", help="file with the state_dict of the backbone (default: random weights)")
    parser.add_argument("--pooling", choices=["mac", "spoc", "gem"])
    parser.add_argument("--margin", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--lr", type=float, help="learning rate of AdamW")
    parser.add_argument("--batch-size", type=int, help="number of triplets in a batch")
    parser.add_argument("--images-per-class", type=int, help="number of images of each training class, the first ones")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--out", type=Path, default=None, help="folder of the run (default: out/lab, out/lab-2, …)")
    parser.add_argument("--resume", action="store_true", default=False, help="continue the run in --out")
    return vars(parser.parse_args(arguments))
