"""The loss of points for lateness, by the rule of the manifest's section [late]."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

from assignment.manifest import Manifest

DAY = 86_400.0


class DeadlineError(ValueError):
    """The deadline cannot be read; the message is one line."""


@dataclass(frozen=True)
class Late:
    """How late a submission is: `days` begun and `loss`, the share of the points; None if unknown."""

    days: int | None
    loss: float | None


def after_loss(points: float, loss: float | None) -> float:
    """Points minus the loss for lateness; all points if the loss is unknown."""
    return round(points * (1 - (loss or 0.0)), 6)


@dataclass(frozen=True)
class Rule:
    """The deadline (None: there is none) and the share of the points that is lost after it."""

    deadline: datetime.datetime | None
    grace_minutes: float
    loss_per_day: float
    most_loss: float

    def judge(self, submitted: datetime.datetime | None, called_late: bool | None) -> Late | None:
        """Lateness of a submission, None if on time or unknown; without times the platform's mark counts."""
        if self.deadline is not None and submitted is not None:
            seconds = (submitted - self.deadline).total_seconds()
            if seconds <= self.grace_minutes * 60:
                return None
            days = max(1, math.ceil(seconds / DAY))
            return Late(days, min(self.most_loss, round(days * self.loss_per_day, 6)))
        return Late(None, None) if called_late else None


def rule(manifest: Manifest, deadline: str = "") -> Rule:
    """The manifest's rule with this deadline ("": the manifest's own); DeadlineError if it cannot be read."""
    text = deadline or str(manifest.late.get("deadline", ""))
    return Rule(
        deadline=_moment(text) if text else None,
        grace_minutes=float(manifest.late.get("grace_minutes", 0)),
        loss_per_day=float(manifest.late.get("loss_per_day", 0)),
        most_loss=float(manifest.late.get("most_loss", 1)),
    )


def _moment(text: str) -> datetime.datetime:
    example = "2026-05-31T23:59+02:00"
    try:
        found = datetime.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise DeadlineError(f"the deadline '{text[:60]}' is not a date and time; write it as {example}") from None
    if found.tzinfo is None:
        raise DeadlineError(f"the deadline '{text[:60]}' has no time zone; write it as {example}")
    return found
