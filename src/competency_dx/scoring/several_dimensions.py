"""Scores on several competencies at once, with their joint covariance."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, blocks
from competency_dx.errors import ScoringError
from competency_dx.kernels.families import dispatch
from competency_dx.kernels.grid.by_dimension import by_dimension
from competency_dx.kernels.grid.e_step import prepare
from competency_dx.kernels.grid.support import REACH, points_needed
from competency_dx.kernels.persons.joint_mode import Prior, joint_modes
from competency_dx.kernels.persons.joint_posterior import joint_posterior, product_nodes
from competency_dx.kernels.persons.sum_scores import sum_score_likelihood
from competency_dx.kernels.persons.summaries import filled_table
from competency_dx.kernels.propagation.ep_e_step import Model, ep_posterior
from competency_dx.kernels.propagation.expectation_propagation import Block, Control, Sites, lowest_precision, settle
from competency_dx.models import ItemParameters, averaged_log_probabilities, log_probabilities, score_information
from competency_dx.persons import EAP, MAP, ML, WLE, ItemUncertainty, Matched, Method, SumScore, uncertain_items
from competency_dx.scoring.point_scores import point_estimates, reach_of

BLOCK = 64
SAFETY = 0.8
PRODUCT_POINTS = {2: 41, 3: 25}
MOST_POINTS = 801
TINY = 1e-300


class Joint(NamedTuple):
    """Estimates (P, D), covariances (P, D, D), and who lies on a bound of the scale in which dimension (P, D)."""

    theta: Floats
    covariance: Floats
    on_bound: Bools


def joint_estimates(matched: Matched, known: ItemParameters, method: Method) -> Joint:
    """Return estimates on all competencies by the given method.

    Raises
    ------
    ScoringError
        When the method is not defined for items that measure several competencies.
    """
    if isinstance(method, EAP):
        return _expected(matched, known, method)
    if isinstance(method, MAP):
        return _modes(matched, known, method)
    if not known.between:
        name = type(method).__name__
        raise ScoringError(
            f"{name} is for items that measure one competency each; for items that measure several take EAP() or MAP()"
        )
    if isinstance(method, SumScore):
        return _by_sums(matched, known, method)
    return _one_by_one(matched, known, method)


def _expected(matched: Matched, known: ItemParameters, method: EAP) -> Joint:
    answers = prepare(matched.codes, matched.observed, known.n_categories)
    population, D = known.population, len(known.dimensions)
    if known.between:
        theta, log_prob = _curves(known, method.points, method.item_uncertainty)
        model = Model(theta, log_prob, population.mean[None], population.covariance[None])
        every = np.ones((len(matched.codes), 1))
        design = by_dimension(answers, known.dimension_index, regressors=every)
        found = ep_posterior(design, model, executor=method.executor)
        return Joint(found.mean, found.covariance, np.zeros(found.mean.shape, dtype=np.bool_))
    if D not in PRODUCT_POINTS:
        raise ScoringError(
            f"EAP for items that measure several of {D} competencies would need a grid of {D} dimensions; take MAP()"
        )
    nodes, log_weight = product_nodes(population.mean, population.covariance, PRODUCT_POINTS[D], REACH)
    own = joint_posterior(answers, nodes, log_weight, log_probabilities(known, nodes), executor=method.executor)
    return Joint(own.mean, own.covariance, np.zeros(own.mean.shape, dtype=np.bool_))


@lru_cache(maxsize=8)
def _curves(known: ItemParameters, points: int, choice: ItemUncertainty) -> tuple[Floats, Floats]:
    """Return one grid θ (Q,) for all competencies, fine enough for the sharpest, and log-probabilities (I, K, Q) on it."""
    single, population = known.single(), known.population
    sd = np.sqrt(np.diag(population.covariance))
    low, high = (population.mean - REACH * sd).min(), (population.mean + REACH * sd).max()
    coarse = np.linspace(low, high, 161)
    information = score_information(single, coarse)
    sharpest = max(information[known.dimension_index == d].sum(axis=0).max() for d in range(len(sd)))
    narrowest = 1 / np.sqrt(1 / sd.max() ** 2 + sharpest)
    spacing = 2 * REACH * sd.min() / (points - 1)
    needed = max(int(np.ceil((high - low) / spacing)) + 1, points_needed(SAFETY * narrowest / ((high - low) / 12)))
    theta = np.linspace(low, high, min(needed, MOST_POINTS))
    return theta, averaged_log_probabilities(single, theta, uncertain_items(single, choice))


def _modes(matched: Matched, known: ItemParameters, method: MAP) -> Joint:
    """Return joint modes with the inverse observed information, block by block of one size."""
    if uncertain_items(known, method.item_uncertainty).any():
        raise ScoringError(
            "With several competencies MAP() does not carry the uncertainty of item parameters; take EAP(), "
            'or item_uncertainty="none"'
        )
    groups, beta, allowed, population = known.groups, known.beta, known.allowed, known.population
    prior = Prior(population.mean, np.asarray(np.linalg.inv(population.covariance), dtype=np.float64))
    reach = REACH * np.sqrt(np.diag(population.covariance))

    def curves(at: Floats) -> tuple[Floats, Floats, Floats]:
        return dispatch.predictor_curves(groups, beta, at, allowed)

    P, D = len(matched.codes), len(known.dimensions)
    theta, covariance = np.empty((P, D)), np.empty((P, D, D))
    for block in blocks(P, BLOCK):
        n = block.stop - block.start
        codes, seen = filled_table(matched.codes[block], BLOCK), filled_table(matched.observed[block], BLOCK)
        x, V = joint_modes(curves, known.slopes, codes, seen, prior, reach)
        theta[block], covariance[block] = x[:n], V[:n]
    return Joint(theta, covariance, np.abs(theta - population.mean) > (1 - 1e-6) * reach)


def _one_by_one(matched: Matched, known: ItemParameters, method: ML | WLE | MAP) -> Joint:
    """Return ML or WLE estimates, which owe nothing to the other competencies: their errors are independent."""
    P, D = len(matched.codes), len(known.dimensions)
    theta, covariance = np.empty((P, D)), np.zeros((P, D, D))
    bound = np.zeros((P, D), dtype=np.bool_)
    for d in range(D):
        items = np.flatnonzero(known.dimension_index == d)
        own = known.take(items).single(d)
        part = matched._replace(codes=matched.codes[:, items], observed=matched.observed[:, items])
        x, se = point_estimates(part, own, type(method).__name__, uncertain_items(own, method.item_uncertainty))
        theta[:, d], covariance[:, d, d] = x, se**2
        bound[:, d] = np.abs(x - own.mean) > (1 - 1e-6) * reach_of(type(method).__name__) * np.sqrt(own.variance)
    return Joint(theta, covariance, bound)


def _by_sums(matched: Matched, known: ItemParameters, method: SumScore) -> Joint:
    """Return expectations given the sum of points on each competency: propagation with the likelihoods of the sums."""
    theta, log_prob = _curves(known, method.points, method.item_uncertainty)
    P, D, population = len(matched.codes), len(known.dimensions), known.population
    tables = [_sum_likelihoods(matched, known, np.exp(log_prob), d) for d in range(D)]
    mean, covariance = np.empty((P, D)), np.empty((P, D, D))
    floor = lowest_precision(population.covariance[None])
    for block in blocks(P, BLOCK):
        n, rows = block.stop - block.start, np.minimum(np.arange(block.start, block.start + BLOCK), P - 1)
        piece = Block(
            theta=theta,
            log_likelihood=np.stack([table[row[rows]].T for table, row, _ in tables]),
            mean=np.repeat(population.mean[:, None], BLOCK, axis=1),
            covariance=np.repeat(population.covariance[:, :, None], BLOCK, axis=2),
            floor=np.repeat(floor, BLOCK),
            answered=np.stack([seen[rows] for _, _, seen in tables]),
        )
        found = settle(piece, Sites(np.zeros((D, BLOCK)), np.zeros((D, BLOCK))), Control())
        mean[block], covariance[block] = found.mean.T[:n], found.covariance.transpose(2, 0, 1)[:n]
    return Joint(mean, covariance, np.zeros((P, D), dtype=np.bool_))


def _sum_likelihoods(
    matched: Matched, known: ItemParameters, prob: Floats, dimension: int
) -> tuple[Floats, Ints, Bools]:
    """Return log-likelihoods (R, Q) of sums on one competency, the row of each person (P,), and who answered any item."""
    items = np.flatnonzero(known.dimension_index == dimension)
    observed = matched.observed[:, items]
    patterns, group = np.unique(observed, axis=0, return_inverse=True)
    sums = np.where(observed, matched.codes[:, items], 0).sum(axis=1, dtype=np.int64)
    parts, first = [], [0]
    for pattern in patterns:
        chosen = items[pattern]
        parts.append(np.log(np.maximum(sum_score_likelihood(prob[chosen], known.n_categories[chosen]), TINY)))
        first.append(first[-1] + len(parts[-1]))
    row = np.asarray(np.array(first)[group.ravel()] + sums, dtype=np.int64)
    return np.concatenate(parts), row, np.asarray(observed.any(axis=1))
