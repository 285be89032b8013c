"""Checkpoints: dictionaries of numbers, tensors and text, written whole or not at all, read without running code.

`best.pt` holds {"model", "config", "epoch", "monitor", "format"}; `last.pt` also the state that `--resume` needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assignment.files import read_numbers, replacing
from assignment.text import one_line
from assignment.training.config import Config, from_values

FORMAT = 1  # increased when the present reader could not read the new files


def save(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint; if that fails or the process is killed, the earlier file is intact.

    Raises:
        ValueError: the disk is full or the folder cannot be written.
    """
    try:
        with replacing(path) as file:
            torch.save({**state, "format": FORMAT}, file)
    except (OSError, RuntimeError) as problem:  # torch hides the system's error behind its own
        cause: BaseException = problem
        while not isinstance(cause, OSError) and cause.__context__:
            cause = cause.__context__
        reason = getattr(cause, "strerror", None) or one_line(problem, 200)
        raise ValueError(f"{path}: cannot be written ({reason}); the earlier file is intact") from None


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint on the CPU: numbers, tensors and text, never code.

    Raises:
        ValueError: no such file, damaged, an unsafe pickle, or not a checkpoint of `train`.
    """
    try:
        state = read_numbers(path)
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(f"checkpoint {path}: there is no such file") from None
    except Exception:  # damaged files raise many kinds of exceptions with long texts
        raise ValueError(
            f"checkpoint {path}: damaged, or a pickle that is not safe to read; use the best.pt or last.pt of a run"
        ) from None
    kinds = {"model": dict, "config": dict, "epoch": int, "monitor": float, "format": int}
    if not isinstance(state, dict) or not all(isinstance(state.get(name), kind) for name, kind in kinds.items()):
        raise ValueError(f"checkpoint {path}: not a checkpoint of `train`; for weights alone use the setting `weights`")
    if state["format"] != FORMAT:
        raise ValueError(f"checkpoint {path}: format {state['format']}, this version reads {FORMAT}; train again")
    return state


def config_of(state: Mapping[str, Any], path: str | Path) -> Config:
    """Return the settings of the run that wrote the checkpoint."""
    return from_values(state["config"], f"checkpoint {path}")


def load_model(model: nn.Module, state: Mapping[str, Any], path: str | Path) -> None:
    """Load the weights of a checkpoint; ValueError if they are of another network."""
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
