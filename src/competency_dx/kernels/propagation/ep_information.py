"""Missing information of correlated competencies by Louis' identity and Mehler's formula, and scores of single persons.

The information lost with θ is Σ_p Cov[S_p | x_p] (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x). The complete-data
score of an item of dimension k is a function f(θ_k). With polynomials φ_r orthonormal under the tilted marginal of a person
and c_r[f] = E[φ_r f], within a dimension Cov(f, g) = Σ_r c_r[f] c_r[g]; across dimensions the dependence is that of the
EP posterior N(m, V), for which (Mehler 1866, doi:10.1515/crll.1866.66.161)

Cov(f(θ_k), g(θ_l)) = Σ_r c_r[f] c_r[g] ρ_kl^r,   ρ_kl = V_kl / √(V_kk V_ll).

The score of a population is quadratic in θ (see `ep_population`): of it, items of dimension k share c_1 and c_2.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.grid import JointTerms
from competency_dx.kernels.grid.by_dimension import Design
from competency_dx.kernels.grid.louis import (
    GUIDE_TERMS,
    MAX_TERMS,
    NEGLIGIBLE,
    Depth,
    Projection,
    SplitScores,
    by_pattern,
    split_scores,
    weighted_polynomials,
)
from competency_dx.kernels.grid.product_information import ItemTables
from competency_dx.kernels.normal_population import expected_scores, size
from competency_dx.kernels.propagation import Settled, Sites, settle
from competency_dx.kernels.propagation.ep_e_step import DEFAULT, Model, block_of, likelihood_terms, pieces
from competency_dx.kernels.propagation.ep_population import PopulationPosterior, population_posterior

AnyFloats = NDArray[np.floating[Any]]
ScoresByDimension = tuple[tuple[SplitScores, ...], tuple[Ints, ...]]  # of each dimension, and their places among all F


def ep_missing_information(
    design: Design, model: Model, tables: ItemTables, *, sites: Sites, depth: Depth = "exact", executor: Executor | None = None
) -> Floats:
    """Return Σ_p Cov[S_p | x_p] (F + N, F + N) of F item parameters and N parameters of the populations (see `ep_population`).

    A ``"guide"`` is made of two terms and a few thousand persons: good enough for the direction of a Newton step.
    """
    order, most = by_pattern(design.answers, depth), GUIDE_TERMS if depth == "guide" else MAX_TERMS
    none, (place, owner) = np.zeros((1, 0, 2)), design.parameters(tables.owner)
    each = zip(place, owner, strict=True)
    scores = tuple(split_scores(tables.derivatives[:, at], own, none, model.theta) for at, own in each)
    one = partial(_block_information, model, likelihood_terms(design, model), (scores, place), most)
    parts = map_pieces(one, pieces(design.take(order), sites.take(order)), executor=executor)
    return np.asarray(sum(parts) * (design.persons / len(order)))


def _block_information(
    model: Model, terms: tuple[JointTerms, ...], scores: ScoresByDimension, most: int, piece: tuple[Design, Sites]
) -> Floats:
    """Return the missing information (F + N, F + N) of a block."""
    design, sites = piece
    found = settle(block_of(design, model, terms), sites, DEFAULT)
    groups = tuple(population_posterior(design, model, found, int(g)) for g in np.unique(design.group))
    items, place = _item_terms(design, model, found, scores, most)
    local, cross = _sums(items, found, groups, design.weight)
    R, D = model.coefficients.shape
    F, T = sum(map(len, scores[1])), D * (D + 1) // 2
    out = np.zeros((F + size(R, len(model.covariance), D),) * 2)
    out[np.ix_(place, place)] = local
    for population, part in zip(groups, cross, strict=True):
        rows = F + np.concatenate([np.arange(R * D), R * D + population.group * T + np.arange(T)])
        out[np.ix_(rows, place)] += part
        out[np.ix_(place, rows)] += part.T
        out[np.ix_(rows, rows)] += population.own()
    return out


def _item_terms(
    design: Design, model: Model, found: Settled, scores: ScoresByDimension, most: int
) -> tuple[list[Iterator[AnyFloats]], Ints]:
    """Return for each dimension the terms c_1, c_2 … (p, F_k) of the parameters a block meets, and these among all F."""
    terms, place = list[Iterator[AnyFloats]](), []
    for part, own, at, tilted in zip(design.answers, *scores, found.tilted, strict=True):
        codes = part.coded(-1)
        met = np.flatnonzero(np.asarray((codes >= 0).any(axis=0))[own.owner])
        project = Projection(np.ascontiguousarray(codes.T)[own.owner[met]], own.take(met), model.theta)
        terms.append(map(project, weighted_polynomials(tilted.T, model.theta, most)))
        place.append(at[met])
    return terms, np.concatenate(place)


def _sums(
    items: list[Iterator[AnyFloats]], found: Settled, groups: tuple[PopulationPosterior, ...], weight: Floats | None
) -> tuple[Floats, list[Floats]]:
    """Return Σ_p Cov over the items a block meets (F, F) and with the scores of each group (N, F), term by term."""
    D = len(found.mean)
    correlation = found.correlations
    correlation[np.arange(D), np.arange(D)] = 1.0
    power, total = np.ones_like(correlation), 0.0
    out, cross = np.zeros(()), [np.zeros(())] * len(groups)
    for r, terms in enumerate(zip(*items, strict=True), start=1):
        power *= correlation
        product = _mehler(terms, power, weight)
        out = out + product
        if r <= 2:
            for g, y in enumerate(groups):
                along = [y.along(k, r) @ term[y.members] for k, term in enumerate(terms)]
                cross[g] = cross[g] + np.concatenate(along, axis=1)
        size = float(np.trace(product))
        total += size
        if r >= 2 and size <= NEGLIGIBLE * total:
            break
    return out, cross


def _mehler(terms: tuple[AnyFloats, ...], power: Floats, weight: Floats | None) -> Floats:
    """Return one term of Mehler's sum (F, F): blocks C_kᵀ diag(ρ_kl^r) C_l, persons weighted."""
    edge = np.concatenate([[0], np.cumsum([c.shape[1] for c in terms])])
    out = np.empty((edge[-1], edge[-1]))
    for k, one in enumerate(terms):
        here = slice(edge[k], edge[k + 1])
        own = one if weight is None else one * weight[:, None].astype(one.dtype)
        out[here, here] = own.T @ one
        for l, other in enumerate(terms[k + 1 :], start=k + 1):
            there = slice(edge[l], edge[l + 1])
            out[here, there] = own.T @ (other * power[k, l][:, None].astype(one.dtype))
            out[there, here] = out[here, there].T
    return out


