"""The folder of a run: settings, versions, metrics of each epoch, weights, the final evaluation.

config.toml · versions.json · history.csv · tensorboard/ · best.pt · last.pt · evaluation.json · plots/ · index.html
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from assignment.cores import available_cores
from assignment.files import write_whole
from assignment.training import config as settings
from assignment.training.config import Config

COLUMNS = ("epoch", "lr", "loss", "P@1", "mAP", "gradient", "mine_s", "train_s", "validate_s")
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "scikit-learn", "pillow")
# Settings that may change when a run is resumed: paths and the number of processes, not what is computed.
FREE = ("root", "cache", "workers", "threads", "patience")


def fresh(base: Path) -> Path:
    """Return `base`, or the first of base-2, base-3, … without a run in it."""
    number, folder = 1, base
    while (folder / "config.toml").exists():
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return folder


def check(out: Path, config: Config, resume: bool) -> None:
    """Check that a run may begin in the folder or be resumed there.

    Raises:
        ValueError: the folder already holds a run; with `resume`: it holds none, or one with other settings.
    """
    written = out / "config.toml"
    if resume:
        _same_settings(written, config)
    elif written.with_name("last.pt").exists():  # a run killed before its first checkpoint may be overwritten
        raise ValueError(f"{out}: already holds a run; use --resume to continue it, or another --out")


def begin(out: Path, config: Config, file: str) -> None:
    """Create the folder of a run and write its settings and versions; `file` is the dml.py.

    Raises:
        ValueError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_whole(out / "versions.json", json.dumps(versions(config, file), indent=2, ensure_ascii=False) + "\n")
        write_whole(out / "config.toml", settings.to_toml(config))
    except OSError as problem:
        raise ValueError(f"{out}: cannot be written ({problem.strerror}); use another --out") from None


def _same_settings(written: Path, config: Config) -> None:
    if not written.exists() or not written.with_name("last.pt").exists():
        raise ValueError(f"{written.parent}: holds no run to resume; omit --resume")
    before, now = asdict(settings.from_values(settings.read(written), f"recipe {written}")), asdict(config)
    free = FREE if "cosine" in config.schedule else (*FREE, "epochs")  # a cosine depends on the number of epochs
    changed = [name for name in now if now[name] != before[name] and name not in free]
    if changed:
        name = changed[0]
        raise ValueError(
            f"{written.parent}: was run with {name} = {before[name]!r}, not {now[name]!r}; use another --out"
        )


def resume(out: Path, config: Config, rows: Sequence[dict[str, float]]) -> None:
    """Update the folder of a resumed run: the present settings, and the history up to the checkpoint."""
    write_whole(out / "config.toml", settings.to_toml(config))
    write_history(out, rows)  # a killed run may have written a row without its checkpoint


def write_history(out: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write history.csv."""
    with open(out / "history.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def append_history(out: Path, row: dict[str, float]) -> None:
    """Append one epoch to history.csv."""
    with open(out / "history.csv", "a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore").writerow(row)


def versions(config: Config, file: str) -> dict[str, Any]:
    """Return what a run was made with: libraries, machine, seed, state of the repository, hash of the dml.py, date."""
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
        "machine": f"{platform.system()} {platform.machine()}, {available_cores()} cores",
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "git": git_state(),
        "dml": {"file": Path(file).name, "sha256": _sha256(file)},
    }


def read_versions(out: Path) -> dict[str, Any]:
    """Read the versions.json of a run; {} if it is missing or damaged."""
    try:
        found = json.loads((out / "versions.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def changed_since(versions: dict[str, Any], file: str) -> bool:
    """Whether the dml.py differs from the one in the versions of a run; False if they name none."""
    before = (versions.get("dml") or {}).get("sha256")
    return bool(before) and before != _sha256(file)


def _sha256(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


def git_state() -> dict[str, Any] | None:
    """Return the commit of the repository of this file, and whether tracked files have changed; None outside one."""
    try:
        options: dict[str, Any] = {"cwd": Path(__file__).parent, "capture_output": True, "text": True, "timeout": 10}
        commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, **options).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "-uno"], check=True, **options).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": bool(changed)}


class Board:
    """The TensorBoard log of a run; does nothing if tensorboard is not installed."""

    def __init__(self, out: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter  # takes a second or two to import
        except ImportError:
            self.writer = None
        else:
            self.writer = SummaryWriter(str(out / "tensorboard"))

    def add(self, row: dict[str, float]) -> None:
        """Log the metrics of one epoch."""
        if self.writer is not None:
            for name, value in row.items():
                if name != "epoch":
                    self.writer.add_scalar(name, value, int(row["epoch"]))
            self.writer.flush()

    def close(self) -> None:
        """Flush and close the log."""
        if self.writer is not None:
            self.writer.close()
