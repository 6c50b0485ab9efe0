"""The secret of the laboratory: random, made on first use, and kept in a file of this user.

The worlds of a run and their labels follow from the seed of the run, public code and a secret. Without a secret, a
method that carries the code of the worlds regenerates the labels. A scenario names its secret in `scoring.secret`:

- `laboratory` (default): the secret of this laboratory. A run file records its fingerprint, `laboratory:FINGERPRINT`.
- empty: none. The worlds are the same everywhere, and a method can compute the labels.
- any other text: the secret itself. It is in the scenario and in the run file.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aarlab.memory.laboratory_fingerprint import LABORATORY, needs_laboratory
from aarlab.tools.evaluator.world_seeds import scrypt_key

SECRET_VARIABLE: Final = "AARLAB_SECRET"
"""Environment variable that replaces the file, for machines without one. Empty: the laboratory has no secret."""
_FIX = (
    f"Fix: set XDG_STATE_HOME to a folder that you can write to, set {SECRET_VARIABLE}, or set scoring.secret in the "
    "scenario"
)
_BYTES = 32
_MAX_BYTES = 4096


class LaboratorySecretError(RuntimeError):
    """The secret of the laboratory is needed, and is missing, another one, or cannot be made. The message has a fix."""


def secret_path() -> Path:
    """Return the path of the file with the secret, in the user's state folder (XDG Base Directory specification).

    Raises:
        LaboratorySecretError: The user has no home folder, and no variable names another one.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    try:
        folder = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        problem = "the secret of this laboratory cannot be stored, because this user has no home folder"
        raise LaboratorySecretError(f"{problem}. {_FIX}") from None
    return folder / "aarlab" / "secret"


def laboratory_secret(*, create: bool = True) -> str:
    """Return the secret of the laboratory; empty if `AARLAB_SECRET` is set and empty.

    Args:
        create: Whether to make the file with a new secret if there is none.

    Raises:
        LaboratorySecretError: There is no secret and none may or can be made, or the file cannot be read.
    """
    if (value := os.environ.get(SECRET_VARIABLE)) is not None:
        return value
    path = secret_path()
    failed = "cannot be read from"
    try:
        if create and not path.exists():
            failed = "cannot be stored in"
            _create(path)
            failed = "cannot be read from"
        with path.open("rb") as file:
            with suppress(OSError):  # the file may be another user's, or on a read-only file system
                os.fchmod(file.fileno(), 0o600)  # a copy may have got other rights
            text = file.read(_MAX_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LaboratorySecretError(
            f"the secret of this laboratory {failed} {path} ({reason}). {_FIX}, or copy the file from where its runs "
            "were made"
        ) from None
    if not text:
        raise LaboratorySecretError(f"{path} is empty. Fix: delete it; a new secret is then made")
    return text


def recorded_secret(secret: str, laboratory: str | None = None) -> str:
    """Return `scoring.secret` as a run file records it: for the laboratory's, its fingerprint.

    Args:
        secret: The field of the scenario.
        laboratory: The secret of the laboratory; None: that of this user, made if there is none.

    Raises:
        LaboratorySecretError: See `laboratory_secret`.
    """
    if secret != LABORATORY:
        return secret
    value = laboratory_secret() if laboratory is None else laboratory
    return f"{LABORATORY}:{_fingerprint(value)}" if value else ""


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


def world_secret(secret: str, laboratory: str | None = None) -> str:
    """Return the secret for the seeds of worlds, given `scoring.secret` and the secret of the laboratory if known.

    Raises:
        LaboratorySecretError: The laboratory's secret is needed, and is missing or another one.
    """
    if not needs_laboratory(secret):
        return secret
    recorded = secret.partition(":")[2]
    value = laboratory_secret(create=not recorded) if laboratory is None else laboratory
    if recorded and _fingerprint(value) != recorded:
        raise LaboratorySecretError(
            f"the scores need the secret of the laboratory in which the run was started (fingerprint {recorded}), and "
            f"this laboratory has another one. Fix: set {SECRET_VARIABLE} to the content of the file "
            f"aarlab/secret in the state folder (~/.local/state) of the user who started it"
        )
    return value


def _fingerprint(secret: str) -> str:
    """Return 16 hexadecimal digits by which a secret is recognised. Salted and slow, and no seed follows from it."""
    return scrypt_key(secret, "fingerprint")[:16]


def _create(path: Path) -> None:
    """Make the file with a random secret. If another process makes it at the same time, its secret is kept."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secrets.token_hex(_BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # fails if the file exists, and never leaves a part of it
        except FileExistsError:
            return
    finally:
        temporary.unlink()
