"""Estimates of persons with one set of item parameters and one population: values, errors, counts, statuses.

The error that items share is carried into scores: what their own errors, integrated out one by one, leave out. Averaging the
curve of each item over its own parameters is exact where errors of items are independent. In a calibration they are not: with
g_f = Cov(θ, ∂ log P(x | θ) / ∂ ξ_f | x), the change of a person's mean with parameter ξ_f, errors shared by items i ≠ j add Σ
g_f C_fg g_g to the posterior variance, with several competencies G C Gᵀ to the covariance (delta method; Lewis 2001; Yang,
Hansen & Cai 2012, doi:10.1177/0146621612449069).
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from competency_dx import persons
from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks, everywhere
from competency_dx.errors import ScoringError
from competency_dx.findings import Finding, Template
from competency_dx.kernels import families
from competency_dx.kernels.blocks import map_blocks
from competency_dx.kernels.persons import Target, filled_table, solve
from competency_dx.models import ItemParameters
from competency_dx.persons import EAP, END_MASS, MAP, ML, WLE, Matched, Method, SumScore, posterior_of, scoring_grid, uncertain_items
from competency_dx.result import digest_arrays, digest_text

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration
    from competency_dx.engine import ItemErrors

SHARED_BLOCK = 256
DRAWN = 16  # persons whose draws are evaluated at once
DRAWS = 256
KEPT = 8
NO_RESPONSES = 3
EDGE = 1e-6
BLOCK, SOME = 32_768, 64
GRID = 241
REACH = 6.0  # population SD from the mean within which estimates lie
REACH_OF = {"WLE": 12.0}  # which is finite for every pattern: its bound is there for safety alone
LEAST_INFORMATION = 1e-3
Notes = tuple[Finding, ...]


@lru_cache(maxsize=KEPT)
def shared_errors(calibration: "Calibration") -> "ItemErrors | None":
    """Return what the errors of different items share, those of one item being 0; None where `ItemErrors` says nothing."""
    found = calibration.table.item_errors(calibration.covariance)
    return found and found._replace(covariance=np.where(found.item[:, None] == found.item, 0.0, found.covariance))


def shared_covariance(
    posterior: persons.Posterior, covariance: Floats, matched: Matched, known: ItemParameters, shared: "ItemErrors"
) -> Floats:
    """Return what errors shared by items add to the posterior covariances (P, D, D) of the persons."""
    P, D, N = len(matched.codes), len(known.dimensions), len(shared.item)
    out = np.empty((P, D, D))

    def add(block: slice, G: Floats) -> None:
        """Write G C Gᵀ for gradients G (SHARED_BLOCK, D, N) of a block, of which rows beyond it are filling."""
        half = (G.reshape(-1, N) @ shared.covariance).reshape(G.shape)
        out[block] = (half[:, :, None] * G[:, None]).sum(axis=3)[: block.stop - block.start]

    if not known.between:
        _by_draws(posterior, matched, known, shared, add)
    elif isinstance(posterior, persons.ExactPosterior):
        theta = posterior.tables.theta
        slopes = _slopes(known, theta, shared)
        posterior.each(
            lambda rows, weight, _: add(rows, _gradients(theta, weight, slopes, matched, shared, rows)[:, None]), size=SHARED_BLOCK
        )
    else:
        _by_marginals(posterior, covariance, matched, known, shared, add)
    if D == 1:
        return np.maximum(out, 0.0)
    values, vectors = np.linalg.eigh(out)
    return np.asarray(np.einsum("pdk,pk,pek->pde", vectors, np.maximum(values, 0.0), vectors))


Add = Callable[[slice, Floats], None]


def _slopes(known: ItemParameters, theta: Floats, shared: "ItemErrors") -> Floats:
    """Return ∂ log P / ∂ξ_f (K, Q, N) along the competency of the item, at its points (Q,)."""
    single, D = known.single() if len(known.dimensions) > 1 else known, len(known.dimensions)
    sharp = families.log_probabilities(single.groups, single.beta, theta, single.allowed)
    by_beta = families.derivatives(single.groups, single.beta, sharp, theta, single.allowed)
    return np.ascontiguousarray(by_beta[shared.item, np.where(shared.column < D, 0, shared.column - D + 1)].transpose(1, 2, 0))


def _gradients(theta: Floats, weight: Floats, slopes: Floats, matched: Matched, shared: "ItemErrors", block: slice) -> Floats:
    """Return Cov(θ, ∂ log P / ∂ξ_f | x) (p, N) for weights (p, Q) up to a factor, filled up beyond the block."""
    weight = weight / weight.sum(axis=1)[:, None]
    weight *= theta - (weight @ theta)[:, None]
    codes, observed = (filled_table(x[block], len(weight))[:, shared.item] for x in (matched.codes, matched.observed))
    g = np.zeros(codes.shape)
    for k, table in enumerate(slopes):
        g += ((codes == k) & observed) * (weight @ table)
    return g


def _by_marginals(
    posterior: persons.Posterior, V: Floats, matched: Matched, known: ItemParameters, shared: "ItemErrors", add: Add
) -> None:
    """Add by the marginals of propagation, where E[θ_d | θ_e] is linear: Cov(θ_d, s(θ_e)) = V_de / V_ee Cov(θ_e, s(θ_e))."""
    dimension = known.dimension_index[shared.item]
    g = np.empty((len(V), len(dimension)))
    for e in range(len(known.dimensions)):
        at = np.flatnonzero(dimension == e)
        part = shared._replace(item=shared.item[at], column=shared.column[at])

        def one(block: slice, marginal: persons.MarginalDensity, at: Ints = at, part: "ItemErrors" = part) -> None:
            theta = marginal.theta[0]
            slopes, density = _slopes(known, theta, part), np.exp(marginal.log_density)
            for cut in blocks(len(density), SHARED_BLOCK):
                rows = slice(block.start + cut.start, block.start + cut.stop)
                weight = np.concatenate([density[cut], np.ones((SHARED_BLOCK - cut.stop + cut.start, len(theta)))])
                g[rows, at] = _gradients(theta, weight, slopes, matched, part, rows)[: cut.stop - cut.start]

        posterior.marginals(e, one)
    for block in blocks(len(g), SHARED_BLOCK):
        add(block, filled_table((V[block] / np.einsum("pee->pe", V[block])[:, None])[:, :, dimension] * g[block, None], SHARED_BLOCK))


def _by_draws(posterior: persons.Posterior, matched: Matched, known: ItemParameters, shared: "ItemErrors", add: Add) -> None:
    """Add by draws of the posterior, where items measure several competencies."""
    draws, N = posterior.draws(DRAWS), len(shared.item)
    for block in blocks(len(draws), DRAWN):
        theta, n = filled_table(draws[block], DRAWN), block.stop - block.start
        at = theta.reshape(-1, theta.shape[2])
        sharp = families.log_probabilities(known.groups, known.beta, at, known.allowed)
        by_beta = families.derivatives(known.groups, known.beta, sharp, at, known.allowed)[shared.item, shared.column]
        codes, observed = (filled_table(x[block], DRAWN)[:, shared.item].T for x in (matched.codes, matched.observed))
        table = by_beta.reshape(N, -1, DRAWN, DRAWS)
        slope = np.take_along_axis(table, codes.astype(np.int64)[:, None, :, None], axis=1)[:, 0] * observed[:, :, None]
        add(block, filled_table((np.einsum("pnd,fpn->pdf", theta - theta.mean(axis=1, keepdims=True), slope) / DRAWS)[:n], DRAWN))


class Estimates(NamedTuple):
    """Estimates (P, D), covariances (P, D, D), answers that count and statuses (P, D), digest of the answers."""

    theta: Floats
    covariance: Floats
    n_items: Ints
    status: NDArray[np.int8]
    digest: str


def estimates(matched: Matched, known: ItemParameters, method: Method, shared: "ItemErrors | None" = None) -> tuple[Estimates, Notes]:
    """Return the estimates of all persons, with what is to be said of them; `shared` are errors that items have in common."""
    if method.item_uncertainty == "all" and np.isnan(known.covariance).any():
        raise ScoringError("scoring.no_item_errors")
    theta, covariance, notes = _values(matched, known, method, shared)
    sums = [_sums(matched, known, None if len(theta[0]) == 1 else np.flatnonzero(x)) for x in known.loads.T]
    kinds = [np.select([n == 0, earned == 0, earned == possible], [NO_RESPONSES, 1, 2], 0) for n, earned, possible in sums]
    status = np.stack(kinds, axis=1).astype(np.int8)
    if isinstance(method, ML | WLE | MAP):  # estimates within bounds
        reach = REACH_OF.get(type(method).__name__, REACH) * np.sqrt(np.diag(known.population.covariance))
        far = (theta - known.population.mean) / reach
        edge = np.where(far > 1 - EDGE, 2, np.where(far < EDGE - 1, 1, status))
        status = np.where(status == NO_RESPONSES, status, edge).astype(np.int8)
    n_items = np.stack([n for n, _, _ in sums], axis=1)
    return Estimates(theta, covariance, n_items, status, digest_arrays(matched.codes, np.packbits(matched.observed))), notes


def joined(parts: list[Estimates], rows: list[Ints | None]) -> Estimates:
    """Return estimates of parts of the persons as one, in the persons' order."""
    order = np.argsort(np.concatenate([r for r in rows if r is not None]), kind="stable")
    theta, covariance, n_items, status = (np.concatenate(each)[order] for each in list(zip(*parts, strict=True))[:4])
    return Estimates(theta, covariance, n_items, status, digest_text(" ".join(part.digest for part in parts)))


