"""How long an ablation will take, from the runs that are done."""

import statistics
from collections.abc import Iterable

from aarlab.ablation.ablation_plan import PlannedRun


class DurationForecast:
    """Learns how many seconds on the clock the runs of each arm take."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}

    def observe(self, arm: str, seconds: float) -> None:
        """Take in how long a run took."""
        self._seconds.setdefault(arm, []).append(seconds)

    def per_run(self, arm: str) -> float | None:
        """Return the seconds that a run of this arm takes: as its own did, or else as those of other arms."""
        if arm in self._seconds:
            return statistics.fmean(self._seconds[arm])
        everywhere = [statistics.fmean(seconds) for seconds in self._seconds.values()]
        return statistics.fmean(everywhere) if everywhere else None

    def remaining_seconds(
        self, waiting: Iterable[PlannedRun], remaining_shares: Iterable[tuple[str, float]], jobs: int
    ) -> float | None:
        """Return the seconds until all is done; None where nothing is known yet.

        Args:
            waiting: Runs that have not begun.
            shares_left: Arm of each run that is at work, and the share of it that is left.
            jobs: How many are done at a time.
        """
        parts = [(self.per_run(run.arm), 1.0) for run in waiting]
        parts += [(self.per_run(arm), share) for arm, share in remaining_shares]
        known = [seconds * share for seconds, share in parts if seconds is not None]
        return sum(known) / jobs if len(known) == len(parts) else None


def time_text(seconds: float) -> str:
    """Return a time in few words."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
