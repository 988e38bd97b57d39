"""Ways of finding the constants of a link, θ on the old scale = A θ on the new one + B, and what moves them.

`constants` takes the same items on both scales, `near` is where to look first; where no slope is estimated (Rasch, partial credit)
A is 1. `gradients` are ∂(A, B) by the parameters (a, e_1 …, shape) of the items, new and old (2, I, F). Of curves, g(A, B; ξ) = 0 for
the gradient g at the minimum, hence ∂(A, B) / ∂ξ = -H⁻¹ ∂g / ∂ξ (Ogasawara 2001, doi:10.1177/01466210122031939).
"""

from abc import ABC
from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

import numpy as np
from scipy.optimize import root

from competency_dx.arrays import Floats, choice, value
from competency_dx.errors import LinkingError
from competency_dx.kernels import families
from competency_dx.models import FAMILIES, ItemParameters, log_probabilities

Constants = tuple[float, float]
Grid = tuple[Floats, Floats]  # points of the old scale and their weights
Pool = Callable[[Floats, Floats], Floats]
"""What a gap (…, I, K, Q) weighs in, given the points of the categories (I, K): the criterion is ½ Σ w gap pool(gap)."""
POINTS, STEP = 30, 1e-4
SAME = 1e-8  # a Newton step no longer than this leaves the constants as they are


def by_test(gap: Floats, points: Floats) -> Floats:
    """Return what counts where expected points of the whole test are compared."""
    return np.asarray(points[:, :, None] * np.einsum("ik,...ikq->...q", points, gap)[..., None, None, :])


def by_category(gap: Floats, points: Floats) -> Floats:
    """Return what counts where every category but the lowest of every item is compared."""
    return np.asarray(gap * (np.arange(points.shape[1]) > 0)[:, None])


@value
class MeanMean:
    """Means of slopes and of difficulties (Loyd & Hoover 1980)."""

    def constants(self, new: ItemParameters, old: ItemParameters, near: Constants | None = None) -> Constants:  # noqa: ARG002
        """Return A as the ratio of the mean slopes, B from the mean difficulties."""
        return _with_intercept(new, old, 1.0 if tied(new) else float(new.slope.mean() / old.slope.mean()))

    def gradients(self, new: ItemParameters, old: ItemParameters, at: Constants) -> tuple[Floats, Floats]:
        """Return ∂(A, B) by the parameters of the items."""
        by_slope = np.zeros((2, *new.beta.shape))
        by_slope[:, :, 0] = np.array([[1.0], [-at[0]]]) / (old.slope.mean() * len(new.items)) * (not tied(new))
        return _by_means(new, old, at[0], by_slope)


@value
class MeanSigma:
    """Means and standard deviations of difficulties (Marco 1977)."""

    def constants(self, new: ItemParameters, old: ItemParameters, near: Constants | None = None) -> Constants:  # noqa: ARG002
        """Return A as the ratio of the standard deviations, B from the means."""
        return _with_intercept(new, old, 1.0 if tied(new) else float(np.nanstd(old.difficulties) / np.nanstd(new.difficulties)))

    def gradients(self, new: ItemParameters, old: ItemParameters, at: Constants) -> tuple[Floats, Floats]:
        """Return ∂(A, B) by the parameters of the items."""
        out = []
        for of, sign in ((new, -at[0]), (old, at[0])):
            b = of.difficulties
            share = np.nan_to_num((b - np.nanmean(b)) / (np.isfinite(b).sum() * np.nanvar(b)))
            out.append(sign * np.einsum("ik,ikf->if", share, of_difficulties(of)) * (not tied(new)))
        return _by_means(new, old, at[0], np.stack(out))


@value
class Curves(ABC):
    """Least squares of curves at `points` of a normal population of the old scale; `pool` says which."""

    pool: ClassVar[Pool]
    points: int = POINTS

    def constants(self, new: ItemParameters, old: ItemParameters, near: Constants | None = None) -> Constants:
        """Return A and B at the minimum."""
        return least(new, old, _grid(old, self.points), type(self).pool, near)

    def gradients(self, new: ItemParameters, old: ItemParameters, at: Constants) -> tuple[Floats, Floats]:
        """Return ∂(A, B) by the parameters of the items."""
        grid = _grid(old, self.points)
        free, u = slice(int(tied(new)), 2), (grid[0] - at[1]) / at[0]
        _, hessian, gaps, slopes = _criterion(new, np.exp(log_probabilities(old, grid[0])), grid, type(self).pool, np.array(at))
        bend = (curve_gradients(new, u + STEP) - curve_gradients(new, u - STEP)) / (2 * STEP)
        by_new = np.einsum("aq,ifkq,ikq->aif", np.stack([u, np.ones_like(u)]) / at[0], bend, gaps)
        by_new -= np.einsum("aikq,ifkq->aif", slopes, curve_gradients(new, u))
        by_old = np.einsum("aikq,ifkq->aif", slopes, curve_gradients(old, grid[0]))
        inverse = np.zeros((2, 2))
        inverse[free, free] = np.linalg.inv(hessian[free, free])
        return -np.tensordot(inverse, by_new, 1), -np.tensordot(inverse, by_old, 1)


