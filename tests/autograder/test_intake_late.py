"""What being late costs."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from assignment.manifest import load
from autograder.intake.lateness import DeadlineError, Late, rule

DEADLINE = "2026-05-31T23:59+02:00"


def judged(minutes: float, **late):
    manifest = dataclasses.replace(load(), late={"grace_minutes": 10, "loss_per_day": 0.1, "most_loss": 0.5, **late})
    made = rule(manifest, DEADLINE)
    return made.judge(made.deadline + datetime.timedelta(minutes=minutes), None)


@pytest.mark.parametrize(
    ("minutes", "late"),
    [(-60, None), (0, None), (10, None), (11, Late(1, 0.1)), (24 * 60, Late(1, 0.1)), (24 * 60 + 1, Late(2, 0.2)),
     (30 * 24 * 60, Late(30, 0.5))],
)  # fmt: skip
def test_days_begun_cost_a_part_up_to_a_limit(minutes, late):
    assert judged(minutes) == late


def test_the_platforms_word_counts_where_there_is_no_time():
    made = rule(load(), DEADLINE)
    assert made.judge(None, True) == Late(None, None)
    assert made.judge(None, False) is None
    assert rule(load()).judge(made.deadline, None) is None


def test_deadline_of_the_manifest_and_of_the_command():
    manifest = dataclasses.replace(load(), late={"deadline": DEADLINE})
    assert rule(manifest).deadline == datetime.datetime.fromisoformat(DEADLINE)
    assert rule(manifest, "2027-01-01T00:00Z").deadline.year == 2027


@pytest.mark.parametrize("text", ["soon", "2026-05-31 23:59", "31.5.2026", "2026-13-01T00:00Z"])
def test_unclear_deadlines(text):
    with pytest.raises(DeadlineError, match=r"2026-05-31T23:59\+02:00"):
        rule(load(), text)
