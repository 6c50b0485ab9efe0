"""Read API keys from a file into the environment of this process."""

import os
import re
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_QUOTED = re.compile(r"""(['"])(.*)\1""")


def read_env_file(path: str | Path) -> None:
    """Set every `KEY=VALUE` of a file in the environment. Blank lines and lines that start with # are skipped.

    Raises:
        ConfigError: The file cannot be read, or a line has another form. No fault quotes the file, as it holds secrets.
    """
    where = f"--env-file {path}"
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ConfigError([Fault(where, None, error.strerror or "it cannot be read", "a readable file")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Fault(where, None, "the file is not UTF-8", "lines KEY=VALUE")]) from None
    stripped = {number: line.strip() for number, line in enumerate(lines, start=1)}
    matches = {number: _LINE.fullmatch(line) for number, line in stripped.items() if line and not line.startswith("#")}
    if invalid := [f"{path}:{number}" for number, match in matches.items() if match is None]:
        raise ConfigError([Fault(line, None, "not a line KEY=VALUE (not shown)", "KEY=VALUE") for line in invalid])
    for match in matches.values():
        if match is not None:
            value = _QUOTED.fullmatch(match[2])
            os.environ[match[1]] = value[2] if value else match[2]
