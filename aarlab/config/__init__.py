"""From YAML and `--set` to a Scenario, or to an account of everything that is wrong with them."""

from aarlab.config.faults import ConfigError, Fault
from aarlab.config.load import load_scenario
from aarlab.config.shipped import shipped_scenarios

__all__ = ["ConfigError", "Fault", "load_scenario", "shipped_scenarios"]
