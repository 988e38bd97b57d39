"""Percent where items are uncertain: the answers that place the person also tell of the items.

Given θ, items are independent, so the posterior of an item's expected score S_i(θ) depends on the person's own answer to it
alone: E[S_i | x_i, θ] = E[S_i P(x_i | θ)] / E[P(x_i | θ)], expectations over the item's parameters. Summed over the reference
set this gives mean and variance of D(θ) for each person and support point: a row of the unconditional moments plus one
matrix product with the indicators of the answers, as in the E-step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import betaincinv, ndtr

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.competencies.percent import SHARPEST, PercentCurve, quantile
from competency_dx.kernels.blocks import even_product

if TYPE_CHECKING:
    from competency_dx.competencies.standards import Standards
    from competency_dx.persons import Matched

STEPS = 2


class Informed(NamedTuple):
    """Moments of the reference items' expected scores: rows (Q,) without answers, and what each answer adds (I K, Q).

    `items` (I,) are the positions of the reference items among the parameters, `top` their maximum points.
    """

    items: Ints
    top: float
    mean: Floats
    variance: Floats
    mean_by_answer: Floats
    variance_by_answer: Floats


def informed_moments(
    score: Floats, variance: Floats, by_answer: tuple[Floats, Floats], points: Ints, reference: Bools
) -> Informed:
    """Return the moments of one competency from those of all items: (I, Q) without answers, (I, K, Q) given each."""
    items = np.flatnonzero(reference)
    Q = score.shape[1]
    return Informed(
        items,
        float(points[items].sum()),
        score[items].sum(axis=0),
        variance[items].sum(axis=0),
        (by_answer[0][items] - score[items][:, None]).reshape(-1, Q),
        (by_answer[1][items] - variance[items][:, None]).reshape(-1, Q),
    )


def each_answer(codes: Codes, observed: Bools, columns: int) -> Floats:
    """Return which category of each item was answered (p, I K), the lowest among them; `columns` is I K."""
    K = columns // max(codes.shape[1], 1)
    chosen = (codes[:, :, None] == np.arange(K)) & observed[:, :, None]
    return np.asarray(chosen.reshape(len(codes), -1).astype(float))


def percent_moments(informed: Informed, codes: Codes, observed: Bools) -> tuple[Floats, Floats]:
    """Return mean and standard deviation (P, Q) of D in percent given the answers (P, I) to all items.

    The variance of D within the cell of a support point, a twelfth of the squared step, is part of it.
    """
    Z = each_answer(codes[:, informed.items], observed[:, informed.items], len(informed.mean_by_answer))
    mean = informed.mean + even_product(Z, informed.mean_by_answer)
    variance = np.maximum(informed.variance + even_product(Z, informed.variance_by_answer), 0.0)
    percent, scale = 100 * mean / informed.top, 100 / informed.top
    step = np.gradient(percent, axis=1)
    return percent, np.sqrt(scale**2 * variance + step**2 / 12 + SHARPEST**2)


class LeafPercent(NamedTuple):
    """Percent of a leaf: its curve where items are certain, its moments given answers where they are not."""

    curve: PercentCurve
    informed: Informed | None


class PercentAt(NamedTuple):
    """Of the percent D of a leaf by θ: mean and SD, (p, Q) or (Q,), and P(D below cut | θ) for each of the cuts."""

    mean: Floats
    sd: Floats
    below: Sequence[Floats]


def percent_at(percent: LeafPercent, codes: Codes, observed: Bools, cuts: Sequence[float]) -> PercentAt:
    """Return what the answers (p, I) say of the percent at each θ; `cuts` are the first ones of the standards."""
    if percent.informed is None:
        curve = percent.curve
        return PercentAt(curve.mean, curve.sd, list(curve.below.T[: len(cuts)]))
    mean, sd = percent_moments(percent.informed, codes, observed)
    return PercentAt(mean, sd, [ndtr((cut - mean) / sd) for cut in cuts])


def averaged(weight: Floats, at: PercentAt) -> tuple[Floats, Floats]:
    """Return mean and variance (p,) of the percent under weights (p, Q) of θ."""
    average = (weight * at.mean).sum(axis=1)
    return average, (weight * (at.mean**2 + at.sd**2)).sum(axis=1) - average**2


class LeafDistribution(NamedTuple):
    """Percent D of a leaf: mean, variance and interval (p,), P(D below each cut) (p, cuts).

    By θ, (p, Q) or (Q,): E[D | θ], SD of D | θ, and P(D below the lowest cut | θ).
    """

    mean: Floats
    variance: Floats
    low: Floats
    high: Floats
    below: Floats
    curve: Floats
    spread: Floats
    below_at: Floats


def leaf_distribution(
    percent: LeafPercent, weight: Floats, matched: Matched, standards: Standards, interval: float
) -> LeafDistribution:
    """Return the distribution of a leaf's percent under weights (p, Q) of the points of θ."""
    tail = (1 - interval) / 2
    if percent.informed is None:
        curve = percent.curve
        linear = even_product(weight, np.column_stack([curve.mean, curve.mean**2 + curve.sd**2, curve.below]))
        cumulative = even_product(weight, curve.cumulative)
        low, high = (quantile(curve.levels, cumulative, x) for x in (tail, 1 - tail))
        variance = linear[:, 1] - linear[:, 0] ** 2
        return LeafDistribution(
            linear[:, 0], variance, low, high, linear[:, 2:], curve.mean, curve.sd, curve.below[:, 0]
        )
    at = percent_at(percent, matched.codes, matched.observed, standards.cuts)
    average, variance = averaged(weight, at)
    below = np.stack([(weight * x).sum(axis=1) for x in at.below], axis=1)
    low, high = _interval(weight, at.mean, at.sd, (average, variance), tail)
    return LeafDistribution(average, variance, low, high, below, at.mean, at.sd, at.below[0])


