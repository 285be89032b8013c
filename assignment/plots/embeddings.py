"""Embeddings of descriptors in two dimensions: t-SNE (van der Maaten & Hinton 2008), UMAP (McInnes et al. 2018).

Both preserve neighbourhoods only: sizes of groups and distances between them have no meaning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from assignment.evaluation.ranking import require_finite
from assignment.plots.canvas import COLOURS, MARKERS, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def tsne(descriptors: Tensor | np.ndarray, perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """Embed descriptors (N, D) with t-SNE: (N, 2) float32. `perplexity` is roughly the number of neighbours.

    Raises:
        ValueError: the perplexity is not in (0, N), or a descriptor is not finite.
    """
    rows = _rows(descriptors)
    if not 0 < perplexity < len(rows):
        raise ValueError(
            f"t-SNE: perplexity {perplexity:g} needs more than that many images, and there are {len(rows)}; "
            f"use a perplexity between 0 and {len(rows)}, or more images"
        )
    from sklearn.manifold import TSNE

    return TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1).fit_transform(rows).astype(np.float32)


def umap(descriptors: Tensor | np.ndarray, n_neighbors: int = 15, seed: int = 0) -> np.ndarray:
    """Embed descriptors (N, D) with UMAP: (N, 2) float32. `n_neighbors` is the size of the neighbourhoods.

    Raises:
        ValueError: `n_neighbors` is not in 2 … N − 1, or a descriptor is not finite.
    """
    rows = _rows(descriptors)
    if not 2 <= n_neighbors < len(rows):
        raise ValueError(
            f"UMAP: n_neighbors {n_neighbors} needs more than that many images, and there are {len(rows)}; "
            f"use n_neighbors between 2 and {len(rows) - 1}, or more images"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # UMAP warns that a seed means one thread, which is intended
        from umap import UMAP

        # The spectral initialisation fails for very few images.
        init = "spectral" if len(rows) > n_neighbors + 15 else "random"
        return UMAP(n_neighbors=n_neighbors, random_state=seed, init=init).fit_transform(rows).astype(np.float32)


def scatter(points: Mapping[str, np.ndarray], labels: np.ndarray, class_names: Mapping[int, str]) -> Figure:
    """Plot points (N, 2) of one or more models side by side, with a colour and a marker for each class.

    Up to 20 classes are named in a legend; with more, each name is written at the median of the points.

    Raises:
        ValueError: no points, or different numbers of points and labels.
    """
    labels = np.asarray(labels)
    if not points or any(each.shape != (len(labels), 2) for each in points.values()):
        raise ValueError(f"embedding: points must have the shape ({len(labels)}, 2), one for each label")
    classes = np.unique(labels)
    legend = len(classes) <= 20
    figure, axes = new_figure(4.2 * len(points), 4.4 + (0.25 * -(-len(classes) // 4) if legend else 0), 1, len(points))
    size = float(np.clip(6000 / max(len(labels), 1), 6, 20))
    for (title, places), each in zip(points.items(), axes[0], strict=True):
        for number, label in enumerate(classes):
            members = labels == label
            each.scatter(
                places[members, 0],
                places[members, 1],
                s=size,
                color=COLOURS[number % len(COLOURS)],
                # A marker for each class: some readers cannot tell colours apart.
                marker=MARKERS[(number + number // len(COLOURS)) % len(MARKERS)],
                alpha=0.75,
                linewidths=0,
                label=plain(class_names.get(int(label), str(label))),
            )
            if not legend:
                x, y = np.median(places[members], axis=0)
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
    return require_finite(torch.as_tensor(descriptors).detach().cpu().float(), "embedded").numpy()
