"""Write a file or folder atomically: it appears complete, or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_output(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary path with the name of `path`, and rename it to `path` when the block ends.

    The block creates a file or a folder there. The temporary path is in a new hidden folder beside `path`, which is
    deleted afterwards. If the block raises, `path` is unchanged. Missing parent folders of `path` are created.

    Args:
        path: The file or folder to write.
        replace: Whether an existing file is replaced.

    Raises:
        FileExistsError: `path` exists, and `replace` is false.
    """
    _require_new(path, replace=replace)
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    folder.mkdir()
    temporary = folder / path.name
    try:
        yield temporary
        if temporary.is_file():
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        _require_new(path, replace=replace)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(folder)


def _require_new(path: Path, *, replace: bool) -> None:
    if not replace and (path.exists() or path.is_symlink()):
        raise FileExistsError(f"{path} already exists; choose another path")
