"""Scores of single persons with correlated competencies: gradients of log Z, for sandwich and cross-product covariances."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.grid.by_dimension import Design
from competency_dx.kernels.grid.e_step import JointTerms
from competency_dx.kernels.normal_population import halves, pairs, size
from competency_dx.kernels.propagation.ep_e_step import DEFAULT, Model, block_of, likelihood_terms, pieces
from competency_dx.kernels.propagation.ep_information import ItemDerivatives
from competency_dx.kernels.propagation.expectation_propagation import Settled, Sites, settle


def ep_person_scores(
    design: Design,
    model: Model,
    *,
    sites: Sites,
    derivatives: ItemDerivatives,
    executor: Executor | None = None,
) -> Floats:
    """Return the gradient of each person's log Z (P, F + N) by item and population parameters, case weights left aside."""
    one = partial(_block_scores, model, likelihood_terms(design, model), derivatives)
    return np.concatenate(list(map_pieces(one, pieces(design, sites), executor=executor)))


def _block_scores(
    model: Model, terms: tuple[JointTerms, ...], derivatives: ItemDerivatives, piece: tuple[Design, Sites]
) -> Floats:
    design, sites = piece
    found = settle(block_of(design, model, terms), sites, DEFAULT)
    items = np.zeros((design.persons, derivatives.size))
    for k, part in enumerate(design.answers):
        codes = part.codes if part.observed is None else np.where(part.observed, part.codes, np.int8(-1))
        at = derivatives.place[k]
        own = codes[:, derivatives.owner[k]]
        for category, table in enumerate(derivatives.tables[:, at]):
            items[:, at] += (own == category) * (found.tilted[k].T @ table.T)
    return np.concatenate([items, _population_scores(design, model, found)], axis=1)


def _population_scores(design: Design, model: Model, found: Settled) -> Floats:
    """Return E[scores of the population parameters] (p, N)."""
    (R, D), G = model.coefficients.shape, len(model.covariance)
    (a, b), half = pairs(D), halves(D)
    off = found.mean.T - design.regressors @ model.coefficients
    out = np.zeros((design.persons, size(R, G, D)))
    for g, inverse in enumerate(np.linalg.inv(model.covariance)):
        members = np.flatnonzero(design.group == g)
        y = off[members] @ inverse
        spread = inverse @ found.covariance[:, :, members].transpose(2, 0, 1) @ inverse
        out[members, : R * D] = (design.regressors[members][:, :, None] * y[:, None, :]).reshape(len(members), R * D)
        at = np.arange(R * D + g * len(half), R * D + (g + 1) * len(half))
        out[np.ix_(members, at)] = (spread[:, a, b] + y[:, a] * y[:, b] - inverse[a, b]) * half
    return out
