"""Quadratic models under restrictions: the nearest point that satisfies linear inequalities, and Newton steps in a box.

Least distance programming by non-negative least squares (Lawson & Hanson 1974, chapter 23, doi:10.1137/1.9781611971217):
one finite algorithm for isotonic regression over a partial order, for an additive model kept inside (0, 1), and for
both together. Steps in a box are cheaper and need no more than a direction uphill.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from competency_dx.arrays import Floats, Ints

HALVINGS = 12
SLACK = 1e-12
RIDGE = 1e-10
RIDGES, OPTIMAL = (0.0, 1e-6, 1e-5), 1e-8
FEW = 64
BROKEN = 1e-10


def nearest(metric: Floats, target: Floats, G: Floats, h: Floats) -> Floats:
    """Return the x (F,) that minimises (x - target)ᵀ metric (x - target) subject to G x >= h.

    The metric (F, F) is positive definite; `target` (F,), the minimum without constraints, is returned when it satisfies them.
    The constraints G (E, F) and h (E,) must have a common solution.
    """
    from scipy.optimize import nnls

    gap = h - G @ target
    if gap.max(initial=-1.0) <= SLACK:
        return target
    scale = np.abs(gap).max()
    root = np.linalg.cholesky(metric)
    A = solve_triangular(root, G.T, lower=True)
    width = np.maximum(np.linalg.norm(A, axis=0), 1e-300)
    E = np.concatenate([A / width, (gap / scale / width)[None, :]])
    last = np.zeros(len(E))
    last[-1] = 1.0
    for ridge in RIDGES:  # where restrictions are alike the solver may stop off the minimum; a little more makes it unique
        padded = np.concatenate([E, ridge * np.eye(E.shape[1])]) if ridge else E
        u = nnls(padded, np.pad(last, (0, len(padded) - len(last))), maxiter=10 * E.shape[1] + 20)[0]
        residual = E @ u - last
        slope = E.T @ residual
        if max(-slope.min(), np.abs(slope[u > 0]).max(initial=0.0)) <= OPTIMAL:
            break
    return np.asarray(target + scale * solve_triangular(root, -residual[:-1] / residual[-1], lower=True, trans="T"))


def climbed(objective: Callable[[Floats], float], at: Floats, step: Floats, now: float) -> tuple[Floats, float]:
    """Return the point after a step, its half … that does not lower an objective, with its value; the point itself where none is."""
    for _ in range(HALVINGS):
        after = objective(at + step)
        if after >= now:
            return at + step, after
        step = step / 2
    return at, now


def boxed_step(information: Floats, gradient: Floats, step: Floats, low: Floats, high: Floats) -> Floats:
    """Return a Newton step (Y,) whose last coordinates stay within a box.

    Few coordinates are solved for exactly. Of many, those that leave the box are moved to its side and the others step
    given that, until none leaves it. Information (Y, Y) and gradient (Y,) are of the objective to be raised, `step` (Y,) is the
    one without a box, and low <= 0 <= high (B,) bound the moves of the last B <= Y coordinates.
    """
    first = len(step) - len(low)
    if not ((step[first:] < low) | (step[first:] > high)).any():
        return step
    if len(low) <= FEW:
        try:
            return restricted_step(information, step, *box(len(step), low, high))
        except np.linalg.LinAlgError:  # not definite: the rule below still gives a direction to try
            pass
    pinned, target = np.zeros(len(low), dtype=np.bool_), np.zeros(len(low))
    while ((over := (step[first:] < low) | (step[first:] > high)) & ~pinned).any():
        target = np.where(pinned, target, np.clip(step[first:], low, high))
        pinned |= over
        step = _pinned_step(information, gradient, first + np.flatnonzero(pinned), target[pinned])
    return step


def box(Y: int, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return G (E, Y) and h (E,) of G x >= h for bounds of the last coordinates, infinite ones left out."""
    rows = np.eye(Y)[Y - len(low) :]
    G, h = np.concatenate([rows, -rows]), np.concatenate([low, -high])
    finite = np.isfinite(h)
    return G[finite], h[finite]


def restricted_step(information: Floats, step: Floats, G: Floats, h: Floats) -> Floats:
    """Return the step nearest to a Newton step, by the information, with G x >= h; restrictions count once some step broke them."""
    taken, found = np.zeros(len(h), dtype=np.bool_), step
    while (broken := (G @ found < h - BROKEN) & ~taken).any():
        taken |= broken
        found = nearest(information, step, G[taken], h[taken])
    return found


def _pinned_step(information: Floats, gradient: Floats, pinned: Ints, move: Floats) -> Floats:
    """Return the Newton step with some coordinates moved by a given amount."""
    out = np.zeros(len(gradient))
    left = np.setdiff1d(np.arange(len(gradient)), pinned)
    out[pinned] = move
    inner = information[np.ix_(left, left)]
    inner[np.diag_indices_from(inner)] *= 1 + RIDGE
    right = gradient[left] - information[np.ix_(left, pinned)] @ move
    try:
        out[left] = cho_solve(cho_factor(inner), right)
    except np.linalg.LinAlgError:
        out[left] = np.linalg.lstsq(inner, right, rcond=RIDGE)[0]
    return out
