"""The populations of correlated competencies: which parameters are free, their M-step, and steps that keep them proper.

Parameters stand in one vector ψ (N,): coefficients γ_rd, r before d, then Σ_ab of each group for a <= b row by row, as in
kernels/grid/louis.py; the free ones are a part of it.
"""

from itertools import product
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.engine.items import Kind, Parameter
from competency_dx.kernels.grid import Answers
from competency_dx.kernels.grid.louis import Moments, expected_information, halves, pairs, size
from competency_dx.models import NormalPopulation

START_CORRELATION = 0.5
HALVINGS = 30
INSEPARABLE = 0.95  # correlation from which two competencies are one for all practical purposes
CLOSER = 0.1  # a step takes the smallest eigenvalue of a covariance matrix no lower than this share of it


class Populations(NamedTuple):
    """Populations N(γᵀ w, Σ_g) of D competencies.

    `regressors` are the names of w (R,), `groups` those of the groups (G,), the reference first; `reference` (G, R) is w in the
    middle of each group; `free` (N,) says what is estimated, `start` (N,) holds the starting values.

    `correlation_sd` τ is that of the prior of every correlation matrix R, None for no prior. With r the mean correlation and
    E(r) the matrix whose correlations are all r, its density is (1 - r) (1 + (D - 1) r) (|R| / |E(r)|)^w, w = (1 - r)² / 2τ²:
    powers of determinants as those of Lewandowski, Kurowicka & Joe (2009, doi:10.1016/j.jmva.2009.04.008), but around a common
    correlation that the data tell. To second order correlations are N(r, τ²) for any r, and R stays positive definite; of two
    competencies the density is 1 - r².
    """

    dimensions: tuple[str, ...]
    groups: tuple[str, ...]
    regressors: tuple[str, ...]
    reference: Floats
    free: Bools
    start: Floats
    correlation_sd: float | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return R, G and D."""
        return len(self.regressors), len(self.groups), len(self.dimensions)

    @property
    def unit(self) -> Bools:
        """Return which variances of the reference group are fixed (D,), while those of other groups are free."""
        held = self.held
        return np.asarray(held[0] & ~held[1:].any(axis=0))

    @property
    def held(self) -> Bools:
        """Return which variances are fixed (G, D)."""
        R, G, D = self.shape
        a, b = pairs(D)
        return np.asarray(~self.free[R * D :].reshape(G, -1)[:, a == b])

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Return the free parameters."""
        D = len(self.dimensions)
        effects = [
            Parameter("mean", group=int(column.argmax())) if column.any() else Parameter("coefficient", term=name)
            for name, column in zip(self.regressors, self.reference.T, strict=True)
        ]
        out = [one._replace(dimension=d) for one in effects for d in range(D)]
        for (g, held), (a, b) in product(enumerate(self.held), np.stack(pairs(D), axis=1).tolist()):
            kind: Kind = "variance" if a == b else "correlation" if held[a] and held[b] else "covariance"
            out.append(Parameter(kind, group=g, dimension=a, other=-1 if a == b else b))
        return tuple(one for one, free in zip(out, self.free, strict=True) if free)


def populations_of(
    dimensions: tuple[str, ...],
    *,
    groups: tuple[str, ...] = ("",),
    regressors: tuple[str, ...] = (),
    reference: Floats | None = None,
    free_variance: Bools | None = None,
    free_coefficients: Bools | None = None,
    correlation_sd: float | None = None,
) -> Populations:
    """Return populations with free coefficients and covariances; variances of the reference group are 1 unless said free.

    `reference` (G, R) are regressors in the middle of each group, zero when left out. `free_variance` (D,) says whose variance is
    estimated in the reference group, as where slopes are fixed, (G, D) in every group; the others are 1. `free_coefficients` (R, D) are
    estimated, all when left out. `correlation_sd` is τ of the prior of correlation matrices; without it there is none.
    """
    R, G, D = len(regressors), len(groups), len(dimensions)
    a, b = pairs(D)
    free = np.ones(size(R, G, D), dtype=np.bool_)
    if free_coefficients is not None:
        free[: R * D] = free_coefficients.ravel()
    own = np.arange(G)[:, None] > np.zeros(D)
    if free_variance is not None:
        own[: len(np.atleast_2d(free_variance))] = free_variance
    free[R * D :] = (own[:, a] | (a != b)).ravel()
    start = np.concatenate([np.zeros(R * D), np.tile(np.where(a == b, 1.0, START_CORRELATION), G)])
    middle = np.zeros((G, R)) if reference is None else reference
    return Populations(dimensions, groups, regressors, middle, free, start, correlation_sd)


