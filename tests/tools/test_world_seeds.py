"""Seeds of worlds: those common to runs, those of one run, and their range."""

from itertools import pairwise
from typing import get_args

import pytest

from aarlab.memory.events import Panel
from aarlab.tools.evaluator.world_seeds import WorldSeeds

COMMON = ("screening", "tuning", "heldout", "shifted", "transfer", "audit")


def seeds(of: WorldSeeds) -> dict[str, int]:
    """Return one seed of each kind."""
    panels = {panel: of.panel(panel, 0) for panel in get_args(Panel) if panel != "development"}
    return {**panels, "experiment": of.experiment("r1.e1", 0), "fixed": of.fixed_world()}


def test_no_two_kinds_of_worlds_share_a_seed() -> None:
    both = [*seeds(WorldSeeds.of(7)).values(), WorldSeeds.of(7).experiment("r1.e1", 1)]
    assert len(set(both)) == len(both)


def test_the_same_run_has_the_same_seeds() -> None:
    assert seeds(WorldSeeds.of(7, "s")) == seeds(WorldSeeds.of(7, "s"))


def test_runs_share_the_common_panels_and_nothing_else() -> None:
    one, other = seeds(WorldSeeds.of(7)), seeds(WorldSeeds.of(8))
    assert {kind for kind in one if one[kind] == other[kind]} == set(COMMON)


def test_another_secret_changes_everything() -> None:
    for one, other in pairwise(seeds(WorldSeeds.of(7, secret)) for secret in ("", "a", "b")):
        assert [kind for kind in one if one[kind] == other[kind]] == []


@pytest.mark.parametrize("seed", seeds(WorldSeeds.of(7)).values())
def test_seeds_are_below_2_to_the_128(seed: int) -> None:
    assert 0 <= seed < 2**128
