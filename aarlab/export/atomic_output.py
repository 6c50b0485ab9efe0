"""Where an export goes: into a new file or folder, which is there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, a file or a folder; it gets its name when all is well, else it goes.

    Raises:
        ConfigError: There is something at `path` already, or nothing can be written there.
    """
    require_new_path(path)
    temporary = path.with_name(f".half-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        require_new_path(path)
        os.rename(temporary, path)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError([Fault(str(path), None, f"cannot be written ({why})", "a path that can")]) from None
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def require_new_path(path: Path) -> None:
    """Raise ConfigError if there is something at `path`."""
    if path.exists() or path.is_symlink():
        kind = "a folder" if path.is_dir() else "a file"
        raise ConfigError([Fault(str(path), None, f"{kind} that is there already", "a name that is free: --out PATH")])
