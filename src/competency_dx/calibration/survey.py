"""Sandwich covariance of the estimates, for a wrong model and for survey designs.

V = A⁻¹ B A⁻¹ with A the observed information and B the variance of the summed scores of persons: over persons, over clusters
within strata (Binder 1983, doi:10.2307/1402588, eq. 3.4), or over replicate weights by linearised replicates, each one Newton
step from the estimates (Yung & Rao 1996). Weights scale the scores of persons.
"""

from __future__ import annotations

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.calibration.sample import Sample


def sandwich(covariance: Floats, scores: Floats, sample: Sample) -> Floats:
    """Return the design-consistent covariance (F, F).

    Parameters
    ----------
    covariance : ndarray, shape (F, F)
        Inverse of the observed information.
    scores : ndarray, shape (P, F)
        Gradient of each person's own (unweighted) log-likelihood.
    sample : Sample
        Weights, strata, clusters, replicate weights.
    """
    weight = np.ones(len(scores)) if sample.weight is None else sample.weight
    if sample.replicates is not None:
        moves = covariance @ (scores.T @ (sample.replicates - weight[:, None]))
        return np.asarray(sample.replicate_factor * moves @ moves.T)
    weighted = scores * weight[:, None]
    cluster = np.arange(len(scores)) if sample.cluster is None else sample.cluster
    stratum = np.zeros(len(scores), dtype=np.int64) if sample.stratum is None else sample.stratum
    return np.asarray(covariance @ meat(weighted, cluster, stratum) @ covariance)


def meat(scores: Floats, cluster: Ints, stratum: Ints) -> Floats:
    """Return Σ_h n_h / (n_h - 1) Σ_c (s_hc - s̄_h)(s_hc - s̄_h)ᵀ (F, F) over clusters c within strata h."""
    n = int(cluster.max()) + 1
    totals = np.zeros((n, scores.shape[1]))
    np.add.at(totals, cluster, scores)
    of = np.zeros(n, dtype=np.int64)
    of[cluster] = stratum
    out = np.zeros((scores.shape[1],) * 2)
    for h in np.unique(of):
        own = totals[of == h]
        if len(own) < 2:
            continue
        off = own - own.mean(axis=0)
        out += len(own) / (len(own) - 1) * off.T @ off
    return out
