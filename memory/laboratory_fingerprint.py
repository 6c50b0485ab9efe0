"""How a scenario refers to the secret of a laboratory: by a word, or in a run file by its fingerprint."""

from typing import Final

LABORATORY: Final = "laboratory"
"""Value of `scoring.secret` for the secret of the laboratory."""


def needs_laboratory(secret: str) -> bool:
    """Return whether a value of `scoring.secret` stands for the secret of a laboratory."""
    return secret == LABORATORY or secret.startswith(f"{LABORATORY}:")
