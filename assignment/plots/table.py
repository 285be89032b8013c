"""Metrics as the rows of a table: one text for each metric and model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

ROWS = {
    "P@1": "P@1",
    "P@5": "P@5",
    "P@10": "P@10",
    "R@5": "R@5",
    "R@10": "R@10",
    "mAP": "mAP",
    "MAP@R": "MAP@R",
    "MAP@5": "MAP@5",
    "auc": "ROC: area under the curve",
    "eer": "equal error rate",
}


def rows(models: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the metrics of the models as text, row by row, without the rows that no model has.

    Example:
        >>> rows({"before": {"P@1": 0.5}, "after": {"P@1": 0.75}})
        {'P@1': ['0.500', '0.750']}
    """
    found = {title: [text(metrics.get(name)) for metrics in models.values()] for name, title in ROWS.items()}
    shots = [metrics.get("few_shot") or {} for metrics in models.values()]
    if any(shots):
        settings = next(each for each in shots if each)
        title = f"{settings.get('way')}-way {settings.get('shot')}-shot accuracy"
        found[title] = [_with_interval(each.get("accuracy"), each.get("interval")) for each in shots]
    neighbours = [(metrics.get("nearest_neighbour") or {}).get("accuracy") for metrics in models.values()]
    found["nearest-neighbour accuracy"] = [text(value) for value in neighbours]
    for name in ("P@1", "mAP"):
        groups = [(metrics.get("superclass") or {}).get(name) for metrics in models.values()]
        found[f"{name} of superclasses"] = [text(value) for value in groups]
    for group, title in (("n_queries", "queries"), ("n_lone", "queries excluded: no other image of the class")):
        found[title] = [str(metrics[group]) if group in metrics else "–" for metrics in models.values()]
    return {title: values for title, values in found.items() if any(value != "–" for value in values)}


def undefined(metrics: Mapping[str, Any]) -> list[str]:
    """Return one line for each reason why metrics are undefined, with their names."""
    reasons: dict[str, list[str]] = {}
    for name, reason in (metrics.get("undefined") or {}).items():
        reasons.setdefault(reason, []).append(name.replace("_", "-"))
    return [f"Undefined here: {', '.join(names)}. {reason}" for reason, names in reasons.items()]


def text(value: float | None) -> str:
    """Format with three digits; a dash if the value is undefined."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _with_interval(value: float | None, half: float | None) -> str:
    return text(value) if half is None else f"{text(value)} ± {text(half)}"


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten a tree to one level of names and texts.

    Example:
        >>> flat({"a": {"b": 1}})
        {'a: b': '1'}
    """
    found: dict[str, str] = {}
    for name, value in tree.items():
        found |= flat(value, f"{prefix}{name}: ") if isinstance(value, Mapping) else {f"{prefix}{name}": str(value)}
    return found
