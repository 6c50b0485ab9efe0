"""Keys from a file. What stands in it goes into this process's environment and nowhere else."""

import os
import re
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(['"])(.*)\1""")


def read_env_file(path: str | Path) -> None:
    """Put every `KEY=VALUE` of a file into the environment; blank lines and lines that begin with # say nothing.

    Raises:
        ConfigError: It cannot be read. No fault repeats what stands in the file, for it may be a secret.
    """
    where = f"--env-file {path}"
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError([Fault(where, None, error.strerror or "trouble", "a file that can be read")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(where, None, "bytes that are not UTF-8", "lines KEY=VALUE")]) from None
    said = {number: line.strip() for number, line in enumerate(lines, start=1)}
    read = {number: _LINE.fullmatch(line) for number, line in said.items() if line and not line.startswith("#")}
    if wrong := [number for number, match in read.items() if match is None]:
        places = [f"{path}:{number}" for number in wrong]
        raise ConfigError([Fault(place, None, "something else (not shown)", "a line KEY=VALUE") for place in places])
    for match in read.values():
        if match is not None:
            value = _QUOTED.fullmatch(match[2])
            os.environ[match[1]] = value[2] if value else match[2]
