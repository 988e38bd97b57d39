"""Several groups on one scale: a likelihood of each, and the linear ties that make item parameters the same in all of them.

Groups are different persons, so the log-likelihood of a model is the sum of theirs, each with item parameters and a population of
its own: φ (N,), one group after the other. A model is a matrix T of columns along which φ may move: those of every model move an
item in all groups at once, and columns of an item move it in one group alone. A few Newton steps lead from the maximum of one
model to that of another.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import block_diag
from scipy.special import ndtr

from competency_dx import engine
from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.calibration import Calibration
from competency_dx.engine import Constraints, Items, Known, Marginal, build_items, category_counts, populations_of
from competency_dx.kernels.grid import prepare
from competency_dx.models import FAMILIES

LEAST_ANSWERS = 10
EXACT = 1e-7  # twice the log-likelihood that a step still promises
DEFINITE = 1e-6  # smallest eigenvalue of an information
ROUNDS, STEPS, HALVINGS, REACH, POINTS = 6, 6, 8, 6.0, 401
DELTA = 2.35  # ETS: points of the delta scale a logit
Free = tuple[int, ...]


class Maximum(NamedTuple):
    """The maximum of a model: φ (N,), log-likelihood, gradient and information there (N,), (N, N)."""

    phi: Floats
    log_likelihood: float
    slope: Floats
    information: Floats


class Difference(NamedTuple):
    """What is said of one item; the fields are those of `DIF`."""

    wald: float
    delta: Floats
    se: Floats
    gap: Floats
    lr: float
    df: int
    rate_change: Floats


class Apart(NamedTuple):
    """How an item differs from the `first` group: it moves along `columns` (N, m).

    `steps` and `slopes` (G, m) are what a column adds to the mean logit of the steps in each group, NaN if untested, and to the slope.
    """

    first: int
    columns: Floats
    steps: Floats
    slopes: Floats


class TiedGroups(NamedTuple):
    """The likelihoods of G groups, and what may move in a model.

    `known` are the items with the counts of all groups, `answers` (G, I) how many persons of each group answered each item,
    `points` those of the grid, `start` (N,) φ of the calibration with all items the same, `common` (N, M) the columns of every
    model, and `apart` those of each item, none where it is not tested.
    """

    likelihoods: tuple[Marginal, ...]
    known: Known
    answers: Ints
    points: int
    start: Floats
    common: Floats
    apart: tuple[Apart, ...]

    def maximum(self, free: Free, phi: Floats, guide: Floats) -> Maximum | None:
        """Return the maximum with these items differing, None if none is near φ; `guide` (N, N), information nearby, may be renewed."""
        T = self.columns(free)
        phi = self.start + T @ self.coefficients(T, phi)
        total, slope = self.evaluated(phi)
        for _ in range(ROUNDS):
            bent, ways = np.linalg.eigh(T.T @ guide @ T)
            along = T @ ways  # uphill even where the likelihood is not concave
            for _ in range(STEPS):
                step = along @ (along.T @ slope / np.maximum(np.abs(bent), DEFINITE))
                if float(slope @ step) < EXACT:
                    if bent[0] >= DEFINITE:
                        return Maximum(phi, total, slope, self.information(phi))
                    break
                for share in 0.5 ** np.arange(HALVINGS):
                    further = phi + share * step
                    inside = all(of.feasible(part) for of, part in self.parts(further))
                    reached = self.evaluated(further) if inside else (-np.inf, slope)
                    if reached[0] > total - EXACT:
                        break
                else:
                    return None
                phi, (total, slope) = further, reached
            guide = self.information(phi)
        return None

    def columns(self, free: Free) -> Floats:
        """Return the columns (N, M) of the model in which these items differ, theirs after the others in this order."""
        return np.concatenate([self.common, *(self.apart[i].columns for i in free)], axis=1)

    def coefficients(self, T: Floats, phi: Floats) -> Floats:
        """Return how far φ is along the columns of a model, by least squares where it is not in the model."""
        return np.asarray(np.linalg.solve(T.T @ T, T.T @ (phi - self.start)))

    def parts(self, phi: Floats) -> list[tuple[Marginal, Floats]]:
        """Return the likelihood and the part of φ of each group."""
        return list(zip(self.likelihoods, np.split(phi, len(self.likelihoods)), strict=True))

    def evaluated(self, phi: Floats) -> tuple[float, Floats]:
        """Return the log-likelihood and its gradient (N,)."""
        at = [(of, of.evaluate(part, self.points)) for of, part in self.parts(phi)]
        return sum(x.log_likelihood for _, x in at), np.concatenate([of.gradient(x) for of, x in at])

    def information(self, phi: Floats) -> Floats:
        """Return the observed information (N, N), block by block of the groups."""
        return block_diag(*(of.information(of.evaluate(part, self.points)).matrix for of, part in self.parts(phi)))

    def curves(self, phi: Floats, populations: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return moments (G, D) of the groups at φ `populations`, points θ (Q,), and shares of points of the items at φ (G, I, Q)."""
        normal = [of.normals(part) for of, part in self.parts(populations)]
        mean, sd = np.stack([gamma[0] for gamma, _ in normal]), np.sqrt([np.diag(sigma[0]) for _, sigma in normal])
        theta = np.linspace((mean - REACH * sd).min(), (mean + REACH * sd).max(), POINTS)
        share = np.arange(self.known.counts.shape[1]) / (self.known.n_categories - 1)[:, None]
        shares = [np.einsum("ik,ikq->iq", share, np.exp(of.curves(part, theta))) for of, part in self.parts(phi)]
        return mean, sd, theta, np.stack(shares)

    def difference(self, item: int, at: Maximum, others: Free) -> Difference:
        """Return by how much an item differs beside others: from the maximum without it one step to that with it, the score test."""
        of, T = self.apart[item], self.columns((*others, item))
        inverse, m, d = np.linalg.inv(T.T @ at.information @ T), of.columns.shape[1], self.known.dimension[item]
        along = self.coefficients(T, at.phi) + inverse @ (T.T @ at.slope)
        mean, sd, theta, share = self.curves(self.start + T @ along, at.phi)
        density = np.exp(-0.5 * ((theta - mean[:, d, None]) / sd[:, d, None]) ** 2)
        gap = np.sqrt((density * (share[:, item] - share[of.first, item]) ** 2).sum(axis=1) / density.sum(axis=1)) + 0 * of.steps[:, 0]
        moved, covariance, weight = along[-m:], inverse[-m:, -m:], DELTA * (of.steps + mean[:, d, None] * of.slopes)
        if np.linalg.eigvalsh(covariance)[0] <= 0:  # a step this far from the maximum says nothing
            return Difference(np.nan, none := np.full(len(mean), np.nan), none, none, np.nan, m, none)
        se = np.sqrt(np.einsum("gm,mn,gn->g", weight, covariance, weight))
        return Difference(float(moved @ np.linalg.solve(covariance, moved)), weight @ moved, se, gap, np.nan, m, np.nan * gap)

    def freed(self, item: int, now: Maximum, free: Free, cut: float) -> Difference:
        """Return an item's difference beside `free` ones at `now`, likelihood ratio, changes of rates; NaN without maximum."""
        others, d, nothing = tuple(i for i in free if i != item), self.known.dimension[item], np.full(len(self.likelihoods), np.nan)
        if self.apart[item].columns.size:
            without = now if item not in free else self.maximum(others, now.phi, now.information)
            apart = now if item in free else self.maximum((*others, item), now.phi, now.information)
            if without is not None and apart is not None:
                change = (self.rates(apart.phi, cut) - self.rates(without.phi, cut))[:, d]
                ratio = max(2 * (apart.log_likelihood - without.log_likelihood), 0.0)
                return self.difference(item, apart, others)._replace(lr=ratio, rate_change=change)
        return Difference(np.nan, nothing, nothing, nothing, np.nan, 0, nothing)

    def rates(self, phi: Floats, cut: float) -> Floats:
        """Return the percentage of each group below a cut, a percent of the points of the items of each competency (G, D).

        The cut is one ability for all groups: curves of an item that differs are averaged over the persons who answered it.
        """
        mean, sd, theta, share = self.curves(phi, phi)
        most = (self.known.n_categories - 1) * self.known.loads.T
        points = most @ np.einsum("gi,giq->iq", self.answers / self.answers.sum(axis=0), share)
        at = [np.interp(cut / 100 * total, line, theta) for line, total in zip(points, most.sum(axis=1), strict=True)]
        return np.asarray(100 * ndtr((np.array(at) - mean) / sd))


