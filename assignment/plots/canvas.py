"""What all plots share: colours, empty figures, and images as data URIs for a page.

A figure is a matplotlib `Figure`, made without `pyplot`: it needs no display and need not be closed.
"""

from __future__ import annotations

import base64
import io
import unicodedata
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RIGHT, WRONG, QUERY = "#00875a", "#cc3311", "#0055a4"  # green, red, blue: also differ in brightness
# Safe for colour-blind readers (Okabe & Ito 2008), without yellow, which is too pale for a line.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

_SMALL = 64  # pixels: images up to this side are stored as PNG, larger ones as JPEG


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, np.ndarray]:
    """Make an empty figure of width × height inches; return it and its axes as an array (rows, columns)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for each in axes.flat:
        tidy(each)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Draw only two of the four spines, and a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def plain(text: object, most: int = 28) -> str:
    """Make a name usable as a label: one short line without formulas or control characters.

    Example: a legend omits names that begin with an underscore.
        >>> plain("_bag"), plain("a$b")
        (' _bag', 'a\\\\$b')
    """
    line = "".join(c for c in str(text) if unicodedata.category(c)[0] != "C")
    line = line if len(line) <= most else line[: most - 1] + "…"
    return (" " if line.startswith("_") else "") + line.replace("$", r"\$")


def svg(figure: Figure) -> str:
    """Return a figure as the text of an SVG file; the same figure gives the same text."""
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "figure"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # characters that the font does not have
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as `.svg` or `.png` (150 dpi), by the suffix of the path; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".svg":
        path.write_text(svg(figure), encoding="utf-8")
    else:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")
            figure.savefig(path, dpi=150)
    return path


def svg_uri(figure: Figure) -> str:
    """Return a figure as a data URI for an `<img>`, which isolates its styles and ids from those of the page."""
    return _uri("svg+xml", svg(figure).encode())


def is_small(pixels: np.ndarray) -> bool:
    """Whether an image is so small that its pixels are shown as they are."""
    return max(pixels.shape[:2]) <= _SMALL


def image_uri(pixels: np.ndarray) -> str:
    """Return an image (H, W, 3) uint8 as a data URI: PNG if it is small, else JPEG."""
    data = io.BytesIO()
    small = is_small(pixels)
    Image.fromarray(pixels).save(data, "PNG" if small else "JPEG", optimize=True, quality=80)
    return _uri("png" if small else "jpeg", data.getvalue())


def thumbnail(pixels: np.ndarray, most: int = 112) -> np.ndarray:
    """Shrink an image (H, W, 3) uint8 so that no side is longer than `most` pixels; smaller ones are unchanged."""
    if max(pixels.shape[:2]) <= most:
        return pixels
    image = Image.fromarray(pixels)
    image.thumbnail((most, most), Image.Resampling.LANCZOS)
    return np.asarray(image)


def as_pixels(image: Tensor, mean: float | Sequence[float], std: float | Sequence[float]) -> np.ndarray:
    """Undo the normalisation of an image (C, H, W), C = 1 or 3: (H, W, 3) uint8 `255 · (x · std + mean)`, rounded.

    Example:
        >>> import torch
        >>> as_pixels(torch.zeros(1, 1, 1), mean=0.5, std=1.0).tolist()
        [[[128, 128, 128]]]
    """
    values = image.detach().cpu().float().numpy().transpose(1, 2, 0) * np.asarray(std) + np.asarray(mean)
    if values.shape[2] == 1:
        values = values.repeat(3, axis=2)
    return (values.clip(0, 1) * 255).round().astype(np.uint8)


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
