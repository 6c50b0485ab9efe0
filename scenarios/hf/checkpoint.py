"""Checkpoints of transformers models: a folder, or a model of the hub that is downloaded once."""

import hashlib
import importlib.util
from pathlib import Path

PACKAGES = ("torch", "transformers", "peft", "accelerate")
"""What the extra `hf` installs and the task needs."""
_IGNORED = ("*.bin", "*.pt", "*.onnx", "*.gguf", "*.h5", "*.msgpack", "*.ot", "onnx/*", "openvino/*")
_EDGE_BYTES = 1 << 20


class UnusableModel(ValueError):
    """A model is missing, cannot be loaded, does not fit in memory or leaves no gap; the message has reason and fix."""


def require_packages() -> None:
    """Raise UnusableModel if a package of the extra `hf` is not installed."""
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise UnusableModel(f"the task hf needs {' and '.join(missing)}. Fix: pip install 'aarlab[hf]'")


def checkpoint_folder(model: str) -> Path:
    """Return the folder of a model: `model` itself, or the snapshot of a hub id, downloaded if necessary.

    Raises:
        UnusableModel: There is neither such a folder nor such a model, or the hub cannot be reached.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UnusableModel(f"{folder} is not a transformers model: it has no config.json")
        return folder.resolve()
    if is_path(model):
        raise UnusableModel(f"the model folder {model} does not exist. Fix: name a folder or a model of the hub")
    require_packages()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, ignore_patterns=list(_IGNORED)))
    except (OSError, ValueError, HFValidationError, LocalEntryNotFoundError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnusableModel(
            f"the model {model!r} is neither a folder nor can it be loaded from the hub: {reason}. Fix: check the "
            "name and the connection, or name the folder of a downloaded model"
        ) from error


def is_path(model: str) -> bool:
    """Return whether a model is named by a path and not by its name on the hub."""
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or Path(model).is_dir()


def fingerprint(folder: Path) -> str:
    """Return a hash of the files of a model. Of a large file, its size, first and last MiB count."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(_EDGE_BYTES))
            if size > _EDGE_BYTES:
                file.seek(max(_EDGE_BYTES, size - _EDGE_BYTES))
                digest.update(file.read(_EDGE_BYTES))
    return digest.hexdigest()[:16]
