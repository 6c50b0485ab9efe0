"""How a run is configured that is another's up to a round."""

from collections.abc import Sequence
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault
from aarlab.config.scenario_files import scenario_from_dict
from aarlab.graph.run.segments import InvalidFork, NoSuchRound, check_fork, segments_before
from aarlab.graph.scenario import Scenario
from aarlab.memory.run_reader import RunReader


def forked_scenario(parent: Path, at: int, settings: Sequence[str] = (), seed: int | None = None) -> Scenario:
    """Return the configuration of a fork.

    Args:
        parent: The run file that it is taken from.
        at: The first round that is its own.
        settings: Overrides as for `--set`, on top of how the parent was configured in the end.
        seed: What is random from there on is derived from it; who simulated researchers are still follows from the
            parent's. None: the parent's.

    Raises:
        ConfigError: The run cannot be forked there, or like this.
    """
    if any(setting.partition("=")[0].strip() == "seed" for setting in settings):
        raise ConfigError([Fault("--set seed", None, "a seed of its own", "--seeds N: how often to go on from there")])
    try:
        with RunReader.open(parent) as file:
            parent_scenario, configured = segments_before(file, at)[-1].scenario, file.info().scenario
    except NoSuchRound as error:
        raise ConfigError([Fault(f"--round {at}", None, "a round that the run has not begun", str(error))]) from None
    forked = scenario_from_dict(str(parent), configured, settings)
    try:
        check_fork(parent_scenario, forked)
    except InvalidFork as error:
        raise ConfigError([Fault(str(parent), None, "another team or task", str(error))]) from None
    if seed is None or seed == forked.seed:
        return forked
    return with_pinned_temperament(forked, forked.seed).model_copy(update={"seed": seed})


def with_pinned_temperament(scenario: Scenario, seed: int) -> Scenario:
    """Return the scenario with researchers who are, whatever its seed, those of a run under the seed that is given."""
    temperament = scenario.team.temperament
    pinned = temperament if "@" in temperament else f"{temperament}@{seed}"
    return scenario.model_copy(update={"team": scenario.team.model_copy(update={"temperament": pinned})})
