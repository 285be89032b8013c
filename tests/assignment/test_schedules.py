"""The learning rates that an optimiser really steps with."""

from __future__ import annotations

import math
from itertools import chain

import pytest
import torch
from torch import nn

from assignment.training import schedules
from assignment.training.config import Config


def rates(batches: int, **settings) -> list[list[float]]:
    """Learning rate of every step, epoch by epoch."""
    config = Config(lr=1.0, **settings)
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.SGD([{"params": layer.parameters(), "lr": 1.0, "initial_lr": 1.0}])
    found = []
    for epoch in range(config.epochs):
        found.append([])
        for batch in range(batches):
            schedules.set_rates(optimizer, schedules.factor(config, epoch, batch, batches))
            found[-1].append(optimizer.param_groups[0]["lr"])
    return found


def test_none_is_constant():
    assert rates(2, epochs=3) == [[1, 1]] * 3


def test_step_falls_after_so_many_epochs():
    assert rates(1, epochs=5, schedule="step", step_epochs=2, gamma=0.5) == [[1], [1], [0.5], [0.5], [0.25]]


def test_cosine_by_hand():
    flat = list(chain.from_iterable(rates(2, epochs=2, schedule="cosine")))
    assert flat == pytest.approx([1, (1 + math.cos(math.pi / 4)) / 2, 0.5, (1 - math.cos(math.pi / 4)) / 2])


def test_warm_up_begins_above_zero_and_reaches_the_full_rate():
    first, *rest = rates(4, epochs=3, schedule="warmup-cosine", warmup_epochs=1)
    assert first == pytest.approx([0.25, 0.5, 0.75, 1])
    assert rest[0][0] == 1
    flat = list(chain.from_iterable(rest))
    assert flat == sorted(flat, reverse=True)
    assert flat[-1] > 0


def test_a_warm_up_of_several_epochs_rises_through_all_of_them():
    flat = list(chain.from_iterable(rates(2, epochs=4, schedule="warmup-cosine", warmup_epochs=2)))
    assert flat[:4] == pytest.approx([0.25, 0.5, 0.75, 1])


def test_plateau_falls_when_the_monitor_stops_rising():
    plateau = schedules.Plateau(Config(schedule="plateau", step_epochs=2, gamma=0.5))
    seen = []
    for monitor in (0.5, 0.6, 0.6, 0.55, 0.7, 0.7, 0.7, 0.7, 0.7):
        plateau.see(monitor)
        seen.append(plateau.factor)
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_plateau_goes_on_from_its_state():
    config = Config(schedule="plateau", step_epochs=2, gamma=0.5)
    first, second = schedules.Plateau(config), schedules.Plateau(config)
    for monitor in (0.5, 0.5):
        first.see(monitor)
    second.restore(first.state())
    second.see(0.5)
    assert second.factor == 0.5


def test_other_schedules_do_not_look_at_the_monitor():
    plateau = schedules.Plateau(Config(schedule="none", step_epochs=1))
    for _ in range(5):
        plateau.see(0.1)
    assert plateau.factor == 1


def test_groups_keep_their_ratio():
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD(
        [{"params": [a], "lr": 0.1, "initial_lr": 0.1}, {"params": [b], "lr": 1.0, "initial_lr": 1.0}]
    )
    schedules.set_rates(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.5]
