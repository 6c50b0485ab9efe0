"""From YAML and `--set` to a Scenario, or to an account of everything that is wrong with them.

`aarlab.config.scenario_files` does it. Here is what every command can meet: a mistake, and how it is told.
"""

from aarlab.config.errors import ConfigError, Fault

__all__ = ["ConfigError", "Fault"]
