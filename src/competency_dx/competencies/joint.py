"""The joint posterior of all leaves: what it is built from, and what it says of each person, percent and probabilities.

Where omissions are modelled, a propensity ξ to omit is one more dimension of the normal population, correlated with the leaves;
each item shown was omitted with log odds c + s ξ, ξ ~ N(0, 1) (Holman & Glas 2005, doi:10.1111/j.2044-8317.2005.tb00312.x). Then
omissions are ignorable given ξ, and tell of θ as far as the two correlate. The rate, its spread between persons and the
correlation are uncertain; a cohort estimates them.

Leaves have their tilted marginals. A unit of several leaves has D = Σ_k w_k D_k: its mean is the sum of the leaves' means, its
variance that of the sum, with Cov(D_k, D_l) = Σ_r ρ_kl^r d_kr d_lr from Hermite coefficients of D_k under the marginals (Mehler);
a beta distribution with these two moments gives probabilities and interval (beside draws of the posterior of the
shipped banks: P off by .003 to .009 RMS and .03 at most, ends of the interval by .8 RMS and 1.7 percent at most).

The population of the persons at hand is estimated with the items held: means, SD and correlations of the leaves in one fit.
The marginal likelihood log Z of `ep_e_step` is maximised with priors over a common shift, departures of the leaves from it, the SD
and the bank's directions of correlation; its gradient follows from the moments of the posteriors (`propagation` says why):

∂ log Z / ∂μ = Σ⁻¹ Σ_p E[θ - μ]        ∂ log Z / ∂Σ = ½ Σ⁻¹ (Σ_p E[(θ - μ)(θ - μ)ᵀ] - P Σ) Σ⁻¹

What is left uncertain is carried: that of means in the prior of each person, that of SD and correlations by cubature. An error of
all difficulties of a leaf cannot be told from its mean, and need not: percent depends on their difference alone.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, ndtr

from competency_dx.arrays import Bools, Codes, Floats, Ints, evenly
from competency_dx.competencies.conclusion import CARRIERS, FELT, HALF, OF_EVIDENCE, DeficitRule
from competency_dx.competencies.plan import POINTS, Plan, averaged, influence, percent_at, quantiles, remaining, taken_back
from competency_dx.competencies.population import Cohort, LeafPopulations, Pattern
from competency_dx.errors import DiagnosisError
from competency_dx.kernels.blocks import even_product, worked_out
from competency_dx.kernels.grid import by_dimension, prepare
from competency_dx.kernels.propagation import Settled, Sites, SweepControl
from competency_dx.kernels.propagation.ep_likelihood import Model, ep_e_step, no_sites
from competency_dx.kernels.propagation.settled_persons import EvenModel, Mixture, even_model
from competency_dx.models import NormalPopulation, cubature, measuring
from competency_dx.persons import EPPosterior, Matched, curves_of
from competency_dx.responses import MissingPolicy, Reason, Reasons

SMALLEST = 1e-9
FLAT = 1e-3  # skewness
USUAL = np.log(1 / 2000)  # log-probability of answers that are no misfit, however they look
LOG_ODDS, SPREAD = -3.0, 1.8  # 5 % omitted; between persons of one group SD 1.5, between groups 1
CORRELATION, CORRELATION_SE = -0.4, 0.4  # with each leaf; the error of Fisher's z
PROPENSITY = "omission"
NOTHING = -690.0  # log-probability of a category an item does not have
LEAF_SD, SPREAD_SD, SHIFT_SD = 0.3, 1.0, 3.0  # priors of the leaves' means about a common shift, of log SD, of the shift
STEP = 1e-2  # of finite differences of the gradient
CONTROL = SweepControl(1e-5, 60)
GRIDS, BEYOND = 6, 5.0  # grids that are tried; SD of the estimate that one has to reach


class JointAnswers(NamedTuple):
    """Answers of persons (P, I or 2 I) with the leaf and number of categories of each column, curves, populations, model."""

    matched: Matched
    leaf: Ints
    n_categories: Ints
    log_prob: Floats
    populations: LeafPopulations
    pattern: Pattern
    model: EvenModel

    def of_blocks(self, function: Callable[..., tuple[Any, ...]], *about: object) -> tuple[NDArray[Any], ...]:
        """Return each array that a function gives of the joint posterior of blocks of persons, for all persons.

        It is given what it is `about`, categories and mask of all persons, and the posterior of a block.
        """
        of, leaves = self.matched, self.populations.leaves

        def of_rows(*given: Any) -> tuple[NDArray[Any], ...]:  # noqa: ANN401 - as above
            joint = EPPosterior(persons=of.persons, dimensions=leaves, model=self.model, given=given)
            parts = joint.each(partial(function, *about, *given))
            return tuple(np.concatenate(column)[: len(given[0])] for column in zip(*parts, strict=True))

        return worked_out(of_rows, (function, id(self.model), *map(id, about)), of.codes, of.observed)


def joint_answers(matched: Matched, reasons: Reasons, made: Plan, policy: MissingPolicy, population: object = None) -> JointAnswers:
    """Return the answers of matched persons, with their omissions as answers to items of their own where these are modelled.

    `reasons` (P, I) are in the order of the items. The population is that of the plan, or one that was used before and has its
    dimensions, the propensity to omit among them.
    """
    if policy.omitted != "modelled":
        parts = made.units.leaf, made.parameters.n_categories, made.log_prob, made.populations, made.pattern, made.model
        return JointAnswers(matched, *parts)
    omitted = reasons == Reason.OMITTED
    codes = np.concatenate([matched.codes, omitted.astype(np.int8)], axis=1)
    observed = np.concatenate([matched.observed, omitted | (reasons == Reason.ANSWERED)], axis=1)
    I, K, _ = made.log_prob.shape
    eta = LOG_ODDS + SPREAD * made.theta
    curves = np.full((K, len(eta)), NOTHING)
    curves[0], curves[1] = -np.logaddexp(0, eta), -np.logaddexp(0, -eta)
    # the populations in D + 1 dimensions, each at two values of the correlation
    of, angles = made.populations, np.arctanh(CORRELATION) + CORRELATION_SE * np.array([-1.0, 1.0])
    wide = LeafPopulations(
        leaves=(*of.leaves, PROPENSITY),
        mean=np.append(of.mean, 0.0),
        covariances=np.stack([_wider(covariance, float(np.tanh(x))) for covariance in of.covariances for x in angles]),
        log_weight=np.repeat(of.log_weight, 2) - np.log(2),
        central=_wider(of.central, CORRELATION),
    )
    leaf = np.concatenate([made.units.leaf, np.full(I, len(made.units.leaves))])
    n_categories = np.concatenate([made.parameters.n_categories, np.full(I, 2)])
    log_prob = np.concatenate([made.log_prob, np.broadcast_to(curves, made.log_prob.shape)])
    known = population if isinstance(population, LeafPopulations) and population.leaves == wide.leaves else wide
    model = even_model((n_categories, leaf), (made.theta, log_prob), known.mixture())
    across = np.zeros((len(wide.leaves),) * 2)  # the propensity is the last dimension, uncertain by a direction of its own
    across[-1, :-1] = across[:-1, -1] = 1.0
    z, *directions = (np.pad(x, ((0, 1), (0, 1))) for x in (made.pattern.z, *made.pattern.directions))
    pattern = Pattern(z + np.arctanh(CORRELATION) * across, (*directions, CORRELATION_SE * across))
    answers = matched._replace(codes=codes, observed=observed)
    return JointAnswers(answers, leaf, n_categories, log_prob, known, pattern, model)


def _wider(covariance: Floats, correlation: float) -> Floats:
    """Return the covariance (D + 1, D + 1) with a standard normal propensity, its correlation no stronger than is proper."""
    sd = np.sqrt(np.diag(covariance))
    most = 0.95 / np.sqrt(sd @ np.linalg.solve(covariance, sd))
    across = np.clip(correlation, -most, most) * sd
    return np.block([[covariance, across[:, None]], [across[None], np.ones((1, 1))]])


class UnitEstimates(NamedTuple):
    """What the posterior says: arrays (P, C), but `below` (P, C, cuts), `influence` (P, I), `misfit` (P,) and the last two (P, C, 3).

    `below` is P(percent below each cut); `own_share` the part of the variance given all other answers that the answers to
    the unit's own items take away; `leans_on` the leaf whose answers move the unit's θ most beside its own, -1 where none
    does; `influence` by how much each answer moves P(below the lowest cut) of its leaf; `misfit` the standardised deviation
    of the answers' log-likelihood; `carriers` for each unit of several leaves the items whose answers move its P(below the lowest
    cut) most, towards what is more probable, -1 for none, and `carried` by how much.
    """

    theta: Floats
    se: Floats
    percent: Floats
    percent_low: Floats
    percent_high: Floats
    below: Floats
    own_share: Floats
    leans_on: NDArray[np.int16]
    influence: Floats
    misfit: Floats
    carriers: NDArray[np.int16]
    carried: Floats


def estimates(answers: JointAnswers, made: Plan, rule: DeficitRule) -> UnitEstimates:
    """Return what the posterior given the answers says of each person; the same for one person alone and in any company."""
    return UnitEstimates(*answers.of_blocks(_block, made, rule))


def _block(made: Plan, rule: DeficitRule, codes: Codes, observed: Bools, mixture: Mixture) -> UnitEstimates:
    """Return the estimates of one block of persons."""
    settled, rows, I = leaves_of(mixture.joined(), len(made.units.leaves)), mixture.rows, len(made.units.leaf)
    codes, observed = codes[rows, :I], observed[rows, :I]  # without omissions
    tables, theta, tail = made.tables, made.theta, (1 - rule.interval) / 2
    weight, chosen = np.ascontiguousarray(settled.tilted.transpose(0, 2, 1)), tables.answers.chosen(codes, observed)
    at = percent_at(tables, chosen)
    moments = averaged(weight, at)
    by_theta = [at.below(cut) for cut in made.standards.cuts]
    below = np.stack([(weight * x).sum(axis=2) for x in by_theta], axis=2)
    low, high = quantiles(weight, at, moments, np.array([tail, 1 - tail]))
    powers = even_product(weight * at.mean, np.stack([np.ones_like(theta), theta, theta**2], axis=1))
    m, sd = settled.mean, settled.deviations
    first = (powers[:, :, 1] - m * powers[:, :, 0]) / sd
    second = ((powers[:, :, 2] - 2 * m * powers[:, :, 1] + m**2 * powers[:, :, 0]) / sd**2 - powers[:, :, 0]) / np.sqrt(2)
    percent, variance, low, high = (x.T for x in (*moments[:2], low, high))
    of_leaves, hermite = (percent, low, high, below.transpose(1, 0, 2)), np.stack([first.T, second.T], axis=2)
    total = remaining(tables, weight)
    moved = influence(tables, weight, total, (by_theta[0], below[:, :, 0]), (made.standards.deficit_cut - at.mean) / at.sd, at.sd)
    misfit = _normal_score(*((even_product(weight, column) * chosen).sum(axis=(0, 2)) for column in tables.surprise))
    misfit = np.where(settled.evidence > USUAL, 0.0, misfit)  # of few answers a pattern that others give, too, may lie that far out
    theta, se, (percent, low, high, below), of_sums = _units(settled, made, of_leaves, (variance, hermite), rule)
    interval = np.clip(percent, 0.0, 100.0), np.minimum(low, high), np.maximum(low, high)
    of_units = theta, se, *interval, np.clip(below, 0.0, 1.0)  # of sums that rounding moves
    place = tables.answers.place[np.arange(codes.shape[1]), codes]
    held = m, sd**2, moments[0]
    changed = (x - y[:, :, None] for x, y in zip(taken_back(tables, weight, total, made.theta, at), held, strict=True))
    given, *without = (np.take_along_axis(x.transpose(1, 0, 2).reshape(len(codes), -1), place, axis=1) for x in (moved, *changed))
    carried = _carriers(settled, made, (*of_sums, hermite[:, :, 0] / sd.T), (observed, *without))
    of_own = _own_share(settled, own_shares(mixture, settled), made, hermite)
    return UnitEstimates(*of_units, *of_own, np.where(observed, given, 0.0), misfit, *carried)


def leaves_of(settled: Settled, D: int) -> Settled:
    """Return the posterior of the leaves alone."""
    if len(settled.mean) == D:
        return settled
    sites = Sites(settled.sites.tau[:D], settled.sites.nu[:D])
    return settled._replace(tilted=settled.tilted[:D], mean=settled.mean[:D], covariance=settled.covariance[:D, :D], sites=sites)


def _units(
    settled: Settled, made: Plan, of_leaves: tuple[Floats, ...], moments: tuple[Floats, Floats], rule: DeficitRule
) -> tuple[Floats, Floats, list[Floats], tuple[Floats, Floats]]:
    """Return θ and SD (p, C) of units, and from those `of_leaves` their percent, interval (p, C) and P(below each cut) (p, C, cuts).

    The last are mean and variance of the percents of units of several leaves (p, W).
    """
    share = made.share
    V, correlation = settled.covariance.transpose(2, 0, 1), settled.correlations.transpose(2, 0, 1)
    theta = even_product(settled.mean.T, share.T)
    se = np.sqrt(np.maximum((np.matmul(share, V) * share).sum(axis=2), 0.0))
    joint = np.zeros_like(V)
    k, (of_percent, hermite) = np.arange(V.shape[1]), moments
    for r in range(hermite.shape[2]):
        joint += correlation ** (r + 1) * hermite[:, :, None, r] * hermite[:, None, :, r]
    joint[:, k, k], mean = of_percent, even_product(of_leaves[0], share.T)
    variance = np.maximum((np.matmul(share, joint) * share).sum(axis=2), SMALLEST)
    leaf = made.units.below.argmax(axis=1)
    units = [values[:, leaf] for values in of_leaves]
    wide = made.units.wide
    if wide.size:
        (a, b), tail = _beta(mean[:, wide], variance[:, wide]), (1 - rule.interval) / 2
        units[0][:, wide] = mean[:, wide]
        units[1][:, wide], units[2][:, wide] = 100 * betaincinv(a, b, tail), 100 * betaincinv(a, b, 1 - tail)
        units[3][:, wide] = betainc(a[:, :, None], b[:, :, None], np.array(made.standards.cuts) / 100)
    return theta, se, units, (mean[:, wide], variance[:, wide])


def _beta(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return the parameters of the beta distribution of a percent with these moments."""
    m = np.clip(mean / 100, SMALLEST, 1 - SMALLEST)
    size = np.maximum(m * (1 - m) / (variance / 1e4) - 1, SMALLEST)
    return m * size, (1 - m) * size


