"""Everything about a bank, its standards and its population that does not depend on the persons, and what answers then say of percents.

Domain-referenced percent is D(θ) = 100 Σ E[X_j | θ] / Σ max_j over a frozen reference set, with its uncertainty. Given θ, items are
independent, so the posterior of an item's expected score S_i(θ) depends on the person's own answer to it alone:
E[S_i | x_i, θ] = E[S_i P(x_i | θ)] / E[P(x_i | θ)], expectations over the item's parameters. Summed over the reference set this gives
mean and variance of D(θ) = 100 Σ S_i / Σ max_i for each person and support point: what they are without answers plus one matrix product
with the indicators of the answers, as in the E-step. The tables of what is said by each possible answer stand in one array for all
leaves, which have the same number M of possible answers (`PossibleAnswers`). The percent of a person is the posterior distribution of
D(θ). Given θ, D is normal: the reference items' parameters may be uncertain, and θ is any value in the cell of a support point. The
distribution is the mixture of these normals over θ.

What a set of items can tell of each unit, from items and population alone, is PRMSE of the separate, total and augmented score. The
proportional reduction of mean squared error is the squared correlation of the true percent with its best linear prediction
(Haberman 2008, doi:10.3102/1076998607302636, eq. 3): from the unit's own sum of points, from the sum of the whole test, or from
the sums of all leaves together (Haberman & Sinharay 2010, doi:10.1007/s11336-010-9158-4, eq. 14). Moments of sums follow from the
population: with Hermite coefficients f_r = E[f(μ + σz) He_r(z)] / √r! of each leaf, Cov(f, g) = Σ_r ρ^r f_r g_r (Mehler).
"""

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Bools, Floats, Ints, blocks, value
from competency_dx.bank import Item, ItemBank, Text
from competency_dx.competencies.conclusion import ItemFact, Standards
from competency_dx.competencies.population import LeafPopulations, Pattern, Stated, Units, leaf_populations, pattern_of, reporting_units
from competency_dx.kernels.blocks import even_product
from competency_dx.kernels.propagation.settled_persons import EvenModel, PossibleAnswers, even_model, possible_answers
from competency_dx.models import ItemParameters, NormalPopulation, bank_parameters, informed_scores, measuring, uncertain_scores
from competency_dx.persons import curves_of, uncertain_items

SHARPEST = 1e-6
LONGEST = 10.0  # step, in percent
LEAST_DENSITY = 1e-4  # per percent
LEAST = 1e-12
ORDERS = 5
BLOCK = 256
SETS_KEPT = 1024  # sets of items
POINTS = 61  # at least, on ±6 SD
KEPT = 128


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


def remaining(tables: LeafTables, weight: Floats) -> Floats:
    """Return what tilted marginals (D, p, Q) add up to without each possible answer (D, p, M), 1 where nothing is left."""
    total = even_product(weight, tables.inverse)
    return np.where(total > 0, total, 1.0)


def influence(tables: LeafTables, weight: Floats, total: Floats, below: tuple[Floats, Floats], z: Floats, sd: Floats) -> Floats:
    """Return P(D below the cut) less what it would be without each possible answer (D, p, M).

    `weight` (D, p, Q) are the tilted marginals, `total` what of them is `remaining`, and `below` P(D below the cut), by θ and
    overall (D, p); z = (cut - m) / s with `sd` s, (D, p, Q) or (D, 1, Q). Where items are uncertain the answer also moved mean and
    variance of D given θ, by δ and η; as Φ((cut - m) / s) solves the heat equation, taking them back is, to second order, Φ + δ φ /
    s - (δ² - η) z φ / 2 s².
    """
    without = even_product(weight * below[0], tables.inverse)
    if tables.moved is not None:
        density = weight * np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * sd)
        without += even_product(density, tables.moved[0])
        without -= 0.5 * even_product(density * z / sd, tables.moved[1])
    return np.asarray(below[1][:, :, None] - without / total)


def taken_back(tables: LeafTables, weight: Floats, total: Floats, theta: Floats, at: "PercentAt") -> tuple[Floats, Floats, Floats]:
    """Return mean and variance of θ and mean of D, each (D, p, M), as they would be without each possible answer; see `influence`."""
    first, second, percent = (even_product(weight * x, tables.inverse) / total for x in (theta, theta**2, at.mean))
    if tables.moved is not None:
        percent -= even_product(weight, tables.moved[0]) / total
    return first, second - first**2, percent


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
    for level, found in zip(levels, x, strict=True):
        z = (found[:, :, None] - at.mean) / at.sd
        off = (weight * ndtr(z)).sum(axis=2) - level
        density = weight * np.exp(-0.5 * z**2) / at.sd
        slope = np.maximum(density.sum(axis=2) / np.sqrt(2 * np.pi), LEAST_DENSITY)
        bend = -(density * z / at.sd).sum(axis=2) / np.sqrt(2 * np.pi)
        newton = off / slope
        step = newton / np.maximum(1 - 0.5 * newton * bend / slope, 0.5)
        step = np.where(at.tables.certain[:, None], 0.0, np.clip(step, -LONGEST, LONGEST))
        out.append(np.clip(found - step, 0.0, 100.0))
    return np.stack(out)


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
