"""The number format of the network. Descriptors, similarities and losses are always float32."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from assignment.training.config import Config

# Pixels of the images that a CPU passes through the layers together: more do not fit its caches
# (benchmarks/device_limit.cpu.md has the rates of both).
PIXELS = 16 * 224 * 224


def choose(config: Config, device: torch.device) -> torch.dtype | None:
    """Return the format of the network's layers, None for plain float32.

    Raises:
        ValueError: the device does not support the format.
    """
    if config.precision == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise ValueError("precision = bfloat16: this GPU does not support it; use auto or float32")
    if config.precision == "auto":
        native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else None
    return {"float32": None, "bfloat16": torch.bfloat16}[config.precision]


class Network(nn.Module):
    """The file's extractor on its device, in the chosen format, with float32 descriptors.

    Args:
        extractor: the file's own; its parameters stay float32. device: where it runs.
        dtype: format of the layers under autocast, or None.
    """

    def __init__(self, extractor: nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
        super().__init__()
        # Channels last makes convolutions faster on CPUs and GPUs (1.3 to 1.8 times on a CPU).
        self.extractor = extractor.to(device).to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to descriptors (B, dim), float32."""
        images = images.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
            parts = [self.extractor(part) for part in images.split(self._images_per_pass(images))]
        return (torch.cat(parts) if len(parts) > 1 else parts[0]).float()

    def _images_per_pass(self, images: Tensor) -> int:
        """Number of images passed through the layers together; all of them if BatchNorm computes batch statistics."""
        if self.device.type != "cpu" or any(
            layer.training and isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in self.modules()
        ):
            return max(1, len(images))
        return max(1, PIXELS // images.shape[-2:].numel())
