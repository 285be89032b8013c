"""Descriptors in the plane: t-SNE (van der Maaten & Hinton 2008) and UMAP (McInnes et al. 2018), coloured by class.

Both keep neighbours together and little else: distances between far groups, and their sizes, mean nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from assignment.figures.canvas import COLOURS, MARKERS, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def tsne(descriptors: Tensor | np.ndarray, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """Place N descriptors (N, D) in the plane: (N, 2) float32. About `perplexity` neighbours count for each.

    Raises:
        ValueError: the perplexity is not below N, or a descriptor is not finite; one line.
    """
    rows = _rows(descriptors)
    if not 0 < perplexity < len(rows):
        raise ValueError(
            f"t-SNE: perplexity {perplexity:g} needs more than that many images, and there are {len(rows)}; "
            f"give a perplexity between 0 and {len(rows)}, or more images"
        )
    from sklearn.manifold import TSNE

    return TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(rows).astype(np.float32)


def umap(descriptors: Tensor | np.ndarray, n_neighbors: int = 15, seed: int = 0) -> np.ndarray:
    """Place N descriptors (N, D) in the plane: (N, 2) float32, keeping the `n_neighbors` nearest of each together.

    Raises:
        ValueError: `n_neighbors` is not in 2 … N − 1, or a descriptor is not finite; one line.
    """
    rows = _rows(descriptors)
    if not 2 <= n_neighbors < len(rows):
        raise ValueError(
            f"UMAP: n_neighbors {n_neighbors} needs more than that many images, and there are {len(rows)}; "
            f"give n_neighbors between 2 and {len(rows) - 1}, or more images"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a seed means one thread, which is what a seed is for
        from umap import UMAP

        # Random start: its spectral one fails for a handful of images.
        init = "spectral" if len(rows) > n_neighbors + 15 else "random"
        return UMAP(n_neighbors=n_neighbors, random_state=seed, init=init).fit_transform(rows).astype(np.float32)


def scatter(points: Mapping[str, np.ndarray], labels: np.ndarray, class_names: Mapping[int, str]) -> Figure:
    """Draw points (N, 2) of one or more models side by side, a colour and a marker for each class.

    Up to 20 classes stand in a legend; more of them are written where the middle of their points is.

    Raises:
        ValueError: no points, or not as many as labels.
    """
    labels = np.asarray(labels)
    if not points or any(each.shape != (len(labels), 2) for each in points.values()):
        raise ValueError(f"a map of descriptors needs points of shape ({len(labels)}, 2), one for each label")
    classes = np.unique(labels)
    legend = len(classes) <= 20
    figure, axes = new_figure(4.2 * len(points), 4.4 + (0.25 * -(-len(classes) // 4) if legend else 0), 1, len(points))
    size = float(np.clip(6000 / max(len(labels), 1), 6, 20))
    for (title, places), each in zip(points.items(), axes[0], strict=True):
        for number, label in enumerate(classes):
            own = labels == label
            each.scatter(
                places[own, 0],
                places[own, 1],
                s=size,
                color=COLOURS[number % len(COLOURS)],
                # Another marker for each class: two that differ in colour alone are one to some eyes.
                marker=MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
                alpha=0.75,
                linewidths=0,
                label=plain(class_names.get(int(label), str(label))),
            )
            if not legend:
                x, y = np.median(places[own], axis=0)
                each.text(
                    x, y, plain(class_names.get(int(label), str(label)), 18), fontsize=5, ha="center", va="center"
                )
        each.set_title(plain(title), fontsize=10)
        each.set(xticks=[], yticks=[])
        each.grid(visible=False)
        each.spines[:].set_visible(True)
    if legend:
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8, frameon=False, markerscale=1.6)
    return figure


def _rows(descriptors: Tensor | np.ndarray) -> np.ndarray:
    rows = np.asarray(descriptors.detach().cpu() if isinstance(descriptors, Tensor) else descriptors, dtype=np.float32)
    if bad := np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist():
        raise ValueError(f"descriptors of rows {bad[:10]} are not finite ({len(bad)} rows in all)")
    return rows