def _interval(weight: Floats, mean: Floats, sd: Floats, moments: tuple[Floats, Floats], tail: float) -> list[Floats]:
    """Return the quantiles (p,) at `tail` and 1 - `tail`: those of a beta distribution, moved by two steps of Newton."""
    average, variance = moments
    m = np.clip(average / 100, 1e-6, 1 - 1e-6)
    size = np.maximum(m * (1 - m) / np.maximum(variance / 1e4, 1e-12) - 1, 1e-6)
    out = []
    for level in (tail, 1 - tail):
        x = 100 * betaincinv(m * size, (1 - m) * size, level)
        for _ in range(STEPS):
            z = (x[:, None] - mean) / sd
            off = (weight * ndtr(z)).sum(axis=1) - level
            density = (weight * np.exp(-0.5 * z**2) / sd).sum(axis=1) / np.sqrt(2 * np.pi)
            x = np.clip(x - np.clip(off / np.maximum(density, 1e-4), -10.0, 10.0), 0.0, 100.0)
        out.append(np.asarray(x, dtype=np.float64))
    return out


class LeafItems(NamedTuple):
    """What does not depend on persons of the I_k items of a leaf, at the points of θ.

    Positions `items` (I_k,); 1 / P(x | θ) for each answer (I_k K, Q); where items are uncertain this times δ and δ² - η, what the
    answer moves mean and variance of D by; log P(x | θ) less its mean (I_k K, Q), its second and third central moments (I_k, Q).
    """

    items: Ints
    inverse: Floats
    moves: tuple[Floats, Floats] | None
    surprise: Floats
    moments: tuple[Floats, Floats]


def leaf_items(percent: LeafPercent, log_prob: Floats, items: Ints) -> LeafItems:
    """Return the tables of the items of a leaf from log-probabilities (I, K, Q) of all."""
    of = log_prob[items]
    Q, prob = of.shape[2], np.exp(of)
    inverse, off = np.exp(-of).reshape(-1, Q), of - (prob * of).sum(axis=1)[:, None]
    second, third = ((prob * off**r).sum(axis=1) for r in (2, 3))
    moves = None
    if percent.informed is not None:
        informed, scale = percent.informed, 100 / percent.informed.top
        mean, variance = np.zeros((2, *of.shape))
        at, shape = np.searchsorted(items, informed.items), (len(informed.items), -1, Q)
        mean[at] = scale * informed.mean_by_answer.reshape(shape)
        variance[at] = scale**2 * informed.variance_by_answer.reshape(shape)
        moves = inverse * mean.reshape(-1, Q), inverse * (mean**2 - variance).reshape(-1, Q)
    return LeafItems(items, inverse, moves, off.reshape(-1, Q), (second, third))


def below_without_each(leaf: LeafDistribution, weight: Floats, of: LeafItems, cut: float) -> tuple[Floats, Floats]:
    """Return Σ weight P(D below the cut) / P(x | θ) and Σ weight / P(x | θ), (p, I_k K), for each answer x to the leaf's items.

    Their ratio is P(below the cut) without the answer. Where items are uncertain the answer also moved mean and variance of D
    given θ, by δ and η; as Φ((cut - m) / s) solves the heat equation, taking them back is, to second order,
    Φ + δ φ / s - (δ² - η) z φ / 2 s².
    """
    total, below = even_product(weight, of.inverse.T), even_product(weight * leaf.below_at, of.inverse.T)
    if of.moves is not None:
        z = (cut - leaf.curve) / leaf.spread
        density = weight * np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * leaf.spread)
        below += even_product(density, of.moves[0].T)
        below -= 0.5 * even_product(density * z / leaf.spread, of.moves[1].T)
    return below, total
