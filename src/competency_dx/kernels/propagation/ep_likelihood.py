"""The marginal likelihood of correlated competencies, each item measuring one: E-step, error, missing information, scores of persons.

The error of the approximation is estimated by its leading correction. With q = N(m, V) the EP posterior and w_k = 1 + ε_k the
ratio of tilted to EP marginal of θ_k, the exact evidence is Z / Z_EP = E_q[Π_k (1 + ε_k)]. Moments are matched, so ε_k has
Hermite coefficients e_3, e_4 … only, and by Mehler's formula

log Z - log Z_EP ≈ Σ_{k<l} Σ_{r>=3} e_r^k e_r^l ρ_kl^r                 (Opper, Paquet & Winther 2013, JMLR 14, sec. 3)

with ρ_kl the posterior correlation. The posterior mean moves, in posterior SD and by Stein's lemma, by
Σ_j ρ_kj Σ_{l≠j} Σ_{r>=3} √(r + 1) e_{r+1}^j e_r^l ρ_jl^r. Both vanish for one dimension, where EP is exact.

The information lost with θ is Σ_p Cov[S_p | x_p] (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x). The complete-data
score of an item of dimension k is a function f(θ_k). With polynomials φ_r orthonormal under the tilted marginal of a person
and c_r[f] = E[φ_r f], within a dimension Cov(f, g) = Σ_r c_r[f] c_r[g]; across dimensions the dependence is that of the
EP posterior N(m, V), for which (Mehler 1866, doi:10.1515/crll.1866.66.161)

Cov(f(θ_k), g(θ_l)) = Σ_r c_r[f] c_r[g] ρ_kl^r,   ρ_kl = V_kl / √(V_kk V_ll).

The score of a population is quadratic in θ: of it, items of dimension k share c_1 and c_2. It is that of y = Σ⁻¹(θ - γᵀ w):
w_r y_d by γ_rd, y_a y_b less a constant by Σ_ab (half of it for a = b). Under the posterior N(m, V) y is normal with mean
Σ⁻¹(m - γᵀ w) and covariance W = Σ⁻¹ V Σ⁻¹, which gives the covariances of its products (Isserlis 1918,
doi:10.1093/biomet/12.1-2.134). To these come the cumulants of third and fourth order that skewness and excess kurtosis of the
tilted marginals give y, to first order in these (as in `ep_error`).
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, summed, taken
from competency_dx.kernels.grid import Design, JointTerms, bare_terms, indicators, joined, louis
from competency_dx.kernels.grid.louis import Depth, Moments, SplitScores, expected_scores, halves, pairs, size
from competency_dx.kernels.grid.product import ItemTables
from competency_dx.kernels.propagation import Block, Settled, Sites, SweepControl, hermite_coefficients, lowest_precision, settle

BLOCK = 1024
LEAST_BLOCK = 128
COVARIANCES = 2**16  # elements of covariance matrices in a block, so that they stay in the cache
LOWEST, HIGHEST = 3, 7  # orders of the correction
DEFAULT = SweepControl()
AnyFloats = NDArray[np.floating[Any]]
Terms = tuple[JointTerms, ...]  # of the log likelihood of each dimension
Streams = list[Iterator[AnyFloats]]  # of each dimension, its weighted scores term by term
ScoresByDimension = tuple[tuple[SplitScores, ...], tuple[Ints, ...]]  # of each dimension, and their places among all F


def pieces(design: Design, sites: Sites) -> Iterator[tuple[Design, Sites]]:
    """Yield blocks of persons with their sites, views of the whole; their size depends on D alone."""
    return taken(design.persons, int(np.clip(COVARIANCES // len(design.answers) ** 2, LEAST_BLOCK, BLOCK)), design, sites)


class Model(NamedTuple):
    """Item curves and populations: log P (I, K, Q) on a uniform grid θ (Q,), coefficients γ (R, D), covariances (G, D, D)."""

    theta: Floats
    log_prob: Floats
    coefficients: Floats
    covariance: Floats

    def single(self) -> "Model":
        """Return the model with curves in single precision."""
        return self._replace(log_prob=self.log_prob.astype(np.float32))


class PropagatedExpected(NamedTuple):
    """What an E-step leaves: log Z, counts (C, Q) above base, totals (I, Q), moments, narrowest SD, sites, how many did not settle."""

    log_likelihood: float
    upper: Floats
    totals: Floats
    moments: Moments
    narrowest: float
    sites: Sites
    unsettled: int


def no_sites(design: Design) -> Sites:
    """Return sites that say nothing: a start from the population."""
    return Sites(np.zeros(design.answered.shape), np.zeros(design.answered.shape))


def likelihood_terms(design: Design, model: Model) -> Terms:
    """Return what log-likelihoods of each dimension are made of."""
    return tuple(bare_terms(part, model.log_prob[items]) for part, items in zip(design.answers, design.items, strict=True))


def block_of(design: Design, model: Model, terms: Terms) -> Block:
    """Return log-likelihoods and priors of all persons of a (piece of a) design."""
    kind = model.log_prob.dtype
    out = np.empty((len(terms), len(model.theta), design.persons), dtype=kind)
    for k, (part, term) in enumerate(zip(design.answers, terms, strict=True)):
        out[k] = joined(*indicators(part, slice(None), kind), term).T
    mean = np.ascontiguousarray((design.regressors @ model.coefficients).T)
    covariance = np.ascontiguousarray(model.covariance[design.group].transpose(1, 2, 0))
    return Block(model.theta, out, mean, covariance, lowest_precision(model.covariance)[design.group], design.answered)


def ep_e_step(
    design: Design, model: Model, sites: Sites, *, control: SweepControl = DEFAULT, executor: Executor | None = None
) -> PropagatedExpected:
    """Return log Z, counts and moments from given sites; likelihoods have the precision of the curves, moments are in double."""
    one = partial(_block_statistics, model, likelihood_terms(design, model), control)
    rest = []

    def additive() -> Iterator[tuple[Any, ...]]:
        for part in map_pieces(one, pieces(design, sites), executor=executor):
            rest.append((part.narrowest, *part.sites))
            yield part.unsettled, part.log_likelihood, part.upper, part.totals, *part.moments

    unsettled, ll, upper, totals, *moments = summed(additive())
    narrowest, tau, nu = zip(*rest, strict=True)
    new, sd = Sites(np.concatenate(tau, axis=1), np.concatenate(nu, axis=1)), float(np.sqrt(max(min(narrowest), 0.0)))
    return PropagatedExpected(float(ll), upper, totals, Moments(*moments), sd, new, int(unsettled))


def _block_statistics(model: Model, terms: Terms, control: SweepControl, piece: tuple[Design, Sites]) -> PropagatedExpected:
    """Return the statistics of a block; its `narrowest` is a variance."""
    design, sites = piece
    found = settle(block_of(design, model, terms), sites, control)
    evidence, tilted = found.evidence, found.tilted
    if design.weight is not None:
        evidence = evidence * design.weight
        tilted *= design.weight.astype(tilted.dtype)
    upper, totals = _counts(design, tilted)
    ll, least, unsettled = float(evidence.sum()), float(found.variance.min()), int((~found.settled).sum())
    return PropagatedExpected(ll, upper, totals, _moments(design, model, found), least, found.sites, unsettled)


def _counts(design: Design, tilted: Floats) -> tuple[Floats, Floats]:
    """Return expected counts above the lowest category (C, Q) and totals (I, Q) for tilted marginals (D, Q, p)."""
    Q = tilted.shape[1]
    upper = np.empty((sum(map(len, design.columns)), Q))
    totals = np.empty((sum(map(len, design.items)), Q))
    for k, part in enumerate(design.answers):
        Z, absent = indicators(part, slice(None), tilted.dtype)
        upper[design.columns[k]] = (tilted[k] @ Z).T
        nodes = tilted[k].sum(axis=1)
        totals[design.items[k]] = nodes if absent is None else nodes - (tilted[k] @ absent).T
    return upper, totals


def _moments(design: Design, model: Model, found: Settled) -> Moments:
    """Return the moments of each group, weighted."""
    member = (design.group[:, None] == np.arange(len(model.covariance))).astype(np.float64)
    if design.weight is not None:
        member *= design.weight[:, None]
    D, p = found.mean.shape
    w, off = design.regressors, found.mean - (design.regressors @ model.coefficients).T
    spread = (found.covariance.reshape(D * D, p) @ member).T.reshape(-1, D, D)
    own = (((w.T * column) @ w, (w.T * column) @ off.T, (off * column) @ off.T) for column in member.T)
    gram, cross, between = (np.stack(x) for x in zip(*own, strict=True))
    return Moments(member.sum(axis=0), gram, cross, spread + between)


class EPError(NamedTuple):
    """Estimated error of EP: log Z - log Z_EP (P,) and exact less EP posterior means (P, D)."""

    log_likelihood: Floats
    mean: Floats

    @property
    def rms_mean(self) -> float:
        """Return the root mean square error of the posterior means."""
        return float(np.sqrt(np.mean(self.mean**2))) if self.mean.size else 0.0


def ep_error(design: Design, model: Model, sites: Sites, *, executor: Executor | None = None) -> EPError:
    """Return the estimated error of EP for every person, at the given sites or those they settle at."""
    one = partial(_correction, model, likelihood_terms(design, model))
    return EPError(*map(np.concatenate, zip(*map_pieces(one, pieces(design, sites), executor=executor), strict=True)))


def _correction(model: Model, terms: Terms, piece: tuple[Design, Sites]) -> EPError:
    """Return the leading correction for a block of persons."""
    found = settle(block_of(piece[0], model, terms), piece[1], DEFAULT)
    k, sd, correlation = np.arange(len(found.mean)), found.deviations, found.correlations
    correlation[k, k] = 0.0
    e = hermite_coefficients(found, model.theta, HIGHEST)
    power = correlation**LOWEST
    evidence, slope = np.zeros(sd.shape[1]), np.zeros(sd.shape)
    for r in range(LOWEST, HIGHEST + 1):
        heard = np.einsum("jlp,lp->jp", power, e[r])
        evidence += 0.5 * (e[r] * heard).sum(axis=0)
        if r < HIGHEST:
            slope += np.sqrt(r + 1) * e[r + 1] * heard
        power *= correlation
    correlation[k, k] = 1.0
    return EPError(evidence, (sd * np.einsum("kjp,jp->kp", correlation, slope)).T)


class PopulationPosterior(NamedTuple):
    """The p members of a `group`: mean μ (D, p) and covariance W (D, D, p) of y, and u = Cov(y_a, z_k) (D, D, p).

    z_k is θ_k in posterior standard units, `correlation` (D, D, p) that of θ, `skewness` and `excess` kurtosis (D, p) those of
    the tilted marginals; `regressors` (R, p) are w, `weight` (p,) case weights.
    """

    group: int
    members: Ints
    mean: Floats
    covariance: Floats
    loading: Floats
    correlation: Floats
    skewness: Floats
    excess: Floats
    regressors: Floats
    weight: Floats

    def own(self) -> Floats:
        """Return Σ_p Cov of the scores (R D + T, R D + T) of the coefficients and the group's covariance."""
        (D, _), R = self.mean.shape, len(self.regressors)
        half, w = halves(D)[:, None], self.regressors * self.weight
        square = (self._normal_products() + self._bent_products()) * (half * half.T)
        if not R:
            return square
        first = _sum_over(w[:, None] * self.regressors, self.covariance).transpose(0, 2, 1, 3).reshape(R * D, R * D)
        both = np.concatenate([self._with_y(weight) for weight in w], axis=1) * half
        return np.block([[first, both.T], [both, square]])

    def along(self, k: int, r: int) -> Floats:
        """Return the weighted coefficient (R D + T, p) of the scores on the polynomial of order r = 1 or 2 of θ_k."""
        (a, b), u = pairs(len(self.mean)), self.loading[:, k]
        half = halves(len(self.mean))[:, None]
        first = (self.regressors[:, None] * u).reshape(-1, len(self.weight))
        if r == 1:
            skewed = (self.skewness * self.correlation[k] * self.loading[a] * self.loading[b]).sum(axis=1)
            out = np.concatenate([first, (self.mean[a] * u[b] + self.mean[b] * u[a] + skewed) * half])
        else:
            norm = np.sqrt(np.maximum(2 + self.excess[k] - self.skewness[k] ** 2, 0.0))
            out = np.concatenate([np.zeros_like(first), norm * u[a] * u[b] * half])
        return np.asarray(out * self.weight)

    def _with_y(self, weight: Floats) -> Floats:
        """Return Σ_p weight Cov(y_a y_b, y_c) (T, D)."""
        (i, j), u = pairs(len(self.mean)), self.loading
        normal = _sum_over(self.mean, self.covariance * weight)
        both = (u[i] * u[j]).reshape(len(i), -1)
        return np.asarray(normal[i, j] + normal[j, i] + (both @ (u * (self.skewness * weight)).reshape(len(u), -1).T))

    def _normal_products(self) -> Floats:
        """Return Σ_p Cov(y_a y_b, y_c y_d) (T, T) of normal y."""
        weighted = self.covariance * self.weight
        mixed = _sum_over(self.mean[:, None] * self.mean, weighted)
        pure = _sum_over(self.covariance, weighted)
        i, j = pairs(len(self.mean))
        a, b, c, d = i[:, None], j[:, None], i, j
        out = mixed[a, c, b, d] + mixed[a, d, b, c] + mixed[b, c, a, d] + mixed[b, d, a, c]
        return np.asarray(out + pure[a, c, b, d] + pure[a, d, b, c])

    def _bent_products(self) -> Floats:
        """Return Σ_p of what third and fourth cumulants Σ_k κ_k u_ak u_bk … add to Cov(y_a y_b, y_c y_d) (T, T)."""
        D = len(self.mean)
        (i, j), u = pairs(D), self.loading
        both = (u[i] * u[j]).reshape(len(i), -1)
        fourth = (u[i] * u[j] * (self.excess * self.weight)).reshape(len(i), -1) @ both.T
        skewed = (self.mean[:, None, None] * (u * (self.skewness * self.weight))).reshape(D * D, -1)
        third = (skewed @ both.T).reshape(D, D, len(i))
        half = third[i, j] + third[j, i]
        return np.asarray(fourth + half + half.T)


