"""Seeds of worlds, which cannot be computed from the code alone.

A seed determines a world with its labels, so a method that can guess the seed can compute the labels. Seeds are derived
from the run's seed and a secret by scrypt, a deliberately slow function: within its time limit a method can try only a
few dozen guesses. This protects neither a run seed that is easy to guess, such as 1, nor the common panels, which do
not depend on the run's seed. A secret protects both; `laboratory_secret` has the default one.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Self

from aarlab.memory.events import Panel
from aarlab.memory.seeds import seed_of

_SCRYPT = {"n": 2**15, "r": 8, "p": 1, "maxmem": 2**26}
"""About 0.1 s and 32 MiB for each guess (Percival 2009)."""


@dataclass(frozen=True, slots=True)
class WorldSeeds:
    """The seeds of a run's worlds."""

    _run: str
    """Key of the worlds that only this run uses."""
    _common: str
    """Key of the worlds that all runs with the same secret share."""

    @classmethod
    def of(cls, run_seed: int, secret: str = "") -> Self:
        """Return the seeds of a run. Runs with the same secret share the common panels."""
        return cls(scrypt_key(secret, f"run {run_seed}"), scrypt_key(secret, "common"))

    def experiment(self, name: str, number: int) -> int:
        """Return the seed of a world of the experiment called `name`."""
        return seed_of("development", self._run, name, number)

    def fixed_world(self) -> int:
        """Return the seed of the fixed world of a run in evaluation mode `open`."""
        return seed_of("fixed", self._run)

    def panel(self, panel: Panel, number: int) -> int:
        """Return the seed of a world of a panel. The panel `final` belongs to the run, the others are common."""
        return seed_of(panel, self._run if panel == "final" else self._common, number)


@cache
def scrypt_key(secret: str, purpose: str) -> str:
    """Return 32 hexadecimal digits derived from a secret for one purpose."""
    return hashlib.scrypt(secret.encode(), salt=f"aarlab {purpose}".encode(), dklen=16, **_SCRYPT).hex()
