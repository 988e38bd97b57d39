"""What a bank keeps of the estimated population: means, SDs and correlations with their standard errors."""

from __future__ import annotations

from typing import Any

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.bank import BankPopulation, CorrelationMatrix, LeafPopulation
from competency_dx.engine import ParameterTable
from competency_dx.errors import CalibrationError
from competency_dx.models import NormalPopulation

HIGHEST = 0.99  # of a correlation in a bank


def population_for_bank(population: NormalPopulation, table: ParameterTable, covariance: Floats, n: int, group: str) -> BankPopulation:
    """Return the population of the reference group; of one competency without leaves.

    Errors of means and SDs are those of drawing `n` persons, or those estimated where they are larger.
    """
    mean, V = population.mean, population.covariance
    sd = np.sqrt(np.diag(V))
    if not (sd > 0).all():
        raise CalibrationError("calibration.bank_spread")
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    of_group = table.group <= 0
    of_means = errors[table.is_kind("mean") & of_group]
    variances = np.flatnonzero(table.is_kind("variance") & of_group)
    of_sds = errors[variances] / (2 * sd[table.dimension[variances]] ** 2)
    stated: dict[str, Any] = {"mean_se": float(max(sd.max() / np.sqrt(n), of_means.max(initial=0.0))), "group": group, "n": n}
    stated["sd_se"] = float(max(1 / np.sqrt(2 * n), of_sds.max(initial=0.0)))
    if len(mean) == 1:
        return BankPopulation(mean=float(mean[0]), variance=float(V[0, 0]), status="scale", **stated)
    r, lower = np.clip(V / np.outer(sd, sd), -HIGHEST, HIGHEST), np.tril_indices(len(mean), -1)
    return BankPopulation(
        mean=float(mean.mean()),
        variance=float(np.diag(V).mean()),
        leaves={code: LeafPopulation(mean=float(m), sd=float(s)) for code, m, s in zip(population.dimensions, mean, sd, strict=True)},
        correlations=CorrelationMatrix(
            leaves=population.dimensions,
            values=tuple(r[lower].tolist()),
            se=tuple(_fisher_errors(r, V, table, covariance)[lower].tolist()),
        ),
        status="estimated",
        **stated,
    )


def _fisher_errors(r: Floats, V: Floats, table: ParameterTable, covariance: Floats) -> Floats:
    """Return standard errors (D, D) of Fisher's z = artanh r, r = V_ab / √(V_aa V_bb), by the delta method."""
    D, free = len(r), np.flatnonzero(table.is_kind("correlation", "covariance", "variance") & (table.group <= 0))
    gradient = np.zeros((D, D, len(free)))
    for j, f in enumerate(free):
        a, b = table.dimension[f], table.other[f]
        if b >= 0:
            gradient[a, b, j] = gradient[b, a, j] = 1 / np.sqrt(V[a, a] * V[b, b])
        else:
            gradient[a, :, j] -= r[a] / (2 * V[a, a])
            gradient[:, a, j] -= r[:, a] / (2 * V[a, a])
    spread = np.einsum("abf,fg,abg->ab", gradient, covariance[np.ix_(free, free)], gradient, optimize=True)
    np.fill_diagonal(spread, 0.0)
    return np.asarray(np.sqrt(np.maximum(spread, 0.0)) / np.where(np.eye(D) > 0, 1.0, 1 - r**2))