def _carriers(settled: Settled, made: Plan, of_sums: tuple[Floats, ...], without: tuple[Any, ...]) -> tuple[NDArray[np.int16], Floats]:
    """Return the items that carry the conclusion on each unit of several leaves, and by how much (p, C, 3); others have -2.

    `of_sums` are mean and variance of the percents of these units (p, W), and slopes of the percents of leaves on θ (p, D); `without`
    who answered, and by how much mean and variance of θ and mean percent of its leaf change without each answer (p, I). The other
    leaves follow a leaf by regression, and their percents by the slopes. Percents are normal until the strongest are found.
    """
    V, (mean, variance, slope), (observed, m, v, percent) = settled.covariance.transpose(2, 0, 1), of_sums, without
    wide, leaf, k, cut = made.units.wide, made.units.leaf, np.arange(V.shape[1]), made.standards.deficit_cut
    own = made.share[wide] * slope[:, None]
    whole = np.matmul(own, V) / V[:, k, k][:, None]  # slopes of the percent of a unit on θ of each leaf (p, W, D)
    of_leaf = made.share[wide][:, leaf] * percent[:, None]
    after = mean[:, :, None] + of_leaf + (whole - own)[:, :, leaf] * m[:, None]
    spread = np.maximum(variance[:, :, None] + whole[:, :, leaf] ** 2 * v[:, None], SMALLEST)
    before = betainc(*_beta(mean, variance), cut / 100)[:, :, None]
    sign = np.where(before >= HALF, 1.0, -1.0)
    moved = ndtr((cut - mean) / np.sqrt(variance))[:, :, None] - ndtr((cut - after) / np.sqrt(spread))
    moved = np.where(observed[:, None] & made.units.member[wide], sign * moved, -np.inf)
    best = np.argsort(-moved, axis=2, kind="stable")[:, :, :CARRIERS]
    chosen = [np.take_along_axis(x, best, axis=2) for x in (moved, after, spread)]
    influence = before - betainc(*_beta(*chosen[1:]), cut / 100)
    felt = np.isfinite(chosen[0]) & (sign * influence >= FELT)
    carriers = np.full((len(mean), len(made.units.below), CARRIERS), OF_EVIDENCE, dtype=np.int16)
    carriers[:, wide, : best.shape[2]], carried = np.where(felt, best, -1), np.zeros(carriers.shape)
    carried[:, wide, : best.shape[2]] = np.where(felt, influence, 0.0)
    return carriers, carried


