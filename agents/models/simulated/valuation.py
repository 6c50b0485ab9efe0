"""The value of a step: the expected gain of the best PGR per research hour.

A plan for a recipe is a number of pilots and then, if they look good, a full run. Only full runs can be submitted, so a
pilot is worth what it saves: full runs of recipes that turn out poor. The value of a plan is its expected gain divided
by its expected hours, at the threshold for which this ratio is highest (the marginal value theorem, Charnov 1976). The
gain is the expected improvement over the best known PGR (Jones, Schonlau and Welch 1998).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

FloatArray = npt.NDArray[np.float64]

MAX_PILOTS = 3
"""Maximum number of pilots that a plan looks ahead."""
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(15)
_NODES, _NODE_WEIGHTS = _NODES[::-1], _NODE_WEIGHTS / _NODE_WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class PlanHours:
    """Research hours of the parts of a plan, with the calls of the base model that they need."""

    start: float
    """Writing the method; 0 if it is written."""
    pilot: float
    full: float
    """The full run and its report."""
    left: float
    """Hours that remain. A plan that may take longer is not possible."""


def expected_improvement(mean: FloatArray, sd: FloatArray, best: float) -> FloatArray:
    """Return E[max(0, score - best)] of normally distributed scores; the shape is that of `mean` and `sd`."""
    z = (mean - best) / sd
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return np.asarray(sd * (z * ndtr(z) + density), dtype=np.float64)


def value_per_hour(
    mean: FloatArray, sd: FloatArray, best: float, hours: PlanHours, *, pilots: int, pilot_sd: float
) -> FloatArray:
    """Return (n,) the values of a plan for n recipes, in PGR per hour; minus infinity if there is no time for it.

    Args:
        mean: (n,) expected PGR of each recipe.
        sd: (n,) its standard deviation.
        best: Best known PGR.
        hours: Hours of the parts of the plan.
        pilots: Number of pilots before the full run.
        pilot_sd: Standard deviation of the noise of one pilot.
    """
    if hours.start + pilots * hours.pilot + hours.full > hours.left + 1e-9:
        return np.full(len(mean), -np.inf)
    if not pilots:
        return expected_improvement(mean, sd, best) / (hours.start + hours.full)
    # The mean after the pilots is normal with this standard deviation; the rest of the uncertainty remains.
    learned = sd**2 / np.sqrt(sd**2 + pilot_sd**2 / pilots)
    remaining = np.sqrt(sd**2 - learned**2)
    gains = expected_improvement(mean[:, None] + learned[:, None] * _NODES, remaining[:, None], best)
    # Nodes are in descending order: the first i of them are the outcomes after which the full run follows.
    gain, probability = np.cumsum(_NODE_WEIGHTS * gains, axis=1), np.cumsum(_NODE_WEIGHTS)
    rates = gain / (hours.start + pilots * hours.pilot + hours.full * probability)
    return np.asarray(rates.max(axis=1), dtype=np.float64)


def best_plans(
    mean: FloatArray, sd: FloatArray, best: float, hours: PlanHours, *, pilot_sd: float, pilots_allowed: bool
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return (n,) the value of the best plan for each recipe, and (n,) whether it starts with a pilot."""
    counts = range(1 + pilots_allowed * MAX_PILOTS)
    values = np.array([value_per_hour(mean, sd, best, hours, pilots=n, pilot_sd=pilot_sd) for n in counts])
    return values.max(axis=0), values.argmax(axis=0) > 0