def unpacked(of: Populations, psi: Floats) -> tuple[Floats, Floats]:
    """Return coefficients γ (R, D) and covariances (G, D, D) at ψ."""
    R, G, D = of.shape
    a, b = pairs(D)
    sigma = np.empty((G, D, D))
    sigma[:, a, b] = sigma[:, b, a] = psi[R * D :].reshape(G, -1)
    return psi[: R * D].reshape(R, D), sigma


def packed(gamma: Floats, sigma: Floats) -> Floats:
    """Return ψ of coefficients and covariances."""
    a, b = pairs(sigma.shape[1])
    return np.concatenate([gamma.ravel(), sigma[:, a, b].ravel()])


def proper(sigma: Floats) -> bool:
    """Return whether all covariance matrices (G, D, D) are positive definite."""
    return bool(np.isfinite(sigma).all() and (np.linalg.eigvalsh(sigma) > 0).all())


def stepped(sigma: Floats, step: Floats) -> Floats:
    """Return a covariance matrix (D, D) after a step, halved until it stays well inside the positive definite ones."""
    least = CLOSER * np.linalg.eigvalsh(sigma)[0]
    for _ in range(HALVINGS):
        out = sigma + step
        if np.isfinite(out).all() and np.linalg.eigvalsh(out)[0] >= least:
            return np.asarray(out)
        step = step / 2
    return sigma


class Prior(NamedTuple):
    """Log prior density of correlations: value, gradient (N,), minus second derivatives (N, N), persons it counts for by group (G,)."""

    value: float
    gradient: Floats
    curvature: Floats
    persons: Floats


def prior(of: Populations, psi: Floats) -> Prior:
    """Return Σ_g w(r_g) log(|R_g| / |E(r_g)|) + log(1 - r_g) + log(1 + (D - 1) r_g) with its derivatives at ψ."""
    R, G, D = of.shape
    _, sigma = unpacked(of, psi)
    value, gradient, curvature, persons = 0.0, np.zeros(len(psi)), np.zeros((len(psi),) * 2), np.zeros(G)
    if of.correlation_sd is None:
        return Prior(value, gradient, curvature, persons)
    (a, b), T, ends = pairs(D), D * (D + 1) // 2, np.array([-1.0, D - 1.0])
    for g, one in enumerate(sigma):
        inverse, variance = np.linalg.inv(one), np.diag(one)
        at = np.arange(R * D + g * T, R * D + (g + 1) * T)
        r, by_r, bend = _common_correlation(one)
        w, dw, ddw = np.array([(1 - r) ** 2, -2 * (1 - r), 2.0]) / (2 * of.correlation_sd**2)
        room = np.array([1 - r, 1 + (D - 1) * r])  # eigenvalues of E(r), the first D - 1 times
        times, steps = np.array([D - 1.0, 1.0]), ends / room
        unlike = np.linalg.slogdet(one)[1] - np.log(variance).sum() - times @ np.log(room)
        value += float(w * unlike + np.log(room).sum())
        by_log = 2 * inverse[a, b] * halves(D)
        by_log[a == b] -= 1 / variance
        slope = dw * unlike + (1 - w * times) @ steps
        second = ddw * unlike - 2 * dw * (times @ steps) - (1 - w * times) @ steps**2
        gradient[at] = w * by_log + slope * by_r
        crossed = np.outer(by_log, dw * by_r)
        block = expected_information(2 * w, inverse) - crossed - crossed.T - second * np.outer(by_r, by_r) - slope * bend
        block[a == b, a == b] -= w / variance**2
        curvature[np.ix_(at, at)], persons[g] = block, 2 * w
    return Prior(value, gradient, curvature, persons)