def _values(matched: Matched, known: ItemParameters, method: Method, shared: "ItemErrors | None") -> tuple[Floats, Floats, Notes]:
    """Return the estimates (P, D) of a method, their covariances (P, D, D) and what is to be said of them."""
    D, name = len(known.dimensions), type(method).__name__
    if isinstance(method, EAP):
        posterior = posterior_of(matched, known, method)
        out = posterior.moments()
        covariance = out.covariance
        if shared is not None:
            covariance = covariance + shared_covariance(posterior, covariance, matched, known, shared)
        far = np.flatnonzero(out.end_mass > END_MASS)
        return out.mean, covariance, Template("scoring.end_of_grid").about(matched.persons[p] for p in far)
    if D > 1 and isinstance(method, MAP):
        if uncertain_items(known, method.item_uncertainty).any():
            raise ScoringError("scoring.map_uncertainty")
        return *persons.modes(known, matched.codes, matched.observed), ()
    if not known.between:
        raise ScoringError("scoring.one_competency_each", name=name)
    if isinstance(method, SumScore):
        if D > 1:
            return *persons.propagated_given_sums(matched, known, method.points, method.item_uncertainty), ()
        sums, se = persons.given_sums(matched, known, scoring_grid(known, method.points, method.item_uncertainty))
        return sums[:, None], (se**2)[:, None, None], ()
    theta, covariance = np.empty((len(matched.codes), D)), np.zeros((len(matched.codes), D, D))
    for d in range(D):  # with several competencies their errors are independent
        part, single = matched, known
        if D > 1:
            items = np.flatnonzero(known.loads[:, d])
            part = matched._replace(codes=matched.codes[:, items], observed=matched.observed[:, items])
            single = known.take(items).single(d)
        x, se = point_estimates(part, single, name, uncertain_items(single, method.item_uncertainty))
        theta[:, d], covariance[:, d, d] = x, se**2
    return theta, covariance, ()


