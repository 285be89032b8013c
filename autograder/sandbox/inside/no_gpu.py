"""Let code written for a GPU run on a machine without one.

Many correct files choose `device = "cuda:0"` once at the top. On a machine without a GPU, the functions that move or
create tensors and modules treat a CUDA device as the CPU; nothing else changes.
"""

from __future__ import annotations

from typing import Any

import torch


def _on_cpu(value: Any) -> Any:
    if isinstance(value, torch.device) and value.type == "cuda":
        return torch.device("cpu")
    if isinstance(value, str) and value.split(":")[0] == "cuda":
        return "cpu"
    return value


def _moving(method: Any) -> Any:
    def move(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method(self, *map(_on_cpu, args), **{key: _on_cpu(value) for key, value in kwargs.items()})

    return move


def _making(function: Any) -> Any:
    def make(*args: Any, device: Any = None, **kwargs: Any) -> Any:
        return function(*args, device=_on_cpu(device), **kwargs)

    return make


def cuda_means_cpu() -> None:
    """Patch torch so that a CUDA device means the CPU; do nothing if a GPU can be used."""
    if torch.cuda.is_available():
        return
    for kind in (torch.Tensor, torch.nn.Module):
        kind.to = _moving(kind.to)  # type: ignore[method-assign]
        kind.cuda = lambda self, *args, **kwargs: self  # type: ignore[method-assign]
    for name in ("tensor", "as_tensor", "zeros", "ones", "full", "empty", "arange", "eye", "rand", "randn", "randint"):
        setattr(torch, name, _making(getattr(torch, name)))
