"""Configuration: YAML files and `--set` overrides become a Scenario or a list of faults.

`aarlab.config.scenario_files` loads scenarios. This module exports the errors that every command can raise.
"""

from aarlab.config.errors import ConfigError, Fault

__all__ = ["ConfigError", "Fault"]
