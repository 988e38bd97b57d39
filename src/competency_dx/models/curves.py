"""Item response curves as arrays, and answers drawn from them.

Log-probabilities on support points, expected scores, item uncertainty averaged out; scores at given or drawn abilities.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, blocks
from competency_dx.bank import ItemBank
from competency_dx.errors import ModelError, checked
from competency_dx.kernels import families
from competency_dx.kernels.families import FLOOR
from competency_dx.models.families import FAMILIES
from competency_dx.models.item_parameters import ItemParameters, bank_parameters
from competency_dx.responses import Reason, Responses
from competency_dx.result import provenance

Tables = Iterator[tuple[Floats, float]]  # probabilities at points of parameters, and their weights
AXIS_POINTS = 5
PRODUCT_DIMENSIONS = 3
TINY = 1e-300
BLOCK = 4096


def log_probabilities(parameters: ItemParameters, theta: Floats) -> Floats:
    """Return log P(X = k | θ) as (I, K, Q); categories that an item does not have get the floor."""
    return families.log_probabilities(parameters.groups, parameters.beta, theta, parameters.allowed)


def averaged_log_probabilities(parameters: ItemParameters, theta: Floats, uncertain: Bools) -> Floats:
    """Return log E[P(X = k | θ)] (I, K, Q), the expectation over each uncertain item's own parameters.

    Errors of different items are independent, so the likelihood of a person with the parameters integrated out is the
    product of these averages: carrying the uncertainty this way is exact for one person and costs nothing per person.
    The expectation over the normal (a, e_1 …) is by cubature, boundaries of graded items in order at every point (`_in_order`).
    """
    out = log_probabilities(parameters, theta)
    for chosen, K, tables in _tables_by_size(parameters, theta, uncertain):
        out[chosen, :K] = np.log(np.maximum(sum(weight * prob for prob, weight in tables), TINY))
    return np.maximum(out, FLOOR)


def _tables_by_size(parameters: ItemParameters, theta: Floats, uncertain: Bools) -> Iterator[tuple[Ints, int, Tables]]:
    """Yield the uncertain items of each number of categories K, and their tables of `_tables`."""
    for K in np.unique(parameters.n_categories[uncertain]):
        chosen = np.flatnonzero(uncertain & (parameters.n_categories == K))
        yield chosen, int(K), _tables(parameters.take(chosen), int(K), theta)


def _tables(parameters: ItemParameters, K: int, theta: Floats) -> Tables:
    """Yield category probabilities (n, K, Q) at the points of the cubature over (a, e_1 …), with their weights."""
    D, total = parameters.slopes.shape[1], parameters.covariance.shape[1]
    own, width = D + K - 1, D + parameters.intercepts.shape[1] - 1
    always = np.arange(total) < (own if D == 1 else 0)
    used = np.flatnonzero((parameters.covariance != 0).any(axis=(0, 1)) | always)
    used = used[(used < own) | (used >= width)]
    centre, allowed, groups = parameters.beta, parameters.allowed[:, :K], parameters.groups
    keep = np.r_[0:own, width:total]
    centre = centre[:, keep]
    values, vectors = np.linalg.eigh(parameters.covariance[:, used[:, None], used])
    root = np.zeros((len(centre), len(keep), len(used)))
    root[:, np.searchsorted(keep, used)] = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    for point, weight in zip(*cubature(len(used), PRODUCT_DIMENSIONS if D == 1 else 0), strict=True):
        beta = _in_order(parameters, centre + root @ point, allowed)
        yield np.exp(families.log_probabilities(groups, beta, theta, allowed)), float(weight)


def _in_order(parameters: ItemParameters, beta: Floats, allowed: Bools) -> Floats:
    """Return kernel parameters (n, F) with the boundaries of graded items in descending order.

    Errors taken one by one can make boundaries cross, and categories would have probabilities that do not add up to 1. Sorted,
    the curves P(X >= k) are nearer to any that do not cross (Chernozhukov, Fernández-Val & Galichon 2010, doi:10.3982/ECTA7880),
    and as their sum stays, so does the expected score.
    """
    graded = np.array([FAMILIES[f].steps == "cumulative" for f in parameters.families])
    D, out = parameters.slopes.shape[1], beta.copy()
    bounds = out[:, D : D + allowed.shape[1] - 1]
    above = graded[:, None] & allowed[:, 1:] & (np.cumsum(allowed, axis=1)[:, 1:] > 1)  # the lowest category has the boundary 1
    ranked = -np.sort(-np.where(above, bounds, -np.inf), axis=1)
    bounds[above] = ranked[np.isfinite(ranked)]
    return out


def cubature(F: int, product: int = PRODUCT_DIMENSIONS) -> tuple[Floats, Floats]:
    """Return points (N, F) and weights (N,) for expectations under a standard normal of dimension F.

    Product Gauss-Hermite of degree 9 up to `product` dimensions; beyond, the 2F points of degree 3 at ±√F on the axes
    (Stroud 1971, formula E_n^{r²} 3-1).
    """
    if not F:  # nothing is uncertain
        return np.zeros((1, 0)), np.ones(1)
    if product < F:
        return np.sqrt(F) * np.concatenate([np.eye(F), -np.eye(F)]), np.full(2 * F, 0.5 / F)
    x, w = np.polynomial.hermite_e.hermegauss(AXIS_POINTS)
    grid = np.meshgrid(*[x] * F, indexing="ij")
    weights = np.meshgrid(*[w / w.sum()] * F, indexing="ij")
    return np.stack([g.ravel() for g in grid], axis=1), np.prod([g.ravel() for g in weights], axis=0)


def uncertain_scores(parameters: ItemParameters, theta: Floats, uncertain: Bools) -> tuple[Floats, Floats]:
    """Return mean and variance (I, Q) of the expected score E[X | θ] over each uncertain item's own parameters."""
    mean = expected_scores(parameters, theta)
    variance = np.zeros_like(mean)
    for chosen, K, tables in _tables_by_size(parameters, theta, uncertain):
        first, second = np.zeros((2, len(chosen), len(theta)))
        for prob, weight in tables:
            score = np.einsum("k,nkq->nq", np.arange(K, dtype=float), prob)
            first += weight * score
            second += weight * score**2
        mean[chosen], variance[chosen] = first, np.maximum(second - first**2, 0.0)
    return mean, variance


