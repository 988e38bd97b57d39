"""Persons with the same points on the items to match by: what answers to one item say of groups there, without any model of θ.

Tables hold the number of persons (S, G, K) by stratum, group and score. A stratum is a form (the matching items that were given)
and the points on it, those of the item included (Holland & Thayer 1988).
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from competency_dx.arrays import Bools, Codes, Floats, Ints

LEAST_IN_FORM, TINY = 20, 1e-12


class Strata(NamedTuple):
    """Persons (S, G, K) of one item, with the form and the points (S,) of each stratum, and the number left out."""

    n: Floats
    form: Ints
    points: Ints
    left_out: int


def strata_of(codes: Codes, observed: Bools, group: Ints, item: int, matching: Bools) -> Strata:
    """Return the strata of an item by answers and mask (P, I), group (P,) and the items to match by (I,), forms of twenty and more."""
    who, use = np.flatnonzero(observed[:, item]), matching | (np.arange(codes.shape[1]) == item)
    seen, own = observed[who][:, use], codes[who, item].astype(np.int64)
    points = np.where(seen, codes[who][:, use], 0).sum(axis=1)
    form = np.unique(np.packbits(seen, axis=1), axis=0, return_inverse=True)[1].ravel()
    kept = np.bincount(form)[form] >= LEAST_IN_FORM
    both, stratum = np.unique(np.stack([form, points], axis=1)[kept], axis=0, return_inverse=True)
    n = np.zeros((len(both), int(group.max()) + 1, int(own.max(initial=1)) + 1))
    np.add.at(n, (stratum.ravel(), group[who][kept], own[kept]), 1.0)
    return Strata(n, both[:, 0], both[:, 1], int((~kept).sum()))


def association(n: Floats) -> tuple[float, int]:
    """Return statistic and degrees of freedom of groups and scores going together within strata (S, G, K).

    The general association of Landis, Heyman & Koch (1978); of two groups and two scores it is the statistic of Mantel &
    Haenszel (1959) without correction for continuity.
    """
    n = n[:, n.any(axis=(0, 2))][:, :, n.any(axis=(0, 1))]
    n = n[n.sum(axis=(1, 2)) > 1]
    total, sides = n.sum(axis=(1, 2))[:, None, None], (n.sum(axis=2), n.sum(axis=1))
    if min(n.shape[1:]) < 2 or not len(n):
        return np.nan, 0
    off = (n - sides[0][:, :, None] * sides[1][:, None] / total)[:, 1:, 1:].sum(axis=0).ravel()
    spread = [(total * x[:, :, None] * np.eye(x.shape[1]) - x[:, :, None] * x[:, None])[:, 1:, 1:] for x in sides]
    V = np.einsum("sgh,skl->gkhl", spread[0] / (total**2 * (total - 1)), spread[1]).reshape(len(off), len(off))
    return float(off @ np.linalg.pinv(V, hermitian=True) @ off), int(np.linalg.matrix_rank(V, hermitian=True))


def log_odds(n: Floats) -> Floats:
    """Return the common log odds of a higher score in each group against those in the first (G,), over all steps of the score.

    Liu & Agresti (1996, doi:10.2307/2533044); of two scores the estimate of Mantel & Haenszel. Above 0: easier for the group.
    """
    above = np.cumsum(n[:, :, ::-1], axis=2)[:, :, -2::-1]
    below, both = n.sum(axis=2, keepdims=True) - above, (n[:, :1] + n).sum(axis=2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.log(np.nansum(above * below[:, :1] / both, axis=(0, 2)) / np.nansum(below * above[:, :1] / both, axis=(0, 2)))
    return np.where(np.isfinite(out), out, np.nan)


def standardised(n: Floats) -> Floats:
    """Return the mean points in each group less those in the first, strata weighted as in the group (G,): Dorans & Kulick (1986)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, size = n @ np.arange(n.shape[2]) / n.sum(axis=2), n.sum(axis=2)
        gap = size * (mean - mean[:, :1])
        return np.asarray(np.nansum(gap, axis=0) / np.where(np.isfinite(gap), size, 0.0).sum(axis=0))


def regressions(of: Strata) -> Floats:
    """Return the log-likelihoods (4,) of an item's regressions on nothing, points, groups too, and their products with points.

    Logistic, with proportional odds where there are several scores (Swaminathan & Rogers 1990,
    doi:10.1111/j.1745-3984.1990.tb00754.x; Zumbo 1999). Each form has an intercept of its own.
    """
    n = of.n[:, of.n.any(axis=(0, 2))][:, :, of.n.any(axis=(0, 1))]
    S, G, K = n.shape
    x = np.repeat((of.points - of.points.mean()) / max(of.points.std(), TINY), G)[:, None]
    form = np.repeat(of.form[:, None] == np.unique(of.form)[1:], G, axis=0)
    group = np.tile(np.eye(G)[:, 1:], (S, 1))
    X, n = np.hstack([x, form, group, group * x]), n.reshape(S * G, K)
    above = n.sum(axis=0)[::-1].cumsum()[-2::-1]
    start = np.concatenate([np.log(above / (n.sum() - above)), np.zeros(X.shape[1])])

    def minus(phi: Floats) -> tuple[float, Floats]:
        """Return minus the log-likelihood (McCullagh 1980) and its gradient for boundaries and as many of the slopes as are given."""
        B = len(phi) - K + 1
        upper = expit(phi[: K - 1] + (X[:, :B] @ phi[K - 1 :])[:, None])
        P = np.maximum(-np.diff(upper, axis=1, prepend=1.0, append=0.0), TINY)
        slope = upper * (1 - upper) * np.diff(n / P, axis=1)
        return -float((n * np.log(P)).sum()), -np.concatenate([slope.sum(axis=0), X[:, :B].T @ slope.sum(axis=1)])

    sizes = K - 1 + np.cumsum([0, 1 + form.shape[1], G - 1, G - 1])
    return np.array([-minimize(minus, start[:size], jac=True, method="BFGS", options={"gtol": 1e-6}).fun for size in sizes])