def own_shares(mixture: Mixture, settled: Settled) -> Floats:
    """Return what share of the variance of θ given the answers to other items the own ones take away, of each leaf (p, D).

    Without its site a leaf has the precision 1/V - τ under each population; how far apart its means then are counts as variance, too.
    """
    k, parts = np.arange(len(settled.mean)), [leaves_of(part, len(settled.mean)) for part in mixture.parts]
    V, tau, nu, mean = (np.stack(x) for x in zip(*((p.covariance[k, k], *p.sites, p.mean) for p in parts), strict=True))
    without = V / np.maximum(1 - tau * V, SMALLEST)
    mean, weight = without * (mean / V - nu), mixture.weight[:, None]
    before = (weight * (without + (mean - (weight * mean).sum(axis=0)) ** 2)).sum(axis=0)
    return np.asarray(np.where((tau != 0).any(axis=0), np.clip(1 - settled.covariance[k, k] / before, 0.0, 1.0), 0.0).T)


def _own_share(settled: Settled, own_leaf: Floats, made: Plan, hermite: Floats) -> tuple[Floats, NDArray[np.int16]]:
    """Return what share of the variance given the others the own answers take away, and on which leaf the unit leans (p, C)."""
    V = settled.covariance.transpose(2, 0, 1)
    slope = hermite[:, :, 0] / settled.deviations.T  # of percent on θ
    pull = V * (settled.sites.nu - settled.sites.tau * made.populations.mean[:, None]).T[:, None, :]
    units, k = made.units, np.arange(V.shape[1])
    leaf, tau = units.below.argmax(axis=1), own_leaf / V[:, k, k]  # without its site: 1/V - τ
    own = own_leaf[:, leaf]
    moved = np.abs(np.where(units.below, 0.0, pull[:, leaf]))
    for c in units.wide:
        k = np.flatnonzero(units.below[c])
        inside, g = V[:, k[:, None], k], made.share[c, k] * slope[:, k]
        without = np.linalg.inv(np.linalg.inv(inside) - tau[:, k, None] * np.eye(len(k)))
        variance, before = ((np.matmul(g[:, None], x)[:, 0] * g).sum(axis=1) for x in (inside, without))
        own[:, c] = np.where(before > 0, np.clip(1 - variance / np.where(before > 0, before, 1.0), 0.0, 1.0), 0.0)
        moved[:, c] = np.where(units.below[c], 0.0, np.abs(np.matmul(g[:, None], pull[:, k])[:, 0]))
    return own, np.where(moved.max(axis=2) > 0, units.leaves[moved.argmax(axis=2)], -1).astype(np.int16)


