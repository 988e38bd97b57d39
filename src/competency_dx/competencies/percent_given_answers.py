"""Percent where items are uncertain: the answers that place the person also tell of the items.

Given θ, items are independent, so the posterior of an item's expected score S_i(θ) depends on the person's own answer to it
alone: E[S_i | x_i, θ] = E[S_i P(x_i | θ)] / E[P(x_i | θ)], expectations over the item's parameters. Summed over the reference
set this gives mean and variance of D(θ) for each person and support point: a row of the unconditional moments plus one
matrix product with the indicators of the answers, as in the E-step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.competencies.percent import SHARPEST

HALVINGS = 6


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


def percent_moments(informed: Informed, codes: Codes, observed: Bools) -> tuple[Floats, Floats]:
    """Return mean and standard deviation (P, Q) of D in percent given the answers (P, I) to all items.

    The variance of D within the cell of a support point, a twelfth of the squared step, is part of it.
    """
    K = len(informed.mean_by_answer) // max(len(informed.items), 1)
    own, seen = codes[:, informed.items], observed[:, informed.items]
    Z = ((own[:, :, None] == np.arange(K)) & seen[:, :, None]).reshape(len(own), -1).astype(float)
    mean = informed.mean + Z @ informed.mean_by_answer
    variance = np.maximum(informed.variance + Z @ informed.variance_by_answer, 0.0)
    percent, scale = 100 * mean / informed.top, 100 / informed.top
    step = np.gradient(percent, axis=1)
    return percent, np.sqrt(scale**2 * variance + step**2 / 12 + SHARPEST**2)


def probability_below(posterior: Floats, mean: Floats, sd: Floats, level: Floats | float) -> Floats:
    """Return P(D < level) (P,) for posteriors and moments of D (P, Q); a level for all or one for each person."""
    at = level if isinstance(level, float) else level[:, None]
    return np.asarray(np.clip(np.einsum("pq,pq->p", posterior, ndtr((at - mean) / sd)), 0.0, 1.0))


def percent_quantile(posterior: Floats, mean: Floats, sd: Floats, probability: float) -> Floats:
    """Return the percent (P,) below which D lies with a probability: bisection to 1.6 points, then linear interpolation."""
    low, high = np.zeros(len(posterior)), np.full(len(posterior), 100.0)
    at_low, at_high = np.zeros(len(posterior)), np.ones(len(posterior))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        there = probability_below(posterior, mean, sd, middle)
        short = there < probability
        low, at_low = np.where(short, middle, low), np.where(short, there, at_low)
        high, at_high = np.where(short, high, middle), np.where(short, at_high, there)
    share = np.clip((probability - at_low) / np.maximum(at_high - at_low, 1e-12), 0.0, 1.0)
    return np.asarray(low + share * (high - low))
