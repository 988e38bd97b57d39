"""The error that items share, carried into scores: what their own errors, integrated out one by one, leave out.

Averaging the curve of each item over its own parameters is exact where errors of items are independent. In a calibration they
are not: with g_f = Cov(θ, ∂ log P(x | θ) / ∂ ξ_f | x), the change of a person's mean with parameter ξ_f, errors shared by
items i ≠ j add Σ g_f C_fg g_g to the posterior variance (delta method; Lewis 2001; Yang, Hansen & Cai 2012,
doi:10.1177/0146621612449069).
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.calibration import Calibration
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.families import dispatch
from competency_dx.kernels.grid.e_step import Answers, JointTerms, Tables, indicators, joined, joint_terms
from competency_dx.kernels.persons.grid_posterior import filled
from competency_dx.models import ItemParameters

BLOCK = 256
KEPT = 8


class Shared(NamedTuple):
    """Covariance of parameters of different items (N, N) in the kernels' metric, item and column of each parameter (N,)."""

    covariance: Floats
    item: Ints
    column: Ints


@lru_cache(maxsize=KEPT)
def shared_errors(calibration: Calibration) -> Shared | None:
    """Return what the items' errors share; None where parameters of several items are one, or nothing is estimated."""
    table = calibration.table
    own = np.flatnonzero(table.of_items)
    if not len(own) or table.shared.any() or np.isnan(calibration.covariance).any():
        return None
    kernel, item = table.in_kernel_form(calibration.covariance)[np.ix_(own, own)], table.item[own]
    return Shared(np.where(item[:, None] == item, 0.0, kernel), item, table.column[own])


def shared_variance(answers: Answers, grid: Tables, known: ItemParameters, shared: Shared) -> Floats:
    """Return what errors shared by items add to the posterior variance of each person (P,)."""
    sharp = dispatch.log_probabilities(known.groups, known.beta, grid.theta, known.allowed)
    by_beta = dispatch.derivatives(known.groups, known.beta, sharp, grid.theta, known.allowed)
    slopes = np.ascontiguousarray(by_beta[shared.item, shared.column].transpose(1, 2, 0))
    one = partial(_added, joint_terms(answers, grid), grid.theta, slopes, shared)
    P = len(answers.codes)
    pieces = (filled(answers, slice(at, min(at + BLOCK, P)), BLOCK) for at in range(0, P, BLOCK))
    return np.asarray(np.maximum(np.concatenate(list(map_pieces(one, pieces)))[:P], 0.0), dtype=np.float64)


def _added(terms: JointTerms, theta: Floats, slopes: Floats, shared: Shared, answers: Answers) -> Floats:
    """Return g C gᵀ (p,) of a block, for derivatives `slopes` (K, Q, N)."""
    weight = joined(*indicators(answers, slice(None)), terms)
    weight -= weight.max(axis=1)[:, None]
    np.exp(weight, out=weight)
    weight /= weight.sum(axis=1)[:, None]
    weight *= theta - (weight @ theta)[:, None]
    seen = np.ones(answers.codes.shape, dtype=np.bool_) if answers.observed is None else answers.observed
    own, answered = answers.codes[:, shared.item], seen[:, shared.item]
    g = np.zeros(own.shape)
    for k, table in enumerate(slopes):
        g += ((own == k) & answered) * (weight @ table)
    return np.asarray(((g @ shared.covariance) * g).sum(axis=1))
