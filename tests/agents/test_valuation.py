"""The value of plans: pilots are worth what they save."""

import numpy as np
import pytest

from aarlab.agents.models.simulated.valuation import PlanHours, best_plans, expected_improvement, value_per_hour

MEAN, SD = np.array([0.3]), np.array([0.2])


def hours(pilot: float = 0.35, full: float = 2.4, left: float = 20.0) -> PlanHours:
    return PlanHours(start=0.1, pilot=pilot, full=full, left=left)


def value(pilots: int, *, pilot_sd: float = 0.2, best: float = 0.5, **changes: float) -> float:
    values = value_per_hour(MEAN, SD, best, hours(**changes), pilots=pilots, pilot_sd=pilot_sd)
    return float(values[0])


def starts_with_pilot(pilot_hours: float) -> bool:
    _, pilot_first = best_plans(MEAN, SD, 0.5, hours(pilot_hours), pilot_sd=0.2, pilots_allowed=True)
    return bool(pilot_first[0])


def test_expected_improvement_agrees_with_sampling() -> None:
    samples = np.random.default_rng(1).normal(0.3, 0.2, 400_000)
    sampled = np.maximum(0, samples - 0.5).mean()
    assert expected_improvement(MEAN, SD, 0.5)[0] == pytest.approx(sampled, rel=0.02)


def test_the_value_of_a_plan_agrees_with_its_best_threshold() -> None:
    generator = np.random.default_rng(1)
    scores = generator.normal(0.3, 0.2, 200_000)
    pilots = scores + generator.normal(0, 0.2, len(scores))
    gains = np.maximum(0, scores - 0.5)
    rates = []
    for threshold in np.linspace(-0.5, 1.2, 60):
        run = pilots > threshold
        rates.append((gains * run).mean() / (0.1 + 0.35 + 2.4 * run.mean()))
    assert value(1) == pytest.approx(max(rates), rel=0.05)


def test_a_pilot_is_skipped_if_it_costs_as_much_as_a_full_run() -> None:
    assert starts_with_pilot(0.1)
    assert not starts_with_pilot(2.4)


def test_cheap_and_noisy_pilots_are_repeated() -> None:
    assert value(3, pilot=0.02, pilot_sd=0.4) > value(1, pilot=0.02, pilot_sd=0.4)
    assert value(3, pilot=0.5, pilot_sd=0.05) < value(1, pilot=0.5, pilot_sd=0.05)


def test_a_pilot_that_tells_nothing_lowers_the_value() -> None:
    assert value(1, pilot_sd=100.0) < value(0)


def test_a_plan_that_does_not_fit_the_remaining_hours_is_impossible() -> None:
    assert value(0, left=2.5) > 0
    assert value(1, left=2.5) == -np.inf
    assert value(0, left=2.4) == -np.inf