def ep_person_scores(design: Design, model: Model, tables: ItemTables, *, sites: Sites, executor: Executor | None = None) -> Floats:
    """Return the gradient of each person's log Z (P, F + N) by item and population parameters, case weights left aside."""
    one = partial(_block_scores, model, likelihood_terms(design, model), tables)
    return np.concatenate(list(map_pieces(one, pieces(design, sites), executor=executor)))


def _block_scores(model: Model, terms: tuple[JointTerms, ...], tables: ItemTables, piece: tuple[Design, Sites]) -> Floats:
    design, sites = piece
    found = settle(block_of(design, model, terms), sites, DEFAULT)
    items = np.zeros((design.persons, len(tables.owner)))
    for k, (part, at, owner) in enumerate(zip(design.answers, *design.parameters(tables.owner), strict=True)):
        own = part.coded(-1)[:, owner]
        for category, table in enumerate(tables.derivatives[:, at]):
            items[:, at] += (own == category) * (found.tilted[k].T @ table.T)
    off, spread = found.mean.T - design.regressors @ model.coefficients, found.covariance.transpose(2, 0, 1)
    w, group = design.regressors, design.group
    population = expected_scores(off, spread, covariance=model.covariance, group=group, regressors=w)
    return np.concatenate([items, population], axis=1)
