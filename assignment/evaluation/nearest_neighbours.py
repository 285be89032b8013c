"""Nearest-neighbour classification: each query is given the class of the nearest other image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Classification:
    """Accuracy of a classification, overall and by class.

    Attributes:
        accuracy: share of correct predictions.
        per_class: precision, recall, f1 and support (number of queries) of each class that is a label or a prediction.
            Precision is None for a class that is never predicted, recall for one that no query has; f1 is None where
            either is.
    """

    accuracy: float
    per_class: dict[int, dict[str, float | int | None]]


def report(labels: np.ndarray, predictions: np.ndarray) -> Classification:
    """Compute accuracy and per-class metrics of predictions (Q,) for queries with labels (Q,).

    Example:
        >>> report(np.array([0, 0, 1]), np.array([0, 0, 0])).per_class[0]
        {'precision': 0.6666666666666666, 'recall': 1.0, 'f1': 0.8, 'support': 2}
    """
    from sklearn.metrics import precision_recall_fscore_support

    classes = np.unique(np.concatenate([labels, predictions]))
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, predictions, labels=classes, zero_division=np.nan
    )

    def defined(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    per_class: dict[int, dict[str, float | int | None]] = {
        int(label): {
            "precision": defined(precision[i]),
            "recall": defined(recall[i]),
            "f1": defined(f1[i] if defined(precision[i]) is not None and defined(recall[i]) is not None else np.nan),
            "support": int(support[i]),
        }
        for i, label in enumerate(classes)
    }
    return Classification(float((labels == predictions).mean()), per_class)
