"""All metrics of a model on one part of a data set, as a tree of plain values that JSON can hold.

Retrieval and nearest-neighbour classification use the gallery of the protocol. Verification and few-shot episodes use
the queries alone: in an open gallery the other images are of classes seen in training.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from assignment.datasets.data import Data, QueryGallery
from assignment.datasets.split import Split
from assignment.evaluation import few_shot, nearest_neighbours, retrieval, verification

WORST = 10  # number of classes in the list of the worst
ROC_POINTS = 401  # most points of a stored ROC curve


@torch.no_grad()
def describe(
    model: nn.Module, split: Split, device: torch.device | str, batch_size: int = 128, mirror: bool = False
) -> Tensor:
    """Compute the descriptors (N, dim) of a split, float32 on the CPU, in eval mode; the mode is restored.

    Args:
        mirror: use the normalised sum of the descriptors of each image and of its mirror image.

    Raises:
        ValueError: the split is empty.
    """
    if len(split) == 0:
        raise ValueError("descriptors: the split has no image; use a split with at least one")

    def forward(images: Tensor) -> Tensor:
        return F.normalize(model(images) + model(images.flip(-1))) if mirror else model(images)

    modes = [(layer, layer.training) for layer in model.modules()]
    model.eval()
    try:
        loader: DataLoader[Any] = DataLoader(split, batch_size=batch_size)  # type: ignore[arg-type]
        parts = [forward(images.to(device)).float().cpu() for images in loader]
    finally:
        for layer, mode in modes:  # layer by layer: frozen BatchNorm layers are in eval mode while training
            layer.training = mode
    return torch.cat(parts)


def describe_both(
    model: nn.Module, query_gallery: QueryGallery, device: torch.device | str, **options: Any
) -> tuple[Tensor, Tensor]:
    """Compute the descriptors of queries (Q, dim) and gallery (G, dim); queries in the gallery are computed once.

    Args:
        options: of `describe`.
    """
    gallery = describe(model, query_gallery.gallery, device, **options)
    if query_gallery.self_index is not None:
        return gallery[torch.as_tensor(query_gallery.self_index)], gallery
    return describe(model, query_gallery.queries, device, **options), gallery


def evaluate(
    model: nn.Module, data: Data, part: str, device: torch.device | str, mirror: bool = False, **options: Any
) -> dict[str, Any]:
    """Compute the metrics of a model on the "val" or "test" part, by the protocol of the data.

    Args:
        mirror: of `describe`. options: of `compute`.

    Returns:
        The tree of `compute`, with "data", "protocol", "part", "whole" and "note" of the data. Where the set has
        superclasses, "superclass" holds the retrieval metrics with these as labels.

    Raises:
        ValueError: unknown part, or a descriptor is not finite.
    """
    if part not in ("val", "test"):
        raise ValueError(f"part '{part}': unknown; choose val or test")
    query_gallery = data.val if part == "val" else data.test
    queries, gallery = describe_both(model, query_gallery, device, mirror=mirror)
    labels, gallery_labels = np.asarray(query_gallery.queries.labels), np.asarray(query_gallery.gallery.labels)
    about = {"data": data.name, "protocol": data.protocol, "part": part, "whole": data.whole, "note": data.note}
    tree = about | compute(queries, labels, gallery, gallery_labels, query_gallery.self_index, **options)
    if data.superclasses is not None:
        groups = data.superclasses
        coarse, coarse_gallery = (np.array([groups[int(c)] for c in each]) for each in (labels, gallery_labels))
        ks = options.get("ks", (1, 5, 10))
        tree["superclass"] = retrieval_tree(queries, coarse, gallery, coarse_gallery, query_gallery.self_index, ks)[0]
    return tree


def compute(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    self_index: np.ndarray | None = None,
    *,
    ks: Sequence[int] = (1, 5, 10),
    way: int = 5,
    shot: int = 5,
    episodes: int = 600,
    seed: int = 0,
) -> dict[str, Any]:
    """Compute all metrics of queries (Q, D) with labels (Q,) in a gallery (G, D) with labels (G,).

    Args:
        self_index: (Q,) index of each query in the gallery, where it is removed; None if no query is in the gallery.
        ks: the K of P@K and R@K. way, shot, episodes: of the few-shot episodes.
        seed: of these episodes, and of the sample of pairs where there are too many.

    Returns:
        A tree of dictionaries, lists, numbers and text that JSON preserves. A metric that the data do not define is
        None, and "undefined" gives the reason: {"few_shot": "5-way episodes need 5 classes, the set has 3; …"}.
        "hits" is the mean number of hits among the first 50; "worst" lists the ten classes of lowest P@1, then
        lowest mAP.

    Raises:
        ValueError: a descriptor is not finite, or the numbers of rows and labels differ.

    Example: three images query each other; the third has no positive.
        >>> rows, labels = torch.tensor([[0.0], [0.1], [0.3]]), np.array([0, 0, 1])
        >>> tree = compute(rows, labels, rows, labels, np.arange(3))
        >>> tree["P@1"], tree["mAP"], tree["n_queries"], tree["n_lone"]
        (1.0, 1.0, 2, 1)
    """
    query_labels, gallery_labels = np.asarray(query_labels), np.asarray(gallery_labels)
    tree, found = retrieval_tree(queries, query_labels, gallery, gallery_labels, self_index, ks)
    undefined: dict[str, str] = tree["undefined"]

    def attempt(name: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except ValueError as problem:
            undefined[name] = str(problem)
            return None

    verified = attempt("auc", lambda: verification.verify(queries, query_labels, seed=seed))
    if verified is None:
        undefined["eer"] = undefined["roc"] = undefined["auc"]
    tree["auc"] = verified and verified.auc
    tree["eer"] = verified and verified.eer
    tree["roc"] = verified and _thinned(verified.fpr, verified.tpr)
    tree["pairs"] = verified and {"scored": verified.n_pairs, "all": verified.n_all}

    shots = attempt(
        "few_shot", lambda: few_shot.few_shot(queries, query_labels, way, shot, episodes=episodes, seed=seed)
    )
    tree["few_shot"] = shots and {
        name: getattr(shots, name) for name in ("way", "shot", "queries", "accuracy", "interval", "episodes")
    }

    predicted = nearest_neighbours.report(query_labels, gallery_labels[found.nearest])
    tree["nearest_neighbour"] = {
        "accuracy": predicted.accuracy,
        "per_class": {str(label): dict(row) for label, row in predicted.per_class.items()},
    }
    return tree


def retrieval_tree(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    self_index: np.ndarray | None,
    ks: Sequence[int],
) -> tuple[dict[str, Any], retrieval.QueryMetrics]:
    """Compute the part of the tree that follows from the ranks of the positives, and the metrics of each query."""
    others = len(gallery) - (self_index is not None)
    within = [k for k in ks if k <= others]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "undefined" gives the reason
        found = retrieval.query_metrics(queries, query_labels, gallery, gallery_labels, self_index, within)
    tree: dict[str, Any] = {"n_queries": len(found.scored), "n_lone": found.n_lone}
    undefined: dict[str, str] = {}
    values: dict[str, np.ndarray | None] = {}
    for k in ks:
        values[f"P@{k}"], values[f"R@{k}"] = found.precision.get(k), found.recall.get(k)
    values |= {"mAP": found.average_precision, "MAP@R": found.map_at_r, "MAP@5": found.map_at_5, "hits": found.hits}
    for name, each in values.items():
        if each is not None and len(each):
            tree[name] = float(each.mean())
            continue
        tree[name] = None
        too_long = f"K is larger than the {others} images that a query is compared with; use a smaller K"
        undefined[name] = too_long if each is None else "no query has another image of its class"
    labels = query_labels[found.scored]
    classes, place = np.unique(labels, return_inverse=True)
    n = np.bincount(place, minlength=len(classes))
    at_1 = np.bincount(place, found.first, len(classes)) / n
    average = np.bincount(place, found.average_precision, len(classes)) / n
    tree["per_class"] = {
        str(label): {"P@1": float(at_1[i]), "mAP": float(average[i]), "n": int(n[i])} for i, label in enumerate(classes)
    }
    tree["worst"] = [int(classes[i]) for i in np.lexsort((average, at_1))[:WORST]]
    steps = retrieval.LEVELS - 1
    curve = {"recall": [i / steps for i in range(retrieval.LEVELS)], "precision": found.curve.tolist()}
    tree["pr_curve"] = curve if len(found.scored) else None
    if not len(found.scored):
        undefined["pr_curve"] = "no query has another image of its class"
    tree["undefined"] = undefined
    return tree, found


def _thinned(fpr: np.ndarray, tpr: np.ndarray) -> dict[str, list[float]]:
    """Points of a ROC curve at about even spacing, both ends included."""
    length = fpr + tpr  # grows from 0 to 2
    kept = np.unique(np.searchsorted(length, np.linspace(0, 2, ROC_POINTS)).clip(max=len(fpr) - 1))
    return {"fpr": fpr[kept].tolist(), "tpr": tpr[kept].tolist()}