@choice(LinkingError)
class StockingLord(Curves):
    """Least squares of the test characteristic curves (Stocking & Lord 1983), over a normal population of the old scale."""

    pool: ClassVar[Pool] = by_test


@choice(LinkingError)
class Haebara(Curves):
    """Least squares of the curves of all categories of every item (Haebara 1980), over a normal population of the old scale."""

    pool: ClassVar[Pool] = by_category


LinkMethod = MeanMean | MeanSigma | StockingLord | Haebara
_nodes = lru_cache(maxsize=8)(np.polynomial.hermite_e.hermegauss)


def tied(items: ItemParameters) -> bool:
    """Return whether no slope is estimated, so that a unit of θ is one logit on every scale."""
    return all(FAMILIES[f].slope == "fixed" for f in items.families)


def _with_intercept(new: ItemParameters, old: ItemParameters, A: float) -> Constants:
    return A, float(np.nanmean(old.difficulties) - A * np.nanmean(new.difficulties))


def of_difficulties(of: ItemParameters) -> Floats:
    """Return ∂b_k / ∂(a, e_1 …, shape) (I, K - 1, F) for b_k = -d_k / a, 0 where there is no b_k."""
    b, a = of.difficulties, of.slope[:, None, None]
    return np.where(np.isnan(b)[:, :, None], 0.0, np.concatenate([-b[:, :, None], -of.step_matrices], axis=2) / a)


def _by_means(new: ItemParameters, old: ItemParameters, A: float, of_slope: Floats) -> tuple[Floats, Floats]:
    """Return ∂(A, B) for B = mean of b old - A mean of b new, given ∂A by the parameters of both (2, I, F)."""
    means = [of_difficulties(x).sum(axis=1) / np.isfinite(x.difficulties).sum() for x in (new, old)]
    back = np.nanmean(new.difficulties) * of_slope
    return np.stack([of_slope[0], -A * means[0] - back[0]]), np.stack([of_slope[1], means[1] - back[1]])


def _grid(old: ItemParameters, n: int) -> Grid:
    nodes, weight = _nodes(n)
    return nodes * np.sqrt(old.variance) + old.mean, weight / weight.sum()


def _criterion(new: ItemParameters, there: Floats, grid: Grid, pool: Pool, at: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return gradient (2,), Hessian (2, 2) by A and B, weighed gaps (I, K, Q) from the old curves `there`, derivatives (2, I, K, Q)."""
    (theta, weight), (A, B), points = grid, at, new.points
    u = (theta - B) / A
    prob, one, two = (x.transpose(1, 2, 0) for x in families.person_curves(new.groups, new.beta, u, new.allowed))
    first = np.stack([u * one, one]) / A
    bent = np.array([[u**2 * two + 2 * u * one, u * two + one], [u * two + one, two]]) / -(A**2)
    gaps, slopes = weight * pool(there - prob, points), weight * pool(first, points)
    hessian = np.einsum("aikq,bikq->ab", first, slopes) + np.einsum("abikq,ikq->ab", bent, gaps)
    return np.einsum("aikq,ikq->a", first, gaps), hessian, gaps, slopes


def least(new: ItemParameters, old: ItemParameters, grid: Grid, pool: Pool, near: Constants | None = None) -> Constants:
    """Return A and B at the minimum, NaN where none is found."""
    A, B = near or MeanMean().constants(new, old)
    B = B if near else float(np.nanmedian(old.difficulties - A * new.difficulties))  # one item far off does not mislead it
    there, free = np.exp(log_probabilities(old, grid[0])), slice(int(tied(new)), 2)
    fixed = [1.0][: free.start]

    def at(x: Floats) -> tuple[Floats, Floats]:
        gradient, hessian, *_ = _criterion(new, there, grid, pool, np.append(fixed, x))
        return gradient[free], hessian[free, free]

    found = root(at, [A, B][free] if A > 0 else [1.0, 0.0][free], jac=True, tol=1e-12)
    gradient, hessian = at(found.x)  # a search that starts at the minimum makes no progress, and reports no success
    definite = np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian)[0] > 0
    if not (definite and np.abs(np.linalg.solve(hessian, gradient)).max() <= SAME):
        return float("nan"), float("nan")
    A, B = np.append(fixed, found.x).tolist()
    return A, B


def curve_gradients(of: ItemParameters, theta: Floats) -> Floats:
    """Return ∂P / ∂(a, e_1 …, shape) (I, F, K, Q)."""
    sharp = log_probabilities(of, theta)
    return np.asarray(np.exp(sharp)[:, None] * families.derivatives(of.groups, of.beta, sharp, theta, of.allowed))
