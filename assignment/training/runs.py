"""The folder of a run: settings, versions, one row of figures an epoch, weights, the final evaluation.

config.toml · versions.json · history.csv · tensorboard/ · best.pt · last.pt · evaluation.json · figures/ · index.html
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from assignment.training import config as settings
from assignment.training.config import Config
from assignment.training.files import write_text

COLUMNS = ("epoch", "lr", "loss", "P@1", "mAP", "gradient", "mine_s", "train_s", "validate_s")
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pillow")
# What may change when a run goes on: where things are and how many hands do the work, not what is computed.
FREE = ("root", "cache", "workers", "threads", "patience")


def fresh(base: Path) -> Path:
    """`base`, or the first of base-2, base-3, … in which no run has begun yet."""
    number, folder = 1, base
    while (folder / "config.toml").exists():
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return folder


def check(out: Path, config: Config, resume: bool) -> None:
    """See whether a run may begin in the folder, or go on there.

    Raises:
        ValueError: the folder holds a run already; with `resume`: it holds none, or one with other settings.
    """
    written = out / "config.toml"
    if resume:
        _same_settings(written, config)
    elif written.with_name("last.pt").exists():  # one that was killed before has nothing to lose
        raise ValueError(f"{out} holds a run already: use --resume to go on with it, or another --out")


def begin(out: Path, config: Config, file: str) -> None:
    """Make the folder of a run and write down its settings and versions; `file` is the dml.py.

    Raises:
        ValueError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "versions.json", json.dumps(versions(config, file), indent=2, ensure_ascii=False) + "\n")
        write_text(out / "config.toml", settings.to_toml(config))
    except OSError as problem:
        raise ValueError(f"{out} cannot be written: {problem.strerror}") from None


def _same_settings(written: Path, config: Config) -> None:
    if not written.exists() or not written.with_name("last.pt").exists():
        raise ValueError(f"{written.parent} holds no run to resume; leave --resume out")
    before, now = asdict(settings.from_values(settings.read(written), f"recipe {written}")), asdict(config)
    free = FREE if "cosine" in config.schedule else (*FREE, "epochs")  # more epochs would bend a cosine
    changed = [name for name in now if now[name] != before[name] and name not in free]
    if changed:
        name = changed[0]
        raise ValueError(
            f"{written.parent} was run with {name} = {before[name]!r}, not {now[name]!r}; use another --out for that"
        )


def go_on(out: Path, config: Config, rows: Sequence[dict[str, float]]) -> None:
    """Get the folder ready for a resumed run: its settings by now, and the history up to the checkpoint."""
    write_text(out / "config.toml", settings.to_toml(config))
    write_history(out, rows)  # the run may have been killed between a row and its checkpoint


def write_history(out: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write history.csv anew."""
    with open(out / "history.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def append_history(out: Path, row: dict[str, float]) -> None:
    """Add one epoch to history.csv."""
    with open(out / "history.csv", "a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore").writerow(row)


def versions(config: Config, file: str) -> dict[str, Any]:
    """With what a run was made: libraries, machine, seed, state of the repository, hash of the dml.py, date."""
    found: dict[str, str | None] = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    cuda = torch.cuda.is_available()
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **found,
        "seed": config.seed,
        "machine": f"{platform.system()} {platform.machine()}, {cores()} cores",
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "git": git_state(),
        "dml": {"file": Path(file).name, "sha256": _sha256(file)},
    }


def read_versions(out: Path) -> dict[str, Any]:
    """What `versions` wrote into a run's folder; {} where that is gone or damaged, which no run needs to fail for."""
    try:
        known = json.loads((out / "versions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def changed_since(known: dict[str, Any], file: str) -> bool:
    """Whether the dml.py is another one than a run's versions know; False where they know none."""
    before = (known.get("dml") or {}).get("sha256")
    return bool(before) and before != _sha256(file)


def _sha256(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def git_state() -> dict[str, Any] | None:
    """Commit of the repository this file is in, and whether something in it was changed since; None outside one."""
    try:
        asked: dict[str, Any] = {"cwd": Path(__file__).parent, "capture_output": True, "text": True, "timeout": 10}
        commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, **asked).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], check=True, **asked).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": bool(changed)}


class Board:
    """TensorBoard's log of a run, if tensorboard is installed; otherwise nothing is logged there."""

    def __init__(self, out: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # costs a second or two
        except ImportError:
            self.writer = None
        else:
            self.writer = SummaryWriter(str(out / "tensorboard"))

    def add(self, row: dict[str, float]) -> None:
        """Log one epoch's figures."""
        if self.writer is not None:
            for name, value in row.items():
                if name != "epoch":
                    self.writer.add_scalar(name, value, int(row["epoch"]))
            self.writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self.writer is not None:
            self.writer.close()
