"""The scenario of a fork."""

from collections.abc import Sequence
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault
from aarlab.config.scenario_files import scenario_from_dict
from aarlab.graph.run.segments import InvalidFork, NoSuchRound, check_fork, segments_before
from aarlab.graph.scenario import Scenario
from aarlab.memory.run_reader import RunReader


def forked_scenario(parent: Path, at: int, settings: Sequence[str] = (), seed: int | None = None) -> Scenario:
    """Return the scenario of a fork.

    Args:
        parent: The run file to fork.
        at: First round under the new settings.
        settings: Overrides as for `--set`, applied to the scenario of the parent's last segment.
        seed: Seed from that round on; None keeps the parent's. The temperament of simulated researchers is drawn from
            the parent's seed in either case.

    Raises:
        ConfigError: The run has not begun that round, or the settings change what a fork must keep.
    """
    if any(setting.partition("=")[0].strip() == "seed" for setting in settings):
        raise ConfigError(
            [Fault("--set seed", None, "this override cannot set the seed of a fork", "--seeds N, the number of forks")]
        )
    try:
        with RunReader.open(parent) as file:
            parent_scenario, configured = segments_before(file, at)[-1].scenario, file.info().scenario
    except NoSuchRound as error:
        raise ConfigError([Fault(f"--round {at}", None, f"round {at} has not begun: {error}", None)]) from None
    forked = scenario_from_dict(str(parent), configured, settings)
    try:
        check_fork(parent_scenario, forked)
    except InvalidFork as error:
        raise ConfigError([Fault(str(parent), None, "a fork keeps the team and the task", str(error))]) from None
    if seed is None or seed == forked.seed:
        return forked
    return with_pinned_temperament(forked, forked.seed).model_copy(update={"seed": seed})


def with_pinned_temperament(scenario: Scenario, seed: int) -> Scenario:
    """Return the scenario with the temperament of simulated researchers drawn from `seed` instead of the seed field."""
    temperament = scenario.team.temperament
    pinned = temperament if "@" in temperament else f"{temperament}@{seed}"
    return scenario.model_copy(update={"team": scenario.team.model_copy(update={"temperament": pinned})})