def _sums(matched: Matched, known: ItemParameters, items: Ints | None) -> tuple[Ints, Ints, Ints]:
    """Return answers that count, points earned and points possible (P,) over some items (all when None)."""
    codes = matched.codes if items is None else matched.codes[:, items]
    observed = matched.observed if items is None else matched.observed[:, items]
    top = (known.n_categories if items is None else known.n_categories[items]) - 1
    least, higher = int(top.min()), [(int(p), np.flatnonzero(top == p)) for p in np.unique(top)[1:]]
    (n, earned, possible), whole = np.empty((3, len(codes)), dtype=np.int64), everywhere(observed)

    def one(block: slice) -> None:
        earned[block] = codes[block].sum(axis=1, dtype=np.int32)
        if whole:
            n[block], possible[block] = len(top), top.sum()
            return
        seen = observed[block]
        n[block] = seen.sum(axis=1, dtype=np.int32)
        possible[block] = least * n[block]
        for points, some in higher:
            possible[block] += (points - least) * seen[:, some].sum(axis=1, dtype=np.int32)

    for _ in map_blocks(one, len(n), size=BLOCK):
        pass
    return n, earned, possible


def point_estimates(matched: Matched, known: ItemParameters, name: str, uncertain: Bools) -> tuple[Floats, Floats]:
    """Return estimates and standard errors (P,) within 6 population SD of the mean, 12 for WLE."""
    reach = REACH_OF.get(name, REACH) * float(np.sqrt(known.variance))
    bounds = (known.mean - reach, known.mean + reach)
    groups, beta, allowed = known.groups, known.beta, known.allowed
    steep = None
    if uncertain.any():
        at = np.linspace(*bounds, GRID)
        log_prob = families.log_probabilities(groups, beta, at, allowed)
        steep = at, np.gradient(families.derivatives(groups, beta, log_prob, at, allowed), at, axis=3)
    curves = partial(families.person_curves, groups, beta, allowed=allowed)
    theta, variance = np.empty(len(matched.codes)), np.empty(len(matched.codes))
    for block in blocks(len(theta), SOME):
        n = block.stop - block.start
        codes, observed = filled_table(matched.codes[block], SOME), filled_table(matched.observed[block], SOME)
        x, information = solve(cast("Target", name), curves, codes, observed, (known.mean, known.variance), bounds)
        precision = np.maximum(information + (1 / known.variance if name == "MAP" else 0.0), LEAST_INFORMATION)
        carried = 0.0 if steep is None else _carried(known, codes, observed & uncertain, x, steep)
        theta[block], variance[block] = x[:n], (1 / precision + carried / precision**2)[:n]
    empty = ~matched.observed.any(axis=1)
    theta[empty], variance[empty] = known.mean, known.variance
    return theta, np.sqrt(variance)


def _carried(known: ItemParameters, codes: Codes, counted: Bools, theta: Floats, steep: tuple[Floats, Floats]) -> Floats:
    """Return Σ_i g_iᵀ V_i g_i (P,) with g_i = ∂ l'(θ) / ∂ beta_i: the variance that item errors add to l'."""
    (grid, tables), out = steep, np.zeros(len(theta))  # points (Q,) and ∂² log P(X = k) / ∂θ ∂beta_f (I, F, K, Q) there
    at = np.clip(np.searchsorted(grid, theta) - 1, 0, len(grid) - 2)
    share = (theta - grid[at]) / (grid[1] - grid[0])
    for i in np.flatnonzero(counted.any(axis=0)):
        x, table = codes[:, i].astype(np.int64), tables[i]
        g = (1 - share) * table[:, x, at] + share * table[:, x, at + 1]
        out += np.where(counted[:, i], np.einsum("fp,fg,gp->p", g, known.covariance[i], g), 0.0)
    return out