def _sum_over(left: Floats, right: Floats) -> Floats:
    """Return Σ_p left (…, p) right (D, D, p) as (…, D, D)."""
    D, _, p = right.shape
    return np.asarray(left.reshape(-1, p) @ right.reshape(D * D, p).T).reshape(*left.shape[:-1], D, D)


def population_posterior(design: Design, model: Model, found: Settled, g: int) -> PopulationPosterior:
    """Return y of the members of group g."""
    members = np.flatnonzero(design.group == g)
    inverse, w = np.linalg.inv(model.covariance[g]), design.regressors[members].T
    V = found.covariance[:, :, members]
    D, _, p = V.shape
    half = (inverse @ V.reshape(D, D * p)).reshape(D, D, p)
    whole = (inverse @ half.transpose(1, 0, 2).reshape(D, D * p)).reshape(D, D, p)
    sd = found.deviations[:, members]
    e = hermite_coefficients(found, model.theta, 4)[:, :, members]
    mean, weight = (
        inverse @ (found.mean[:, members] - model.coefficients.T @ w),
        np.ones(p) if design.weight is None else design.weight[members],
    )
    correlation, skewness, excess = V / (sd[:, None] * sd), np.sqrt(6.0) * e[3], np.sqrt(24.0) * e[4]
    return PopulationPosterior(g, members, mean, whole, half / sd, correlation, skewness, excess, w, weight)


