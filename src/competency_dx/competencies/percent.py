"""Domain-referenced percent: D(θ) = 100 Σ E[X_j | θ] / Σ max_j over a frozen reference set, with its uncertainty.

Given θ, items are independent, so the posterior of an item's expected score S_i(θ) depends on the person's own answer to it
alone: E[S_i | x_i, θ] = E[S_i P(x_i | θ)] / E[P(x_i | θ)], expectations over the item's parameters. Summed over the reference
set this gives mean and variance of D(θ) = 100 Σ S_i / Σ max_i for each person and support point: what they are without answers
plus one matrix product with the indicators of the answers, as in the E-step. The tables of what is said by each possible answer
stand in one array for all leaves, which have the same number M of possible answers (`PossibleAnswers`).

The percent of a person is the posterior distribution of D(θ). Given θ, D is normal: the reference items' parameters may be
uncertain, and θ is any value in the cell of a support point. The distribution is the mixture of these normals over θ.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.competencies.population import Units
from competency_dx.kernels.blocks import even_product
from competency_dx.kernels.propagation.settled_persons import PossibleAnswers, possible_answers

SHARPEST = 1e-6
LONGEST = 10.0  # step, in percent
LEAST_DENSITY = 1e-4  # per percent
LEAST = 1e-12


class LeafTables(NamedTuple):
    """Tables of D leaves, M possible answers and Q points.

    Percent of the leaf: `percent` and `variance` (D, Q) without answers, and what each answer adds (D, M, Q), None where all
    items are certain; `certain` (D,) tells of which leaves they are. Columns of weights by θ, (D, Q, M) each: `inverse`,
    1 / P(x | θ); `moved` this times δ and δ² - η, what the answer adds to mean and variance; `surprise`, log P(x | θ) less its
    mean over answers, with its second and third central moments.
    """

    answers: PossibleAnswers
    percent: Floats
    variance: Floats
    added: tuple[Floats, Floats] | None
    certain: Bools
    inverse: Floats
    moved: tuple[Floats, Floats] | None
    surprise: tuple[Floats, Floats, Floats]


def leaf_tables(
    units: Units, points: Ints, log_prob: Floats, scores: tuple[Floats, Floats], by_answer: tuple[Floats, Floats]
) -> LeafTables:
    """Return tables of items (I,) by log P (I, K, Q): mean and variance (I, Q) of the `scores`, the same `by_answer` (I, K, Q)."""
    D, (I, K) = len(units.leaves), log_prob.shape[:2]
    item, category = np.nonzero(np.arange(K) <= points[:, None])
    leaf, answers = units.leaf[item], possible_answers(units.leaf, points + 1)
    stacked = partial(answers.stacked, item=item, category=category)
    reference = units.reference[units.leaves[units.leaf], np.arange(I)]
    scale = (100 * reference / np.bincount(units.leaf, weights=points * reference, minlength=D)[units.leaf])[:, None]
    of_leaf = (units.leaf == np.arange(D)[:, None]).astype(np.float64)
    prob, off = np.exp(log_prob), log_prob - (np.exp(log_prob) * log_prob).sum(axis=1)[:, None]
    second, third = ((prob * off**r).sum(axis=1) for r in (2, 3))
    more, wider = ((x - y[:, None])[item, category] for x, y in zip(by_answer, scores, strict=True))
    more, wider, inverse = more * scale[item], wider * scale[item] ** 2, np.exp(-log_prob[item, category])
    by_weight = [inverse, inverse * more, inverse * (more**2 - wider), off[item, category], second[item], third[item]]
    columns = [np.ascontiguousarray(stacked(x).transpose(0, 2, 1)) for x in by_weight]
    loose = np.bincount(leaf, weights=(more != 0).any(axis=1) | (wider != 0).any(axis=1), minlength=D) > 0
    added, moved = ((stacked(more), stacked(wider)), (columns[1], columns[2])) if loose.any() else (None, None)
    percent, variance = of_leaf @ (scores[0] * scale), of_leaf @ (scores[1] * scale**2)
    return LeafTables(answers, percent, variance, added, ~loose, columns[0], moved, (columns[3], columns[4], columns[5]))


def influence(tables: LeafTables, weight: Floats, below: tuple[Floats, Floats], z: Floats, sd: Floats) -> Floats:
    """Return P(D below the cut) less what it would be without each possible answer (D, p, M).

    `weight` (D, p, Q) are the tilted marginals and `below` P(D below the cut), by θ and overall (D, p); z = (cut - m) / s with
    `sd` s, (D, p, Q) or (D, 1, Q). Where items are uncertain the answer also moved mean and variance of D given θ, by δ and η; as
    Φ((cut - m) / s) solves the heat equation, taking them back is, to second order, Φ + δ φ / s - (δ² - η) z φ / 2 s².
    """
    total = even_product(weight, tables.inverse)
    without = even_product(weight * below[0], tables.inverse)
    if tables.moved is not None:
        density = weight * np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * sd)
        without += even_product(density, tables.moved[0])
        without -= 0.5 * even_product(density * z / sd, tables.moved[1])
    return np.asarray(below[1][:, :, None] - without / np.where(total > 0, total, 1.0))


class PercentAt(NamedTuple):
    """Mean and SD of the percent D of each leaf by θ, (D, p, Q) or (D, 1, Q), and the tables they are from."""

    mean: Floats
    sd: Floats
    tables: LeafTables

    def below(self, cut: float) -> Floats:
        """Return P(D below the cut | θ), where items are certain the share of the cell around θ in which it is."""
        out, certain = ndtr((cut - self.mean) / self.sd), self.tables.certain
        if certain.any():
            ends = self.tables.percent[certain]
            half = np.maximum(0.5 * np.abs(np.gradient(ends, axis=1)), SHARPEST)
            out[certain] = np.clip(0.5 + 0.5 * (cut - ends) / half, 0.0, 1.0)[:, None]
        return np.asarray(out)


def percent_at(tables: LeafTables, chosen: Floats) -> PercentAt:
    """Return what answers (D, p, M) say of percents at each θ; uncertain D vary within a cell by a twelfth of the squared step."""
    mean, variance = tables.percent[:, None], tables.variance[:, None]
    if tables.added is not None:
        mean = mean + even_product(chosen, tables.added[0])
        variance = np.maximum(variance + even_product(chosen, tables.added[1]), 0.0)
        variance += np.gradient(mean, axis=2) ** 2 * (~tables.certain[:, None, None] / 12)
    return PercentAt(mean, np.sqrt(variance + SHARPEST**2), tables)


def averaged(weight: Floats, at: PercentAt) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance (D, p) of the percents under weights (D, p, Q) of θ, and the part of the variance given θ."""
    within = (weight * at.sd**2).sum(axis=2)
    shape = weight * at.mean
    average = shape.sum(axis=2)
    return average, (shape * at.mean).sum(axis=2) - average**2 + within, within


