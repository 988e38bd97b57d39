"""Rotation of factor loadings by gradient projection: varimax, quartimin (direct oblimin) and promax.

Loadings Λ (I, D) refer to orthonormal factors. Orthogonal rotation: L = Λ T with TᵀT = 1 (Jennrich 2001, doi:10.1007/BF02294840);
oblique: L = Λ (Tᵀ)⁻¹ with diag(TᵀT) = 1 and factor correlations Φ = TᵀT (Jennrich 2002, doi:10.1007/BF02294706). Criteria and
their gradients as in Bernaards & Jennrich 2005, doi:10.1177/0013164404272507. A criterion may have several minima: rotation
begins at the identity and at fixed random orthonormal matrices, and the lowest minimum is taken.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Floats

Method = Literal["none", "varimax", "oblimin", "promax"]
Map = Callable[[Floats], Floats]
Criterion = Callable[[Floats], tuple[float, Floats]]
STARTS = 8
MOST_STEPS = 500
TOLERANCE = 5e-8
NOISE = 4e-16  # relative rounding error of a criterion
HALVINGS = 12
POWER = 4


class Rotation(NamedTuple):
    """Loadings (I, D), T, correlations and `origin` (D, D), from which descent ends here again; criterion and projected gradient."""

    loadings: Floats
    transformation: Floats
    correlations: Floats
    criterion: float
    gradient: float
    origin: Floats


def varimax(loadings: Floats) -> tuple[float, Floats]:
    """Return minus a quarter of the variance of squared loadings within factors (Kaiser 1958), and its gradient."""
    off = loadings**2 - (loadings**2).mean(axis=0)
    return -float((off**2).sum()) / 4, -loadings * off


def quartimin(loadings: Floats) -> tuple[float, Floats]:
    """Return a quarter of the sum of products of squared loadings across factors (oblimin with γ = 0), and its gradient."""
    square = loadings**2
    others = square.sum(axis=1, keepdims=True) - square
    return float((square * others).sum()) / 4, loadings * others


def rotate(loadings: Floats, method: Method) -> Rotation:
    """Return rotated loadings (I, D), factors by falling sums of squares and with positive sums.

    No Kaiser normalisation. Promax takes the varimax loadings to the power of four as the target of an oblique least-squares
    rotation (Hendrickson & White 1964, doi:10.1111/j.2044-8317.1964.tb00244.x).
    """
    D, rng = loadings.shape[1], np.random.default_rng(0)
    if method == "none":
        return rotated_from(loadings, method, np.eye(D))
    starts = [np.eye(D), *(np.linalg.qr(rng.normal(size=(D, D)))[0] for _ in range(STARTS))]
    return ordered(min((rotated_from(loadings, method, start) for start in starts), key=lambda found: found.criterion))


def rotated_from(loadings: Floats, method: Method, start: Floats) -> Rotation:
    """Return the minimum reached from one start; from the origin of a rotation of loadings nearby, factors are in its order."""
    if method == "none":
        return Rotation(loadings, start, start, 0.0, 0.0, start)
    if method == "varimax":
        return orthogonal(loadings, varimax, start)
    if method == "oblimin":
        return oblique(loadings, quartimin, start)
    first = orthogonal(loadings, varimax, start)
    U = np.linalg.lstsq(first.loadings, np.abs(first.loadings) ** (POWER - 1) * first.loadings, rcond=None)[0]
    U *= np.sqrt(np.diag(np.linalg.inv(U.T @ U)))
    T = np.linalg.inv(first.transformation @ U).T
    return first._replace(loadings=first.loadings @ U, transformation=T, correlations=T.T @ T)


def orthogonal(loadings: Floats, criterion: Criterion, start: Floats) -> Rotation:
    """Return the minimum of a criterion over orthonormal T (D, D), from a start."""

    def slope(T: Floats, by_loadings: Floats) -> Floats:
        G = loadings.T @ by_loadings
        M = T.T @ G
        return np.asarray(G - T @ (M + M.T) / 2)

    def back(X: Floats) -> Floats:
        U, _, V = np.linalg.svd(X)
        return np.asarray(U @ V)

    return _projected(criterion, start, lambda T: loadings @ T, slope, back)


def oblique(loadings: Floats, criterion: Criterion, start: Floats) -> Rotation:
    """Return the minimum of a criterion over T (D, D) with columns of length one, from a start."""

    def rotated(T: Floats) -> Floats:
        return np.asarray(loadings @ np.linalg.inv(T).T)

    def slope(T: Floats, by_loadings: Floats) -> Floats:
        inverse = np.linalg.inv(T)
        G = -((loadings @ inverse.T).T @ by_loadings @ inverse).T
        return np.asarray(G - T * (T * G).sum(axis=0))

    return _projected(criterion, start, rotated, slope, lambda X: X / np.sqrt((X**2).sum(axis=0)))


def _projected(criterion: Criterion, T: Floats, rotated: Map, slope: Callable[[Floats, Floats], Floats], back: Map) -> Rotation:
    """Descend along the projected gradient with steps that halve until the criterion falls enough (Armijo)."""
    length = 1.0
    value, by_loadings = criterion(rotated(T))
    G = slope(T, by_loadings)
    for _ in range(MOST_STEPS):
        size = float(np.sqrt((G**2).sum()))
        if size < TOLERANCE:
            break
        length *= 2
        for _ in range(HALVINGS):
            new = back(T - length * G)
            after, by_loadings = criterion(rotated(new))
            if after < value - 0.5 * size**2 * length + NOISE * abs(value):
                break
            length /= 2
        T, value, G = new, after, slope(new, by_loadings)
    return Rotation(rotated(T), T, T.T @ T, value, float(np.sqrt((G**2).sum())), T)


def ordered(found: Rotation) -> Rotation:
    """Return factors in the order of falling sums of squared loadings, turned so that their loadings add up to no less than 0."""
    L = found.loadings
    order = np.argsort(-(L**2).sum(axis=0), kind="stable")
    sign = np.where(L[:, order].sum(axis=0) < 0, -1.0, 1.0)
    loadings, T, origin = (x[:, order] * sign for x in (L, found.transformation, found.origin))
    correlations = found.correlations[np.ix_(order, order)] * np.outer(sign, sign)
    return found._replace(loadings=loadings, transformation=T, origin=origin, correlations=correlations)