def _common_correlation(sigma: Floats) -> tuple[float, Floats, Floats]:
    """Return the mean correlation under a covariance matrix (D, D), its gradient (T,) and second derivatives (T, T)."""
    D = len(sigma)
    (a, b), v = pairs(D), np.diag(sigma)
    share, off = 2 / (D * (D - 1)), a != b
    scale = np.sqrt(v[a] * v[b])
    r = share * sigma[a, b] / scale
    of = np.zeros((len(a), D))  # how often the variance of d stands under the root of a correlation
    of[np.flatnonzero(off), a[off]] = of[np.flatnonzero(off), b[off]] = 1.0
    gradient, bend = np.where(off, share / scale, 0.0), np.zeros((len(a),) * 2)
    diagonal = np.flatnonzero(~off)
    gradient[diagonal] = -0.5 * (r @ of) / v
    bend[:, diagonal] = -0.5 * np.where(off, share / scale, 0.0)[:, None] * of / v
    bend[diagonal] = bend[:, diagonal].T
    bend[np.ix_(diagonal, diagonal)] = 0.25 * (of.T * r) @ of / np.outer(v, v)
    bend[diagonal, diagonal] += 0.5 * (r @ of) / v**2
    return float(r[off].sum()), gradient, bend


def inseparable(of: Populations, psi: Floats) -> tuple[tuple[str, str, float], ...]:
    """Return pairs of competencies that correlate so highly in some group that data hardly tell them apart."""
    _, sigma = unpacked(of, psi)
    sd = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    highest = (sigma / (sd[:, :, None] * sd[:, None, :])).max(axis=0)
    a, b = np.nonzero(np.triu(highest > INSEPARABLE, 1))
    return tuple((of.dimensions[k], of.dimensions[l], float(highest[k, l])) for k, l in zip(a, b, strict=True))


def vanishing(of: Populations, psi: Floats, least: float) -> Bools:
    """Return which free variances (G, D) are below a value."""
    return np.asarray(~of.held & (np.diagonal(unpacked(of, psi)[1], axis1=1, axis2=2) < least))


def holding_variances(of: Populations, chosen: Bools, least: float) -> Populations:
    """Return populations with some variances (G, D) fixed at a value; what hardly varies is held not to correlate."""
    (R, _, D), (a, b) = of.shape, pairs(of.shape[2])
    held = (chosen[:, a] | chosen[:, b]).ravel()
    start, free = of.start.copy(), of.free.copy()
    start[R * D :] = np.where(held, np.tile(np.where(a == b, least, 0.0), len(chosen)), start[R * D :])
    free[R * D :] &= ~held
    return of._replace(free=free, start=start)


Pull = tuple[Floats, Floats, Bools]
"""What priors say of the scale of each competency (D,): gradient and curvature by its variance, and which ones expand."""


def m_step(of: Populations, psi: Floats, moments: Moments, pull: Pull) -> Floats:
    """Return ψ after the M-step; loose variances of the reference group move with the free parameters.

    Coefficients by generalised least squares, then one scoring step for each covariance matrix, which is the exact maximum
    where all of its elements move and no prior pulls.
    """
    gamma, sigma = unpacked(of, psi)
    R, _, D = of.shape
    change, free = np.zeros((R, D)), of.free[: R * D]
    if free.any():
        inverse = np.linalg.inv(sigma)
        normal = sum(np.kron(gram, A) for gram, A in zip(moments.gram, inverse, strict=True))
        right = (moments.cross @ inverse).sum(axis=0).ravel()
        change.ravel()[free] = np.linalg.solve(np.asarray(normal)[np.ix_(free, free)], right[free])
    own = np.einsum("rd,gre->gde", change, moments.cross)
    scatter = moments.scatter - own - own.transpose(0, 2, 1) + np.einsum("rd,grs,se->gde", change, moments.gram, change)
    lean = prior(of, psi)
    data = zip(moments.persons, scatter, lean.gradient[R * D :].reshape(len(sigma), -1), lean.persons, strict=True)
    return packed(gamma + change, np.stack([_scored(of, g, sigma[g], each, pull) for g, each in enumerate(data)]))


