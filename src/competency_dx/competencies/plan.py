"""Everything about a bank, its standards and its population that does not depend on the persons.

What a set of items can tell of each unit, from items and population alone: PRMSE of the separate, total and augmented score.

The proportional reduction of mean squared error is the squared correlation of the true percent with its best linear prediction
(Haberman 2008, doi:10.3102/1076998607302636, eq. 3): from the unit's own sum of points, from the sum of the whole test, or from
the sums of all leaves together (Haberman & Sinharay 2010, doi:10.1007/s11336-010-9158-4, eq. 14). Moments of sums follow from the
population: with Hermite coefficients f_r = E[f(μ + σz) He_r(z)] / √r! of each leaf, Cov(f, g) = Σ_r ρ^r f_r g_r (Mehler).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, blocks, value
from competency_dx.bank import Item, ItemBank, Text
from competency_dx.competencies.choices import Standards
from competency_dx.competencies.conclusion import ItemFact
from competency_dx.competencies.percent import LeafTables, leaf_tables
from competency_dx.competencies.population import LeafPopulations, Pattern, Stated, Units, leaf_populations, pattern_of, reporting_units
from competency_dx.kernels.propagation.settled_persons import EvenModel, even_model
from competency_dx.models import ItemParameters, NormalPopulation, bank_parameters, informed_scores, measuring, uncertain_scores
from competency_dx.persons import curves_of, uncertain_items

ORDERS = 5
BLOCK = 256
SETS_KEPT = 1024  # sets of items
POINTS = 61  # at least, on ±6 SD
KEPT = 128


@value
class ItemMoments:
    """Of the items: Hermite coefficients of expected points (I, R) from order 1, error variances (I,), on which leaf (I, D).

    Of the units: powers of the leaves' correlations (R, D, D), coefficients of the true points (C, D, R), their SD (C,), and the
    leaves `below` (C, D) each.
    """

    coefficients: Floats
    error: Floats
    on_leaf: Floats
    powers: Floats
    across: Floats
    spread: Floats
    below: Bools


def item_moments(theta: Floats, log_prob: Floats, score: Floats, units: Units, population: tuple[Floats, Floats]) -> ItemMoments:
    """Return the moments of items (I) measuring one leaf each, curves on θ (Q,), under N(mean (D,), covariance (D, D))."""
    mean, covariance = population
    sd = np.sqrt(np.diag(covariance))
    z = (theta - mean[:, None]) / sd[:, None]
    weight = np.exp(-0.5 * z**2)
    weight /= weight.sum(axis=1, keepdims=True)
    hermite = [np.ones_like(z), z]
    for r in range(2, ORDERS + 1):
        hermite.append((z * hermite[-1] - np.sqrt(r - 1) * hermite[-2]) / np.sqrt(r))
    basis = np.stack(hermite[1:], axis=2) * weight[:, :, None]
    prob, points = np.exp(log_prob), np.arange(log_prob.shape[1], dtype=float)
    spread = np.einsum("k,ikq->iq", points**2, prob) - np.einsum("k,ikq->iq", points, prob) ** 2
    correlation = covariance / np.outer(sd, sd)
    coefficients, on_leaf = np.einsum("iq,iqr->ir", score, basis[units.leaf]), np.eye(len(units.leaves))[units.leaf]
    powers = np.stack([correlation**r for r in range(1, ORDERS + 1)])
    targets = np.einsum("ci,id,ir->cdr", units.reference.astype(float), on_leaf, coefficients)
    across = np.einsum("ckr,rkl->clr", targets, powers)
    error = np.einsum("iq,iq->i", spread, weight[units.leaf])
    of_items, spread = {"coefficients": coefficients, "error": error, "on_leaf": on_leaf}, np.sqrt((across * targets).sum(axis=(1, 2)))
    return ItemMoments(**of_items, powers=powers, across=across, spread=spread, below=units.below)


def form_quality(moments: ItemMoments, observed: Bools) -> Floats:
    """Return PRMSE (3, P, C) of the separate, the total and the augmented score on the items that each person answered (P, I).

    One evaluation for each distinct set. NaN where none of a unit's items was answered (separate) or none at all.
    """
    return _of_one(moments, observed.tobytes()) if len(observed) == 1 else _of_many(moments, observed)


@lru_cache(maxsize=SETS_KEPT)
def _of_one(moments: ItemMoments, observed: bytes) -> Floats:
    """Return the quality of one set of items: the same forms are given again and again."""
    return _of_many(moments, np.frombuffer(observed, dtype=np.bool_)[None])


def _of_many(moments: ItemMoments, observed: Bools) -> Floats:
    _, first, group = np.unique(np.packbits(observed, axis=1), axis=0, return_index=True, return_inverse=True)
    patterns = observed[first]
    out = np.full((3, len(patterns), len(moments.below)), np.nan)
    by_item = np.column_stack([moments.coefficients, moments.error])
    with np.errstate(divide="ignore", invalid="ignore"):
        for block in blocks(len(patterns), BLOCK):
            sums = np.matmul(patterns[block][:, None] * moments.on_leaf.T, by_item)
            shared = (moments.across * sums[:, None, :, :-1]).sum(axis=3)
            products = (power * sums[:, :, None, r] * sums[:, None, :, r] for r, power in enumerate(moments.powers))
            covariance = sum(products, sums[:, :, -1:] * np.eye(sums.shape[1]))
            out[:, block] = prmse(covariance, shared / moments.spread[:, None], moments.below)
    return out[:, group.ravel()]


def prmse(observed: Floats, shared: Floats, below: Bools) -> Floats:
    """Return PRMSE (3, n, C) of the separate, the total and the augmented score; a form gets the same bytes in any company.

    `observed` (n, D, D) are covariances of the sums of points of D leaves, 0 where a leaf has no items, `shared` (n, C, D) those of
    these sums with the true scores of C units, in units of their SD; `below` (C, D) says which leaves a unit consists of.
    """
    D, part = observed.shape[1], below.astype(float)
    within = (np.matmul(part, observed) * part).sum(axis=2)
    every = observed.sum(axis=(1, 2))[:, None]
    empty = np.einsum("nkk->nk", observed) <= 0  # no points, no covariance: any variance will do
    best = np.linalg.solve(observed + empty[:, :, None] * np.eye(D), shared.transpose(0, 2, 1)).transpose(0, 2, 1)
    augmented = np.where(every > 0, (shared * best).sum(axis=2), np.nan)
    return np.stack([(shared * part).sum(axis=2) ** 2 / within, shared.sum(axis=2) ** 2 / every, augmented])


class Plan(NamedTuple):
    """What diagnosis needs of a bank.

    Parameters of the I items, each measuring one of D leaves; C units; populations of the leaves and the bank's pattern of
    their correlations; points θ (Q,) with log P (I, K, Q), expected scores (I, Q) and their variances where items are
    uncertain; tables of the answers to the items of each leaf; `share` (C, D), the part of a unit's reference points that
    lies on each leaf; moments of the items for reliabilities; the model that persons are settled under.
    """

    parameters: ItemParameters
    units: Units
    populations: LeafPopulations
    pattern: Pattern
    theta: Floats
    log_prob: Floats
    score: Floats
    score_variance: Floats
    tables: LeafTables
    share: Floats
    moments: ItemMoments
    model: EvenModel
    standards: Standards
    facts: tuple[ItemFact, ...]

    def judged_se(self) -> Floats:
        """Return the standard error of each item's difficulty (I,), the mean over its steps, where it is a judgement, else 0."""
        known = self.parameters.single()
        se, judged = known.difficulty_se(), np.array(known.statuses) == "provisional"
        return np.asarray(np.where(judged, np.nansum(se, axis=1) / np.maximum(np.isfinite(se).sum(axis=1), 1), 0.0))


