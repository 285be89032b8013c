"""Checkpoints: dictionaries of numbers, tensors and text, written whole or not at all, read without running code.

`best.pt` holds {"model", "config", "epoch", "monitor", "format"}; `last.pt` also what a resumed run needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assignment.training.config import Config, from_values
from assignment.training.files import read_numbers, replacing

FORMAT = 1  # raised when a reader of today could not read a file of tomorrow


def save(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint beside its place and move it there: a run killed now leaves the earlier file whole.

    Raises:
        ValueError: the disk is full or the folder cannot be written.
    """
    try:
        with replacing(path) as file:
            torch.save({**state, "format": FORMAT}, file)
    except (OSError, RuntimeError) as problem:  # torch puts a message of its own over the system's
        cause: BaseException = problem
        while not isinstance(cause, OSError) and cause.__context__:
            cause = cause.__context__
        reason = getattr(cause, "strerror", None) or " ".join(str(problem).split())[:200]
        raise ValueError(f"{path} cannot be written ({reason}); the earlier file is intact") from None


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU; only numbers, tensors and text, never code.

    Raises:
        ValueError: no such file, truncated, a pickle with other things in it, or no checkpoint of this program.
    """
    try:
        state = read_numbers(path)
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(f"checkpoint {path}: there is no such file") from None
    except Exception:  # damaged files raise many kinds, and their texts are pages long
        raise ValueError(
            f"checkpoint {path}: damaged, or a pickle that is not safe to read; use a best.pt or last.pt of a run"
        ) from None
    kinds = {"model": dict, "config": dict, "epoch": int, "monitor": float, "format": int}
    if not isinstance(state, dict) or not all(isinstance(state.get(name), kind) for name, kind in kinds.items()):
        raise ValueError(f"checkpoint {path}: not a checkpoint of `train` (weights alone go into `weights`)")
    if state["format"] != FORMAT:
        raise ValueError(f"checkpoint {path}: its format is {state['format']}, this program reads {FORMAT}")
    return state


def config_of(state: Mapping[str, Any], path: str | Path) -> Config:
    """The settings of the run that wrote the checkpoint."""
    return from_values(state["config"], f"checkpoint {path}")


def load_model(model: nn.Module, state: Mapping[str, Any], path: str | Path) -> None:
    """Load a checkpoint's weights; ValueError in one line where they are another network's."""
    wanted, given = model.state_dict(), state["model"]
    advice = "was it made with another backbone, pooling, reduction or dml.py?"
    for name in sorted(wanted.keys() | given.keys()):
        if name not in given:
            raise ValueError(f"checkpoint {path}: '{name}' is missing; {advice}")
        if name not in wanted:
            raise ValueError(f"checkpoint {path}: this network has no '{name}'; {advice}")
        if not isinstance(given[name], Tensor) or given[name].shape != wanted[name].shape:
            found = tuple(getattr(given[name], "shape", ()))
            raise ValueError(f"checkpoint {path}: '{name}' is {found}, not {tuple(wanted[name].shape)}; {advice}")
    model.load_state_dict(given)
