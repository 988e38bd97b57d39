"""Fit of the whole model: M2, C2 and SRMSR, what is left between items, models beside each other."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, ndtri

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.calibration import Calibration
from competency_dx.errors import FitError, checked
from competency_dx.fit.residuals import Part
from competency_dx.kernels import families
from competency_dx.kernels.residual_fit import LimitedMoments, chance_components, chance_sets, components, limited_fit, s_x2
from competency_dx.models import ItemParameters, expected_scores, log_probabilities
from competency_dx.persons import even_uniforms
from competency_dx.quality import PairMoments, local_dependence
from competency_dx.result import DataFrame, frame

POINTS, SOBOL = 121, 2048
MOST_PAIRS = 3160  # all of 80 items
BY_ABILITY = 0.001
STEP, DRAWS, SEED, LEAST_COMMON = 1e-4, 100, 20261129, 20


def _points(known: ItemParameters) -> tuple[Floats, Floats]:
    """Return points θ (Q,) or (Q, D) of the population with their weights (Q,): a grid, or evenly spread ones for several."""
    population = known.population
    if population.histogram.size:
        return population.histogram[0], population.histogram[1] / population.histogram[1].sum()
    if len(population.mean) > 1:
        z = ndtri(even_uniforms(b"fit", np.array(["points"], dtype=object), SOBOL, len(population.mean))[0])
        return population.mean + z @ np.linalg.cholesky(population.covariance).T, np.full(SOBOL, 1 / SOBOL)
    z = np.linspace(-6, 6, POINTS)
    return population.mean + z * np.sqrt(population.covariance[0]), np.exp(-0.5 * z**2) / np.exp(-0.5 * z**2).sum()


def of_sums(part: Part, n_free: Sequence[int]) -> Floats:
    """Return S-X², degrees of freedom and p of complete answers (3, I)."""
    theta, weight = _points(part.known)
    prob = np.exp(log_probabilities(part.known, theta))
    return s_x2(part.matched.codes.astype(np.int64), prob, weight, part.known.n_categories, np.array(n_free))


def pairs_of(items: tuple[str, ...], seen: Bools) -> tuple[Ints, Ints]:
    """Return pairs of items that enough persons answered (P, I): all, or as many of each item, drawn by the names of items."""
    first, second = np.nonzero(np.triu(seen.T.astype(np.float64) @ seen >= LEAST_COMMON, 1))
    place = np.argsort(np.argsort(even_uniforms(b"pairs", np.array(items, dtype=object), 1, 1)[:, 0, 0]))
    low, high = np.sort(place[np.stack([first, second])], axis=0)
    around = np.minimum(high - low, len(items) - (high - low))  # neighbours on a circle first
    kept = np.sort(np.lexsort((high, low, around))[:MOST_PAIRS])
    return first[kept], second[kept]


def asked_by_ability(part: Part) -> Ints:
    """Return the items (n,) whose answers come from persons of another ability than missing ones do, beyond chance.

    Where what persons are asked does not depend on them, posterior means have the mean of the population whatever they are given.
    """
    seen, theta = part.matched.observed.astype(np.float64), part.posterior.moments().mean
    some = np.minimum(seen.sum(axis=0), (1 - seen).sum(axis=0)) >= LEAST_COMMON
    means, errors = list[Floats](), list[Floats]()
    for given in (seen[:, some], 1 - seen[:, some]):
        n = given.sum(axis=0)[:, None]
        means.append(given.T @ theta / n)
        errors.append((given.T @ theta**2 / n - means[-1] ** 2) / n)
    z = np.abs(means[0] - means[1]) / np.sqrt(errors[0] + errors[1])
    return np.flatnonzero(some)[(z > ndtri(1 - BY_ABILITY / (2 * max(z.size, 1)))).any(axis=1)]


def limited(calibration: Calibration, part: Part, pairs: tuple[Ints, Ints]) -> Floats:
    """Return M2* and C2 (2, 6) by these pairs: statistic, df, p, RMSEA with 90 % interval; for right and wrong they are the same."""
    known, (theta, weight), out = part.known, _points(part.known), []
    codes, seen = part.matched.codes, part.matched.observed
    log_prob = log_probabilities(known, theta)
    prob = np.exp(log_prob)
    slope = prob[:, None] * families.derivatives(known.groups, known.beta, log_prob, theta, known.allowed)
    for categories in (False, True) if known.n_categories.max() > 2 else (False,):
        of = LimitedMoments.of(known.n_categories, pairs, categories=categories)
        by_parameter = _by_parameter(calibration, of.derivatives(prob, weight, slope), of)
        e = of.observed(codes, seen) - of.expected(prob, weight)
        shared, n = (1.0, float(len(seen))) if seen.all() else of.shared(seen)
        out.append(limited_fit(e, shared * of.covariance(prob, weight), by_parameter, n))
    return np.stack(out)[[0, -1]]


def _by_parameter(calibration: Calibration, by_item: Floats, of: LimitedMoments) -> Floats:
    """Return the derivatives of the moments (M, F) by the free parameters; a shared one moves all items that have its value."""
    table, known, out = calibration.table, calibration.parameters, []
    family, beta = np.array(known.families), known.beta
    for f, (i, column) in enumerate(zip(table.item.tolist(), table.column.tolist(), strict=True)):
        if i >= 0:
            alike = (family == family[i]) & (beta[:, column] == beta[i, column]) if table.shared[f] else np.arange(len(beta)) == i
            out.append(by_item[alike, column].sum(axis=0))
            continue
        d, ends = max(int(table.dimension[f]), 0), []
        other = int(table.other[f]) if table.other[f] >= 0 else d
        for step in (STEP, -STEP):
            mean, covariance = known.population.mean.copy(), known.population.covariance.copy()
            if table.kind[f] == "mean":
                mean[d] += step
            else:
                covariance[d, other] = covariance[other, d] = covariance[d, other] + step
            theta, weight = _points(replace(known, population=replace(known.population, mean=mean, covariance=covariance)))
            ends.append(of.expected(np.exp(log_probabilities(known, theta)), weight))
        out.append((ends[0] - ends[1]) / (2 * STEP))
    return np.array(out).T


class Left(NamedTuple):
    """Residual correlations (I, I), excess of covariances (I, I) with its bound, SRMSR, and eigenvalues (4, I), as in `Fit`.

    `chance` (draws, M - 1) is the strongest evidence of sets of items by chance; see `chance_sets`.
    """

    q3: Floats
    q3_z: Floats
    q3_bound: float
    srmsr: float
    eigenvalues: Floats
    chance: Floats


def left_over(parts: Sequence[Part]) -> Left:
    """Return what is left between items, residuals being answers less their expectation at the EAP estimate (Yen's Q3).

    Whether a pair goes too much together is told by its covariance beside the implied one (`quality.local_dependence`): that of Q3
    depends on how well the others estimate θ. The bound is Šidák's for the number of pairs.
    """
    P, I = sum(len(part.rows) for part in parts), len(parts[0].known.items)
    x, residual, observed = np.zeros((P, I)), np.zeros((P, I)), np.zeros((P, I), dtype=np.bool_)
    points, curves = parts[0].known.points, list[tuple[Floats, Floats]]()
    for part in parts:
        known, (theta, weight), estimate = part.known, _points(part.known), part.posterior.moments().mean
        curves.append((np.exp(log_probabilities(known, theta)), weight * (len(part.rows) / P)))
        x[part.rows] = points[np.arange(I), part.matched.codes.astype(np.int64)]
        residual[part.rows] = x[part.rows] - expected_scores(known, estimate if estimate.shape[1] > 1 else estimate[:, 0]).T
        observed[part.rows] = part.matched.observed
    prob, weight = (np.concatenate(of, axis=-1) for of in zip(*curves, strict=True))
    mean, square = (np.einsum("ik,ikq->iq", points**power, prob) for power in (1, 2))
    implied, apart = (mean * weight) @ mean.T - np.outer(mean @ weight, mean @ weight), np.triu_indices(I, 1)
    np.fill_diagonal(implied, square @ weight - (mean @ weight) ** 2)
    n = observed.astype(np.float64).T @ observed
    raw, q3 = (np.where(n >= LEAST_COMMON, PairMoments.of(of, observed).correlation, np.nan) for of in (x, residual))
    gap = (raw - implied / np.sqrt(np.outer(np.diag(implied), np.diag(implied))))[apart]
    np.fill_diagonal(q3, 1.0)
    rows = [np.full(I, np.nan)] * 4
    if n.min() >= LEAST_COMMON and np.isfinite(raw).all():  # an item that all answer alike correlates with nothing
        chance = chance_components(I, int(np.median(n[apart])), DRAWS, np.random.default_rng(SEED))
        rows = [components(raw), components(q3), chance.mean(axis=0), np.quantile(chance, 0.95, axis=0)]
    pairs = local_dependence(x.astype(np.int8), observed, implied, parts[0].known.dimension_index)
    # many dependent pairs are no measure of chance here; given θ answers vary less, unless other persons answered each pair
    noise = ((square - mean**2) * weight) @ (square - mean**2).T
    spread = np.sqrt(noise / np.outer(np.diag(implied), np.diag(implied)))
    scale = spread if observed.all() else np.ones((I, I))
    excess = pairs.excess * pairs.stretch / scale
    bound = float(ndtri(0.95 ** (1 / max(np.isfinite(excess[apart]).sum(), 1))))
    drawn = chance_sets(observed, (prob, points, weight / weight.sum()), implied, scale, np.random.default_rng(SEED))
    return Left(q3, excess, bound, float(np.sqrt(np.nanmean(gap**2))), np.stack(rows), drawn)


@checked(FitError)
def compare(calibrations: Mapping[str, Calibration]) -> DataFrame:
    """Compare calibrations of the same answers, by name, by likelihood ratios and information criteria.

    Returns one row per model, the fewest parameters first: model, n_parameters, log_likelihood, aic, bic, sabic (Sclove 1987),
    hq (Hannan & Quinn 1979), and chi2, df, p against the model before, which must be a special case of this one. Raises `FitError`
    when there are fewer than two, or their answers differ.
    """
    names = sorted(calibrations, key=lambda name: calibrations[name].n_parameters)
    found = [calibrations[name] for name in names]
    if len(found) < 2 or len({c.provenance.inputs.get("responses", c.digest) for c in found}) > 1:
        raise FitError("fit.other_answers", names=names)
    n, ll, size = np.array([c.n_parameters for c in found]), np.array([c.log_likelihood for c in found]), found[0].n_persons
    weights = {"aic": 2.0, "bic": np.log(size), "sabic": np.log((size + 2) / 24), "hq": 2 * np.log(np.log(size))}
    chi2, df = 2 * np.diff(ll, prepend=np.nan), np.diff(n.astype(np.float64), prepend=np.nan)
    tests = {"chi2": chi2, "df": df, "p": np.where(df > 0, chdtrc(np.maximum(df, 1), np.maximum(chi2, 0.0)), np.nan)}
    criteria = {name: -2 * ll + weight * n for name, weight in weights.items()}
    return frame(model=names, n_parameters=n, log_likelihood=ll, **criteria, **tests)
