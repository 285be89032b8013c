"""What being late costs, by the rule of the manifest's section [late]."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass

from assignment.manifest import Manifest

DAY = 86_400.0


class DeadlineError(ValueError):
    """The deadline cannot be understood; the message is one line that says what to write."""


@dataclass(frozen=True)
class Late:
    """How late a hand-in is. `days` begun, None if nobody knows; `loss`: part of the points, likewise."""

    days: int | None
    loss: float | None


def after_loss(points: float, loss: float | None) -> float:
    """Points after what lateness costs; all of them where nobody knows how late it was."""
    return round(points * (1 - (loss or 0.0)), 6)


@dataclass(frozen=True)
class Rule:
    """The deadline (None: nothing is late by the clock) and what is lost after it."""

    deadline: datetime.datetime | None
    grace_minutes: float
    loss_per_day: float
    most_loss: float

    def judge(self, submitted: datetime.datetime | None, called_late: bool | None) -> Late | None:
        """None if in time (or if nobody says otherwise); the platform's own word counts where there are no times."""
        if self.deadline is not None and submitted is not None:
            seconds = (submitted - self.deadline).total_seconds()
            if seconds <= self.grace_minutes * 60:
                return None
            days = max(1, math.ceil(seconds / DAY))
            return Late(days, min(self.most_loss, round(days * self.loss_per_day, 6)))
        return Late(None, None) if called_late else None


def rule(manifest: Manifest, deadline: str = "") -> Rule:
    """The manifest's rule with this deadline, its own one if that is ""; DeadlineError if it is no point in time."""
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
        raise DeadlineError(f"the deadline '{text[:60]}' is no date and time; write it as {example}") from None
    if found.tzinfo is None:
        raise DeadlineError(f"the deadline '{text[:60]}' has no time zone; write it as {example}")
    return found
