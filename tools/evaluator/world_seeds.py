"""Which worlds are drawn: seeds that nobody can name who knows the code alone.

A world follows from its seed, labels and all, so whoever can guess the seed can compute the labels. Seeds are derived
from the run's seed and a secret through a function that is slow on purpose: inside a method's deadline only a few dozen
guesses can be tried. That does not protect a seed that is the first guess, such as 1, nor the common panels, which
need no run's seed; a secret does.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Self

from aarlab.memory.events import Panel
from aarlab.memory.seeds import seed_of

_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}
"""About a tenth of a second and 32 MiB for each guess (Percival 2009)."""


@dataclass(frozen=True, slots=True)
class WorldSeeds:
    """The seeds of a run's worlds."""

    _run: str
    """Key of what is drawn for this run alone."""
    _common: str
    """Key of what is the same for all runs that share the secret."""

    @classmethod
    def of(cls, run_seed: int, secret: str = "") -> Self:
        """Return the seeds of a run. Runs whose common panels are to be the same have the same secret."""
        return cls(_scrypt_key(secret, f"run {run_seed}"), _scrypt_key(secret, "common"))

    def experiment(self, name: str, number: int) -> int:
        """Return the seed of a world of the experiment called `name`."""
        return seed_of("development", self._run, name, number)

    def fixed(self) -> int:
        """Return the seed of the one world of a run in which everything is measured on it."""
        return seed_of("fixed", self._run)

    def panel(self, panel: Panel, number: int) -> int:
        """Return the seed of a world of a panel: the run's own for the final, common to all runs for the others."""
        return seed_of(panel, self._run if panel == "final" else self._common, number)


@cache
def _scrypt_key(secret: str, purpose: str) -> str:
    return hashlib.scrypt(secret.encode(), salt=f"aarlab {purpose}".encode(), dklen=16, **_SCRYPT).hex()
