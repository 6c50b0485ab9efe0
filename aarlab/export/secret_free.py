"""Reading a run for an export: a secret that its scenario names is replaced by its fingerprint."""

from dataclasses import replace
from typing import Any

from aarlab.memory.laboratory_fingerprint import LABORATORY, needs_laboratory
from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.laboratory_secret import recorded_secret


class ExportReader(RunReader):
    """An open run file without the secret of its worlds."""

    def info(self) -> RunInfo:
        """Return the row of table `runs` without secrets."""
        info = super().info()
        return replace(info, scenario=without_secret(info.scenario), fork_history=without_secret(info.fork_history))


def without_secret(value: Any) -> Any:
    """Return a scenario, or JSON with scenarios, with each `scoring.secret` as a laboratory's fingerprint.

    To score the run again, set AARLAB_SECRET to the secret.
    """
    match value:
        case list() | tuple():
            return type(value)(without_secret(item) for item in value)
        case {"secret": str(secret), **rest} if secret and not needs_laboratory(secret):
            return {**rest, "secret": recorded_secret(LABORATORY, secret)}
        case dict():
            return {name: without_secret(item) for name, item in value.items()}
        case _:
            return value
