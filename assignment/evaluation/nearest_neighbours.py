"""Classification by the nearest neighbour: each query takes the class of the nearest other image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from assignment.evaluation.ranking import rank


@dataclass(frozen=True)
class Classification:
    """How the answers agree with the classes.

    Attributes:
        accuracy: share of right answers over all queries.
        per_class: for each class that queries have or answers name: precision, recall, f1 and support (number of
            queries). Precision is None for a class that no answer names, recall for one that no query has; f1 is None
            where either is.
    """

    accuracy: float
    per_class: dict[int, dict[str, float | int | None]]


def classify(
    queries: Tensor,
    query_labels: np.ndarray,
    gallery: Tensor,
    gallery_labels: np.ndarray,
    own: np.ndarray | None = None,
) -> Classification:
    """Give each query (Q, D) the label of the nearest gallery row (G, D); with `own` it is leave-one-out.

    Args:
        own: (Q,) the index of each query in the gallery, if it is in there; it is left out.

    Raises:
        ValueError: there is nothing to compare a query with, or a row is not finite.

    Example: descriptors 0.0, 0.1, 0.3 with labels 0, 0, 1, leave-one-out: answers 0, 0, 0 and accuracy 2/3.
    """
    nearest = rank(queries, gallery, 1, None if own is None else torch.as_tensor(own))[:, 0].numpy()
    return report(np.asarray(query_labels), np.asarray(gallery_labels)[nearest])


def report(labels: np.ndarray, answers: np.ndarray) -> Classification:
    """Accuracy and per-class figures of answers (Q,) to queries with labels (Q,)."""
    from sklearn.metrics import precision_recall_fscore_support

    classes = np.unique(np.concatenate([labels, answers]))
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, answers, labels=classes, zero_division=np.nan
    )

    def known(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    per_class: dict[int, dict[str, float | int | None]] = {
        int(label): {
            "precision": known(precision[i]),
            "recall": known(recall[i]),
            "f1": known(f1[i] if known(precision[i]) is not None and known(recall[i]) is not None else np.nan),
            "support": int(support[i]),
        }
        for i, label in enumerate(classes)
    }
    return Classification(float((labels == answers).mean()), per_class)
