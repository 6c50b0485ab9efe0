"""Write a run as an Inspect log (https://inspect.aisi.org.uk)."""

from pathlib import Path

from inspect_ai.log import condense_sample, write_eval_log

from aarlab.export.inspect.eval_log import eval_log
from aarlab.memory.run_reader import RunReader


def write_inspect(file: RunReader, path: Path) -> None:
    """Write a log with the run as its only sample: JSON if the path ends in `.json`, else Inspect's `.eval` format."""
    log = eval_log(file)
    # Inspect's JSON repeats the conversation in every model event unless the samples are condensed.
    log.samples = [condense_sample(sample) for sample in log.samples or []]
    write_eval_log(log, path, format="json" if path.suffix == ".json" else "eval")