def _normal_score(off: Floats, variance: Floats, third: Floats) -> Floats:
    """Return the normal score (p,) of a deviation by its moments (Wilson & Hilferty 1931): the one slip of a good person is usual.

    The deviation is the log-likelihood less its expectation, averaged over the posterior like its second and third central moments:
    Drasgow, Levine & Williams (1985, doi:10.1111/j.2044-8317.1985.tb00817.x), with θ integrated out in place of estimated.
    """
    sd = np.sqrt(np.maximum(variance, SMALLEST))
    z, skew = off / sd, np.where(variance > SMALLEST, third / sd**3, 0.0)
    some = np.where(np.abs(skew) < FLAT, 1.0, skew)
    curved = 6 / some * (np.cbrt(np.maximum(some * z / 2 + 1, 0.0)) - 1) + some / 6
    return np.asarray(np.where(variance > SMALLEST, np.where(np.abs(skew) < FLAT, z, curved), 0.0))


class _Fit(NamedTuple):
    """Shift of the leaves, departures (D), log factors (S) of SD, `group` (D, S) says whose, steps along M directions."""

    mean: Floats
    sd: Floats
    group: Floats
    pattern: Pattern
    prior_sd: Floats

    def at(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Return mean (D,), covariance (D, D) and its derivatives along the directions of correlation (M, D, D)."""
        D, S = self.group.shape
        correlation, slopes = self.pattern.with_slopes(x[D + S + 1 :])
        sd = self.sd * np.exp(self.group @ x[D + 1 : D + S + 1])
        scale = np.outer(sd, sd)
        return self.mean + self.group[:, 0] * x[0] + x[1 : D + 1], correlation * scale, slopes * scale


def cohort_populations(answers_by: Callable[[Plan], JointAnswers], made: Plan, cohort: Cohort) -> LeafPopulations:
    """Return the population estimated from persons whose plan `made` is the bank's; raises `DiagnosisError` when too few answered.

    An estimate beyond the grid of the bank is held back by it: the grid follows, and the fit goes on.
    """
    from scipy.optimize import minimize

    answers, D = answers_by(made), len(made.units.leaves)
    some, fit = np.flatnonzero(answers.matched.observed.any(axis=1)), _started(answers, made)
    if len(some) < cohort.min_persons:
        raise DiagnosisError("competencies.cohort_small", min_persons=cohort.min_persons, n_some=len(some))
    ordered = some[np.argsort(answers.matched.persons[some].astype(str), kind="stable")]
    some = np.sort(ordered[evenly(len(ordered), cohort.most_persons)])  # who stand for all, whatever their order
    prepared = prepare(answers.matched.codes[some], answers.matched.observed[some], answers.n_categories)
    design = by_dimension(prepared, answers.leaf, regressors=np.ones((len(some), 1)))
    kept, x = {"sites": no_sites(design)}, np.zeros(len(fit.prior_sd))

    def objective(x: Floats) -> tuple[float, Floats]:
        mean, covariance, slopes = fit.at(x)
        out = ep_e_step(design, Model(made.theta, answers.log_prob, mean[None], covariance[None]), kept["sites"], control=CONTROL)
        kept["sites"] = out.sites
        inverse = np.linalg.inv(covariance)
        to_mean = inverse @ out.moments.cross[0, 0]
        to_covariance = 0.5 * inverse @ (out.moments.scatter[0] - len(some) * covariance) @ inverse
        to_sd = 2 * (to_covariance * covariance).sum(axis=1) @ fit.group
        gradient = np.concatenate([[fit.group[:, 0] @ to_mean], to_mean, to_sd, (slopes * to_covariance).sum(axis=(1, 2))])
        penalty = x / fit.prior_sd
        return -(out.log_likelihood - 0.5 * float(penalty @ penalty)), -(gradient - penalty / fit.prior_sd)

    for _ in range(GRIDS):
        x = minimize(objective, x, jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
        mean, covariance, _ = fit.at(x)
        reach = BEYOND * np.sqrt(np.diag(covariance))
        if (mean - reach).min() > made.theta[0] and (mean + reach).max() < made.theta[-1]:
            break
        wide = NormalPopulation(dimensions=made.units.leaf_codes, mean=mean[:D], covariance=covariance[:D, :D])
        theta, log_prob = curves_of(measuring(made.parameters.single(), made.units.leaf, wide), POINTS, "provisional")
        made = made._replace(theta=theta, log_prob=log_prob)
        answers = answers_by(made)
    at, sd = objective(x)[1], np.outer(fit.prior_sd, fit.prior_sd)
    rows = np.array([(objective(x + step)[1] - at) / STEP for step in STEP * np.eye(len(x))]) * sd
    values, vectors = np.linalg.eigh((rows + rows.T) / 2)
    # nowhere above the prior's covariance: at the edge of proper ones differences say nothing
    covariance = np.asarray((vectors / np.maximum(values, 1.0)) @ vectors.T * sd)
    H = len(fit.sd)
    to_means, root = np.concatenate([fit.group[:, :1], np.eye(H)], axis=1), np.linalg.cholesky(covariance[H + 1 :, H + 1 :])
    of_means = to_means @ covariance[: H + 1, : H + 1] @ to_means.T
    points, weights = cubature(len(root), 0)
    moved = [fit.at(np.concatenate([x[: H + 1], x[H + 1 :] + root @ point]))[1] + of_means for point in points]
    (mean, central, _), log_weight, leaves = fit.at(x), np.log(weights), answers.populations.leaves
    return LeafPopulations(leaves=leaves, mean=mean, covariances=np.stack(moved), log_weight=log_weight, central=central + of_means)


def _started(answers: JointAnswers, made: Plan) -> _Fit:
    """Return the fit at the population that the bank states, with its priors."""
    central, leaves = answers.populations.central, len(made.units.leaves)
    group = np.eye(2)[(np.arange(len(central)) >= leaves).astype(np.int64)][:, : 1 + (len(central) > leaves)]
    pattern = Pattern(answers.pattern.z, tuple(d for d in answers.pattern.directions if d.any()))
    # competencies differ, and judged difficulties err: the mean of a leaf lies apart from the common shift
    errors = np.bincount(made.units.leaf, weights=made.judged_se() ** 2, minlength=leaves)
    leaf_sd = np.sqrt(LEAF_SD**2 + errors / np.bincount(made.units.leaf, minlength=leaves) ** 2)
    departures = np.append(leaf_sd, np.ones(len(central) - leaves))
    prior_sd = (np.array([SHIFT_SD]), departures, np.full(group.shape[1], SPREAD_SD), np.ones(len(pattern.directions)))
    return _Fit(answers.populations.mean, np.sqrt(np.diag(central)), group, pattern, np.concatenate(prior_sd))