def tied_groups(common: Calibration, codes: Codes, observed: Bools, group: Ints) -> TiedGroups:
    """Return the groups of a calibration in which all items are the same, by answers and mask (P, I) and group (P,)."""
    p, G, D, t = common.parameters, len(common.groups), len(common.population.dimensions), common.table
    counts = np.stack([category_counts(codes[group == g], observed[group == g], p.intercepts.shape[1]) for g in range(G)])
    known = Known(p.items, list(p.families), p.n_categories, counts.sum(axis=0), p.loads)
    items = build_items(known, single_slopes=D > 1, priors=None, constraints=Constraints())
    one, (a, b), S = np.ones((1, 1)), np.triu_indices(D), items.size
    population = populations_of(p.dimensions, regressors=("mean",), reference=one, free_variance=np.ones(D, dtype=np.bool_))
    given: dict[str, Any] = {"population": population, "origin": (None, one)} | ({"dimension": known.dimension} if D > 1 else {})
    make: Any = engine.propagation_likelihood if D > 1 else engine.one_dimension_likelihood
    answers = [prepare(codes[group == g], observed[group == g], p.n_categories) for g in range(G)]
    start, unit = np.zeros(S), np.eye(S + D + len(a))
    start[items.place[items.free]] = p.single().beta[items.free]
    moving = set(zip(np.equal(t.kind, "mean").tolist(), t.group.tolist(), t.dimension.tolist(), t.other.tolist(), strict=True))
    sides = [(True, d, -1) for d in range(D)] + [(False, d, -1 if d == e else e) for d, e in zip(a.tolist(), b.tolist(), strict=True)]
    free = [[(mean, g, *two) in moving for mean, *two in sides] for g in range(G)]
    return TiedGroups(
        likelihoods=tuple(make(items, of, **given) for of in answers),
        known=known,
        answers=counts.sum(axis=2),
        points=common.certificate.points,
        start=np.concatenate([x for q in common.populations for x in (start, q.mean, q.covariance[a, b])]),
        common=np.hstack([np.tile(unit[:, :S], (G, 1)), block_diag(*(unit[:, S:][:, of] for of in free))]),
        apart=tuple(_apart(items, known, i, counts[:, i], unit) for i in range(len(p.items))),
    )


