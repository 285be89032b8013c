"""In which numbers the network runs. Descriptors, similarities and losses are float32 whatever is chosen here."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assignment.training.config import Config

FIRST_SCALE = 2.0**14  # of float16 gradients, which would else fall below its smallest number
# Of the images that a processor takes through the layers together: what becomes of more of them does not fit its
# caches (benchmarks/device_limit.cpu.md has the rates of both).
PIXELS = 16 * 224 * 224


def choose(config: Config, device: torch.device) -> torch.dtype | None:
    """The format for the network's layers, None for plain float32.

    Raises:
        ValueError: a format that this machine does not have.
    """
    if config.precision == "float16" and device.type != "cuda":
        raise ValueError("precision = float16 needs an NVIDIA GPU (CUDA), and there is none; use auto or float32")
    if config.precision == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ValueError("precision = bfloat16: this GPU does not have it; use auto, float16 or float32")
    if config.precision == "auto":
        native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else None
    return {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.precision]


class Network(nn.Module):
    """The file's extractor as a run uses it: on its device, in the chosen format, float32 descriptors.

    Args:
        extractor: the file's own; its parameters stay float32. device: where it runs.
        dtype: format of the layers under autocast, or None.

    Attributes:
        scale: factor of the gradients that enter the extractor, 1 unless the format is float16. Whoever takes a step
            divides them by it.
    """

    def __init__(self, extractor: nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
        super().__init__()
        # Channels last: the convolutions of both CPUs and GPUs run faster so (measured: 1.3 to 1.8 times on a CPU).
        self.extractor = extractor.to(device).to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        self.scale = FIRST_SCALE if dtype is torch.float16 else 1.0

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to descriptors (B, dim), float32."""
        images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            parts = [self.extractor(part) for part in images.split(self._at_once(images))]
        rows = (torch.cat(parts) if len(parts) > 1 else parts[0]).float()
        if self.scale != 1 and rows.requires_grad:
            rows.register_hook(lambda gradient: gradient * self.scale)
        return rows

    def _at_once(self, images: Tensor) -> int:
        """How many images go through the layers together; a BatchNorm layer that learns has to see the whole batch."""
        if self.device.type != "cpu" or any(
            layer.training and isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in self.modules()
        ):
            return max(1, len(images))
        return max(1, PIXELS // images.shape[-2:].numel())
