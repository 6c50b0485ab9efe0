"""A run as a log of Inspect (https://inspect.aisi.org.uk), which `inspect view` and `read_eval_log` open."""

from importlib.util import find_spec
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault
from aarlab.memory.run_reader import RunReader


def write_inspect(file: RunReader, path: Path) -> None:
    """Write a log with the run as its one sample: as JSON if the name ends so, else in Inspect's own format.

    Raises:
        ConfigError: The extra `inspect` is not installed.
    """
    if find_spec("inspect_ai") is None:
        found = "the package inspect_ai is not installed"
        raise ConfigError([Fault("--format inspect", None, found, None, "pip install 'aarlab[inspect]'")])
    from inspect_ai.log import condense_sample, write_eval_log

    from aarlab.export.inspect.eval_log import eval_log

    log = eval_log(file)
    # Into JSON Inspect writes a conversation again at every call, unless it is told not to.
    log.samples = [condense_sample(sample) for sample in log.samples or []]
    write_eval_log(log, path, format="json" if path.suffix == ".json" else "eval")
