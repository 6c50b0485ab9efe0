"""The families that a direction suggests, and the share of methods that follow it by chance."""

import pytest

from aarlab.graph.structure.dials.directions import DIRECTIONS
from aarlab.memory.family_keywords import FAMILY_KEYWORDS, follows, share_by_chance, suggested_families
from aarlab.scenarios.toolkit import FAMILIES, catalogue


@pytest.mark.parametrize("text", DIRECTIONS)
def test_a_direction_suggests_its_documented_families(text: str) -> None:
    assert suggested_families(text) == DIRECTIONS[text]


def test_every_family_has_keywords() -> None:
    assert set(FAMILY_KEYWORDS) == set(FAMILIES)


def test_a_text_without_keywords_suggests_nothing() -> None:
    assert suggested_families("Do what you like.") == frozenset()


def test_a_method_follows_with_one_operator() -> None:
    assert follows(["other", "ensemble"], {"ensemble"})
    assert not follows(["other"], {"ensemble"})


def test_chance_grows_with_the_length_of_methods() -> None:
    families = [entry["family"] for entry in catalogue()]
    short, long = (share_by_chance([length], {"ensemble"}, families) for length in (1, 4))
    assert short == pytest.approx(families.count("ensemble") / len(families))
    assert short < long < 1
    assert share_by_chance([1, 4], {"ensemble"}, families) == pytest.approx((short + long) / 2)
