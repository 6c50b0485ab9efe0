"""Reading a run for an export: a secret that its scenario names is replaced by its fingerprint."""

from dataclasses import replace

from aarlab.memory.run_info import RunInfo
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.laboratory_secret import without_secret


class ExportReader(RunReader):
    """An open run file without the secret of its worlds."""

    def info(self) -> RunInfo:
        """Return the row of table `runs` without secrets."""
        info = super().info()
        return replace(info, scenario=without_secret(info.scenario), fork_history=without_secret(info.fork_history))
