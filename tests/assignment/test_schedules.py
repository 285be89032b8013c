"""The learning rates that an optimiser really steps with."""

from __future__ import annotations

import math
from itertools import chain

import pytest
import torch
from torch import nn

from assignment.training import schedules
from assignment.training.config import Config


def schedule_of(config: Config, batches: int = 1) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    return optimizer, schedules.make(config, optimizer, batches)


def rates(batches: int, stop_after: int = 0, **settings) -> list[list[float]]:
    """Learning rate of every step, epoch by epoch; after some steps the run is interrupted and resumed."""
    config = Config(**settings)
    optimizer, schedule = schedule_of(config, batches)
    found = []
    for epoch in range(config.epochs):
        found.append([])
        for batch in range(batches):
            if stop_after and stop_after == epoch * batches + batch:
                states = optimizer.state_dict(), schedule.state_dict()
                optimizer, schedule = schedule_of(config, batches)
                optimizer.load_state_dict(states[0])
                schedule.load_state_dict(states[1])
            found[-1].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
    return found


def test_none_is_constant():
    assert rates(2, epochs=3) == [[1, 1]] * 3


def test_step_falls_after_so_many_epochs():
    assert rates(1, epochs=5, schedule="step", step_epochs=2, gamma=0.5) == [[1], [1], [0.5], [0.5], [0.25]]
    assert rates(2, epochs=2, schedule="step", step_epochs=1, gamma=0.5) == [[1, 1], [0.5, 0.5]]


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


def test_without_warm_up_it_is_a_cosine():
    assert rates(2, epochs=2, schedule="warmup-cosine", warmup_epochs=0) == rates(2, epochs=2, schedule="cosine")


@pytest.mark.parametrize("schedule", ["none", "step", "cosine", "warmup-cosine"])
@pytest.mark.parametrize("stop_after", [1, 4, 5])
def test_a_resumed_run_has_the_same_rates(schedule, stop_after):
    settings = {"epochs": 3, "schedule": schedule, "step_epochs": 1}
    assert rates(3, stop_after, **settings) == rates(3, **settings)


def test_plateau_falls_when_the_monitor_stops_rising():
    optimizer, schedule = schedule_of(Config(schedule="plateau", step_epochs=2, gamma=0.5))
    seen = []
    for monitor in (0.5, 0.6, 0.6, 0.55, 0.7, 0.7, 0.7, 0.7, 0.7):
        schedule.step(monitor)
        seen.append(optimizer.param_groups[0]["lr"])
    assert seen == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125]


def test_plateau_goes_on_from_its_state():
    config = Config(schedule="plateau", step_epochs=2, gamma=0.5)
    (_, first), (optimizer, second) = schedule_of(config), schedule_of(config)
    for monitor in (0.5, 0.5):
        first.step(monitor)
    second.load_state_dict(first.state_dict())
    second.step(0.5)
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_groups_keep_their_ratio():
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [a], "lr": 0.1}, {"params": [b], "lr": 1.0}])
    schedule = schedules.make(Config(schedule="step", step_epochs=1, gamma=0.5), optimizer, 1)
    optimizer.step()
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.5]