def informed_scores(parameters: ItemParameters, theta: Floats, uncertain: Bools) -> tuple[Floats, Floats]:
    """Return mean and variance (I, K, Q) of the expected score E[X | θ] given that the answer was k.

    The answer tells of the item's own parameters: the expectation is weighted by P(X = k | θ, parameters). Items whose
    parameters are certain have their expected score and no variance whatever the answer.
    """
    mean = np.repeat(expected_scores(parameters, theta)[:, None], parameters.intercepts.shape[1], axis=1)
    variance = np.zeros_like(mean)
    for chosen, K, tables in _tables_by_size(parameters, theta, uncertain):
        total, first, second = np.zeros((3, len(chosen), K, len(theta)))
        for prob, weight in tables:
            score, likelihood = np.einsum("k,nkq->nq", np.arange(K, dtype=float), prob)[:, None], weight * prob
            total += likelihood
            first += likelihood * score
            second += likelihood * score**2
        mean[chosen, :K] = average = first / np.maximum(total, TINY)
        variance[chosen, :K] = np.maximum(second / np.maximum(total, TINY) - average**2, 0.0)
    return mean, variance


def curve_information(log_prob: Floats, theta: Floats) -> Floats:
    """Return the Fisher information (I, Q) of tabulated curves, Σ_k P_k'² / P_k; uncertain curves carry less of it."""
    return np.asarray((np.exp(log_prob) * np.gradient(log_prob, theta, axis=2) ** 2).sum(axis=1))


def expected_scores(parameters: ItemParameters, theta: Floats) -> Floats:
    """Return E[X | θ] (I, Q)."""
    return np.asarray(np.einsum("ik,ikq->iq", parameters.points, np.exp(log_probabilities(parameters, theta))))