def _apart(items: Items, known: Known, i: int, counts: Ints, unit: Floats) -> Apart:
    """Return how an item with counts (G, K) can differ, in all parameters of its own, where ten of a group answered, not all alike."""
    place, n, m, seen = items.place[i], items.n_slopes, int(known.n_categories[i]), counts > 0
    own = np.flatnonzero(items.free[i] & (np.bincount(items.place[items.free], minlength=items.size)[place] == 1))
    matrix = FAMILIES[known.families[i]].step_matrix(m, items.allowed.shape[1] - 1, len(place) - n)
    within = np.flatnonzero((counts.sum(axis=1) >= LEAST_ANSWERS) & (seen.sum(axis=1) > 1))
    ways = np.eye(len(place))[own]
    if not (seen[within] == seen.any(axis=0)).all():
        whole = np.linalg.pinv(matrix[:, own[own >= n] - n]).sum(axis=1).astype(np.float64)
        ways = np.vstack([ways[own < n], whole @ ways[own >= n]])
    if len(within) < 2 or known.loads[:, known.dimension[i]].sum() < 2:
        within = within[:1]
    there: Any = np.eye(len(counts))[:, within[1:]]
    steps, slopes, columns = ways[:, n:] @ matrix.mean(axis=0), ways[:, :n].sum(axis=1), unit[:, place[own]] @ ways[:, own].T
    untested = np.where(np.isin(np.arange(len(counts)), within), 0.0, np.nan)[:, None]
    moved, by_step, by_slope = (np.kron(there, x) for x in (columns, steps, slopes))
    return Apart(int(within[0]) if len(within) else 0, moved, by_step + untested, by_slope)