@lru_cache(maxsize=KEPT)
def plan(bank: ItemBank, standards: Standards, stated: Stated = None) -> Plan:
    """Return the plan of a bank under standards; all are frozen, the bank and a population of arrays compared by identity."""
    single = bank_parameters(bank)
    units = reporting_units(bank, single)
    populations = leaf_populations(bank, units, stated)
    wide = NormalPopulation(dimensions=units.leaf_codes, mean=populations.mean, covariance=populations.central)
    parameters = measuring(single, units.leaf, wide)
    theta, log_prob = curves_of(parameters, POINTS, "provisional")
    uncertain = uncertain_items(single, "provisional")
    score, variance = uncertain_scores(single, theta, uncertain)
    by_answer, points = informed_scores(single, theta, uncertain), single.n_categories - 1
    own = units.reference[units.leaves[units.leaf], np.arange(len(points))]
    share = units.below * np.bincount(units.leaf, weights=points * own, minlength=len(units.leaves))
    share = share / share.sum(axis=1, keepdims=True)
    tables = leaf_tables(units, points, log_prob, (score, variance), by_answer)
    moments = item_moments(theta, log_prob, score, units, (populations.mean, populations.central))
    model = even_model((points + 1, units.leaf), (theta, log_prob), populations.mixture())
    facts = tuple(_fact(bank.item(item), single, k, units, score[k], theta) for k, item in enumerate(single.items))
    answered = (theta, log_prob, score, variance, tables, share, moments, model)
    return Plan(parameters, units, populations, pattern_of(bank.header.population, units), *answered, standards, facts)


def _fact(item: Item, parameters: ItemParameters, k: int, units: Units, curve: Floats, theta: Floats) -> ItemFact:
    return ItemFact(
        item=item.id,
        title=item.title or Text(ru=item.id, en=item.id),
        topics=tuple(item.competencies),
        competencies=tuple(u.code for u, has in zip(units.competencies, units.member[:, k], strict=True) if has),
        max_score=item.max_score,
        difficulty=float(np.interp((parameters.n_categories[k] - 1) / 2, curve, theta, left=np.nan, right=np.nan)),
        status=parameters.statuses[k],
    )