def _scored(of: Populations, g: int, sigma: Floats, data: tuple[float, Floats, Floats, float], pull: Pull) -> Floats:
    """Return the covariance of group g after a scoring step; `data`: persons, scatter, the prior's gradient and its persons."""
    (n, scatter, lean, counts), (R, _, D) = data, of.shape
    (a, b), T = pairs(D), D * (D + 1) // 2
    inverse = np.asarray(np.linalg.inv(sigma), dtype=np.float64)
    slope = (inverse @ (scatter - n * sigma) @ inverse)[a, b] * halves(D) + lean
    information = expected_information(n + counts, inverse)
    moving = of.free[R * D + g * T : R * D + (g + 1) * T].copy()
    if g == 0:
        diagonal, (gradient, curvature, loose) = np.flatnonzero(a == b), pull
        moving[diagonal] |= loose
        slope[diagonal] += np.where(loose, gradient, 0.0)
        information[diagonal, diagonal] += np.where(loose, curvature, 0.0)
    move = np.zeros(T)
    move[moving] = np.linalg.solve(information[np.ix_(moving, moving)], slope[moving])
    step = np.zeros((D, D))
    step[a, b] = step[b, a] = move
    return stepped(sigma, step)


class Persons(NamedTuple):
    """Where P persons come from: regressors w (P, R), groups (P,), one row for all alike; case weights (P,), None where all are 1."""

    regressors: Floats
    group: Ints
    weight: Floats | None

    @property
    def shared(self) -> bool:
        """Return whether all persons come from one population."""
        return len(self.group) == 1


Origin = tuple[Ints | None, Floats | None]
"""Groups (P,) and regressors (P, R) of persons, (1, R) where they are the same for everybody; None where there are none."""
ALIKE: Origin = (None, None)


def persons_of(answers: Answers, origin: Origin) -> Persons:
    """Return where persons come from."""
    group, regressors = origin
    P, w = len(answers.codes), np.zeros((1, 0)) if regressors is None else regressors
    if group is None and (len(w) == 1 or not w.shape[1]):
        return Persons(w[:1], np.zeros(1, dtype=np.int64), answers.weight)
    return Persons(np.broadcast_to(w, (P, w.shape[1])), np.zeros(P, dtype=np.int64) if group is None else group, answers.weight)


def populations_over(
    dimensions: tuple[str, ...], residual: tuple[Floats, Floats], persons: Persons, reference: Floats
) -> tuple[NormalPopulation, ...]:
    """Return the population of each group, which persons without known covariates are scored with.

    `residual` are coefficients γ (R, D) and residual covariances (G, D, D), `reference` (G, R) the regressors that make the mean
    of a group, in which covariates are columns of zeros.
    """
    (gamma, sigma), (regressors, group, weight) = residual, persons
    means = reference @ gamma
    if (reference == 0).all(axis=0).any():
        w: Floats = np.ones(len(group)) if weight is None else weight
        expected = [(regressors[group == g] @ gamma, w[group == g]) for g in range(len(sigma))]
        means = np.stack([np.average(x, axis=0, weights=own) for x, own in expected])
        offs = [(x - mean, own) for (x, own), mean in zip(expected, means, strict=True)]
        sigma = sigma + np.stack([(off * own[:, None]).T @ off / own.sum() for off, own in offs])
    return tuple(NormalPopulation(dimensions=dimensions, mean=m, covariance=v) for m, v in zip(means, sigma, strict=True))