def score_information(parameters: ItemParameters, theta: Floats) -> Floats:
    """Return the Fisher information of each item about θ (I, Q), Σ_k P_k'² / P_k."""
    prob, first, _ = families.person_curves(parameters.groups, parameters.beta, theta, parameters.allowed)
    return np.asarray((first**2 / np.maximum(prob, TINY)).sum(axis=2).T)


class Parametrised(Protocol):
    """What has item parameters, as a calibration."""

    @property
    def parameters(self) -> ItemParameters:
        """Return the item parameters."""


@checked(ModelError)
def simulate(parameters: ItemBank | Parametrised | ItemParameters, persons: int | Floats, *, rng: np.random.Generator) -> Responses:
    """Draw complete scored answers from the model.

    Persons are "1", "2" …; the abilities are not kept in the result.
    Raises `ModelError` when abilities have the wrong shape or are not finite, or the population has no density.

    Parameters
    ----------
    parameters : Item parameters and population.
    persons : int or ndarray, shape (P,) or (P, D). Number of persons, drawn from the population, or their abilities θ in logits on D
        competencies.
    rng : Source of randomness; the same state gives the same answers, on every machine: abilities are drawn first, person by person,
        from standard normal draws z (P, D) as mean + z Lᵀ with the Cholesky factor L of the covariance; then come uniform draws, one
        for each answer, in blocks of persons.
    """
    source = bank_parameters(parameters) if isinstance(parameters, ItemBank) else parameters
    known = (source if isinstance(source, ItemParameters) else source.parameters).in_group()
    theta = abilities(known, persons, rng)
    codes = np.empty((len(theta), len(known.items)), dtype=np.int8)
    for block in blocks(len(theta), BLOCK):
        # the number of categories whose cumulative probability lies below a uniform draw
        cumulative = np.cumsum(np.exp(log_probabilities(known, theta[block])), axis=1)[:, :-1]
        draws = rng.random((len(theta[block]), len(known.items))).T
        codes[block] = (draws[:, None, :] > cumulative).sum(axis=1).T
    several = len(known.dimensions) > 1
    population = f"{len(known.dimensions)} competencies" if several else f"N({known.mean:g}, {known.variance:g})"
    settings = {"persons": str(len(theta)), "items": str(len(known.items)), "population": population}
    return Responses(
        persons=np.arange(1, len(theta) + 1).astype(str).astype(object),
        items=known.items,
        scores=codes,
        reasons=np.full(codes.shape, Reason.ANSWERED, dtype=np.uint8),
        max_scores=known.n_categories - 1,
        background={},
        answers=None,
        findings=(),
        provenance=provenance("simulate", {}, settings),
    )


def abilities(known: ItemParameters, persons: int | Floats, rng: np.random.Generator) -> Floats:
    """Return θ in logits as given, or drawn: (P,) for one competency, (P, D) for several; raises `ModelError` as `simulate`."""
    D, population = len(known.dimensions), known.population
    if isinstance(persons, int | np.integer):
        if persons < 1:
            raise ModelError("models.too_few", persons=persons)
        if D > 1:
            try:  # a covariance has one triangular root, where roots by eigenvectors are the choice of a LAPACK build
                root = np.linalg.cholesky(population.covariance)
            except np.linalg.LinAlgError:
                raise ModelError("models.covariance") from None
            return population.mean + rng.normal(size=(int(persons), D)) @ root.T
        return np.asarray(rng.normal(known.mean, np.sqrt(known.variance), int(persons)))
    theta = np.asarray(persons, dtype=float)
    if D == 1 and theta.ndim == 2 and theta.shape[1] == 1:
        theta = theta[:, 0]
    wanted = "(P,) or (P, 1) for one competency" if D == 1 else f"(P, {D}) for {D} competencies"
    if theta.ndim != min(D, 2) or (D > 1 and theta.shape[1] != D) or not np.isfinite(theta).all():
        raise ModelError("models.abilities", wanted=wanted, shape=np.shape(persons))
    return theta