def ep_missing_information(
    design: Design, model: Model, tables: ItemTables, *, sites: Sites, depth: Depth = "exact", executor: Executor | None = None
) -> Floats:
    """Return Σ_p Cov[S_p | x_p] (F + N, F + N) of items and populations; a ``"guide"`` has two terms and a few thousand persons."""
    order, most = louis.by_pattern(design.answers, depth), louis.GUIDE_TERMS if depth == "guide" else louis.MAX_TERMS
    none, (place, owner) = np.zeros((1, 0, 2)), design.parameters(tables.owner)
    each = zip(place, owner, strict=True)
    scores = tuple(louis.split_scores(tables.derivatives[:, at], own, none, model.theta) for at, own in each)
    one = partial(_block_information, model, likelihood_terms(design, model), (scores, place), most)
    parts = map_pieces(one, pieces(design.take(order), sites.take(order)), executor=executor)
    return np.asarray(sum(parts) * (design.persons / len(order)))


def _block_information(model: Model, terms: Terms, scores: ScoresByDimension, most: int, piece: tuple[Design, Sites]) -> Floats:
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


def _item_terms(design: Design, model: Model, found: Settled, scores: ScoresByDimension, most: int) -> tuple[Streams, Ints]:
    """Return for each dimension the terms c_1, c_2 … (p, F_k) of the parameters a block meets, and these among all F."""
    terms, place = Streams(), []
    for part, own, at, tilted in zip(design.answers, *scores, found.tilted, strict=True):
        codes = part.coded(-1)
        met = np.flatnonzero(np.asarray((codes >= 0).any(axis=0))[own.owner])
        project = louis.Projection(np.ascontiguousarray(codes.T), own.take(met), model.theta)
        terms.append(map(project, louis.weighted_polynomials(tilted.T, model.theta, most)))
        place.append(at[met])
    return terms, np.concatenate(place)


def _sums(
    items: Streams, found: Settled, groups: tuple[PopulationPosterior, ...], weight: Floats | None
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
                cross[g] = cross[g] + np.concatenate([y.along(k, r) @ term[y.members] for k, term in enumerate(terms)], axis=1)
        size = float(np.trace(product))
        total += size
        if r >= 2 and size <= louis.NEGLIGIBLE * total:
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


def _block_scores(model: Model, terms: Terms, tables: ItemTables, piece: tuple[Design, Sites]) -> Floats:
    design, sites = piece
    found = settle(block_of(design, model, terms), sites, DEFAULT)
    items = np.zeros((design.persons, len(tables.owner)))
    for k, (part, at, owner) in enumerate(zip(design.answers, *design.parameters(tables.owner), strict=True)):
        own = part.coded(-1)[:, owner]
        for category, table in enumerate(tables.derivatives[:, at]):
            items[:, at] += (own == category) * (found.tilted[k].T @ table.T)
    off, spread = found.mean.T - design.regressors @ model.coefficients, found.covariance.transpose(2, 0, 1)
    w, group = design.regressors, design.group
    return np.concatenate([items, expected_scores(off, spread, covariance=model.covariance, group=group, regressors=w)], axis=1)
