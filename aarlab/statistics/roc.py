"""Receiver operating characteristics: how well a score separates positives from negatives."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from aarlab.memory.seeds import rng
from aarlab.statistics.estimates import LEVEL, Estimate

RESAMPLES = 1000


Scored = Sequence[tuple[Hashable, float]]
"""Scores, each with the cluster that it belongs to."""


def roc_area(positives: Scored, negatives: Scored) -> Estimate | None:
    """Return the area under the ROC curve with a percentile bootstrap interval over clusters; None without both groups.

    The area is the probability that a positive scores higher than a negative, ties counted half (Hanley and McNeil
    1982). Scores of one cluster depend on each other, so clusters are resampled, positives and negatives together
    (Obuchowski 1997). Without two clusters there is no interval.
    """
    if not positives or not negatives:
        return None
    clusters = list(dict.fromkeys(cluster for cluster, _ in (*positives, *negatives)))
    row = {cluster: i for i, cluster in enumerate(clusters)}
    of_p, of_n = (np.array([row[cluster] for cluster, _ in group]) for group in (positives, negatives))
    p, n = (np.array([score for _, score in group], dtype=np.float64) for group in (positives, negatives))
    wins = (p[:, None] > n) + 0.5 * (p[:, None] == n)
    # Sums of the wins and numbers of the scores by cluster: (k, k), (k,) and (k,).
    by_p = np.zeros((len(clusters), len(n)))
    np.add.at(by_p, of_p, wins)
    by_cluster = np.zeros((len(clusters), len(clusters)))
    np.add.at(by_cluster.T, of_n, by_p.T)
    n_p, n_n = np.bincount(of_p, minlength=len(clusters)), np.bincount(of_n, minlength=len(clusters))
    area = float(wins.mean())
    if len(clusters) < 2:
        return Estimate(area, None)
    drawn = rng("roc", len(p), len(n)).multinomial(len(clusters), np.full(len(clusters), 1 / len(clusters)), RESAMPLES)
    pairs = (drawn @ n_p) * (drawn @ n_n)
    areas = np.einsum("bi,ij,bj->b", drawn, by_cluster, drawn, optimize=True)[pairs > 0] / pairs[pairs > 0]
    low, high = np.quantile(areas, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(area, (float(low), float(high)))


def tail_shares(scores: Sequence[float], negatives: Sequence[float]) -> NDArray[np.float64]:
    """Return for each score one minus the share of negatives that are at least as high: 1 if no negative is."""
    ordered = np.sort(np.asarray(negatives, dtype=np.float64))
    return np.asarray(np.searchsorted(ordered, np.asarray(scores), side="left") / max(1, len(ordered)))