def quantiles(weight: Floats, at: PercentAt, moments: tuple[Floats, Floats, Floats], levels: Floats) -> Floats:
    """Return the quantiles (N, D, p) of percents at N levels, from the weights of θ and what `averaged` says.

    D at the quantile of θ; where items are uncertain, spread out by the variance given θ, then one step of Halley (off by .07 RMS
    in percent).
    """
    average, variance, within = moments
    cumulative, last = np.cumsum(weight, axis=2), weight.shape[2] - 1
    side = np.stack([np.clip((cumulative < level).sum(axis=2), 1, last) for level in levels], axis=2)
    left, right = (np.take_along_axis(cumulative, x, axis=2) for x in (side - 1, side))
    share = np.clip((levels - left) / np.maximum(right - left, LEAST), 0.0, 1.0)
    ends = at.mean + 0.5 * np.diff(at.mean, axis=2, append=at.mean[:, :, -1:])  # of cells
    low, high = (np.take_along_axis(np.broadcast_to(ends, weight.shape), x, axis=2) for x in (side - 1, side))
    wider = np.sqrt(variance / np.maximum(variance - within, LEAST))[:, :, None]
    x = np.clip(np.moveaxis(average[:, :, None] + (low + share * (high - low) - average[:, :, None]) * wider, 2, 0), 0.0, 100.0)
    if at.tables.added is None:
        return x
    out = []
    for level, value in zip(levels, x, strict=True):
        z = (value[:, :, None] - at.mean) / at.sd
        off = (weight * ndtr(z)).sum(axis=2) - level
        density = weight * np.exp(-0.5 * z**2) / at.sd
        slope = np.maximum(density.sum(axis=2) / np.sqrt(2 * np.pi), LEAST_DENSITY)
        bend = -(density * z / at.sd).sum(axis=2) / np.sqrt(2 * np.pi)
        newton = off / slope
        step = newton / np.maximum(1 - 0.5 * newton * bend / slope, 0.5)
        step = np.where(at.tables.certain[:, None], 0.0, np.clip(step, -LONGEST, LONGEST))
        out.append(np.clip(value - step, 0.0, 100.0))
    return np.stack(out)
