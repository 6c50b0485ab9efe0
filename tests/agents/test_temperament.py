"""Temperaments are drawn from documented distributions, by seed and name."""

import dataclasses
import statistics

import pytest

from aarlab.agents.models.registry import check_temperament, open_model
from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.agents.models.simulated.temperament import (
    DISTRIBUTIONS,
    REPORTED_PGR,
    Temperament,
    UnknownTemperament,
    draw,
    reputation,
)
from aarlab.scenarios.toolkit import FAMILIES, catalogue

SPACE = SearchSpace(catalogue())
each_distribution = pytest.mark.parametrize("name", DISTRIBUTIONS)


def test_an_unknown_temperament_is_an_error_that_lists_the_names() -> None:
    for call in (
        lambda: check_temperament("choleric"),
        lambda: open_model("simulated/random", seed=1, agent="r1", temperament="choleric"),
    ):
        with pytest.raises(
            UnknownTemperament, match="no temperament is called 'choleric'; there are: varied, "
        ) as error:
            call()
        assert all(name in str(error.value) for name in DISTRIBUTIONS)


@each_distribution
def test_every_trait_is_in_its_range(name: str) -> None:
    ranges = DISTRIBUTIONS[name]
    assert ranges.about
    for seed in range(20):
        traits = draw(seed, "r1", SPACE, name)
        for field in dataclasses.fields(Temperament):
            if field.name != "taste":
                low, high = getattr(ranges, field.name)
                assert low <= getattr(traits, field.name) <= high
        assert all(preference > 0 for preference in traits.taste.values())


def test_a_team_shares_only_its_taste() -> None:
    first, teammate, stranger = draw(1, "r1", SPACE), draw(1, "r2", SPACE), draw(2, "r1", SPACE)
    assert first.taste == teammate.taste != stranger.taste
    assert first.exploration != teammate.exploration
    assert draw(1, "r1", SPACE) == first


def judgement(name: str) -> float:
    """Return the correlation of tastes with the reputation of families, averaged over seeds."""
    families = sorted({operator.family for operator in SPACE.operators.values()})
    known = list(reputation(families).values())
    tastes = (draw(seed, "r1", SPACE, name).taste for seed in range(60))
    return statistics.fmean(statistics.correlation(known, [taste[f] for f in families]) for taste in tastes)


def test_taste_correlates_with_reputation_as_documented() -> None:
    assert judgement("good-taste") > 0.4
    assert abs(judgement("varied")) < 0.2
    assert judgement("poor-taste") < -0.4


def test_reputation_is_standardised_over_reported_families() -> None:
    assert set(REPORTED_PGR) <= set(FAMILIES)
    known = reputation(FAMILIES)
    reported = [known[family] for family in REPORTED_PGR]
    assert statistics.fmean(reported) == pytest.approx(0, abs=1e-9)
    assert statistics.pstdev(reported) == pytest.approx(1)
    assert all(known[family] == 0 for family in FAMILIES if family not in REPORTED_PGR)


def test_changing_one_range_leaves_the_other_traits_unchanged() -> None:
    varied, tasteful = draw(3, "r1", SPACE), draw(3, "r1", SPACE, "good-taste")
    assert dataclasses.replace(varied, taste=tasteful.taste) == tasteful
