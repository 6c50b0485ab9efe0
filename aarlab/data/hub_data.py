"""Reading a data set of the Hugging Face hub. Needs the extra `hf`."""

from aarlab.config.errors import ConfigError, Fault
from aarlab.data.data_records import Faults
from aarlab.data.preparation import FILES, Source, source_of
from aarlab.scenarios.prepared_data import Pool


def read_hub(name: str) -> Source:
    """Return the records of a data set with one split for each pool, from the hub, its cache or a local folder.

    Raises:
        ConfigError: The extra is not installed, the data set cannot be read, a split is missing, or a row is malformed.
    """
    where = f"--from-hub {name}"
    try:
        import datasets
    except ImportError:
        fix = "pip install 'aarlab[hf]'"
        raise ConfigError([Fault(where, None, "the package datasets is not installed", None, fix)]) from None
    try:
        splits = datasets.load_dataset(name)
    except Exception as error:  # the package raises many kinds, of its own and of its parts
        reason = str(error).partition("\n")[0]
        problem = f"the data set cannot be read: {type(error).__name__}: {reason}"
        raise ConfigError([Fault(where, None, problem, "the name of a public data set, or a folder")]) from None
    missing = [split for pool, split in FILES.items() if pool != "ood" and split not in splits]
    if missing:
        problem = f"no split {', '.join(missing)}; the data set has: {', '.join(splits)}"
        fix = f"save its rows as JSON Lines files {', '.join(FILES.values())} and prepare their folder"
        raise ConfigError([Fault(where, None, problem, f"splits {', '.join(FILES.values())}", fix)])
    lines: dict[Pool, list[tuple[str, object]]] = {
        pool: [(f"{name} {split}:{number}", row) for number, row in enumerate(splits[split], 1)]
        for pool, split in FILES.items()
        if split in splits
    }
    hashes = {split: str(splits[split]._fingerprint) for split in FILES.values() if split in splits}
    return source_of(name.rpartition("/")[2], lines, hashes, Faults())
