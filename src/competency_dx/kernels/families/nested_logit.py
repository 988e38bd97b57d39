"""Nested logit family: keyed multiple choice whose distractors inform, all items at once.

P(key | θ) = c + (u - c) / (1 + exp(-(α θ + d)))
P(distractor v | θ) = P(not key | θ) exp(λ_v θ + e_v) / Σ_w exp(λ_w θ + e_w)      (Suh & Bolt 2010, doi:10.1007/s11336-010-9163-7)

The last allowed category of an item is its key, the ones below are its distractors; e and λ of distractor 0 are 0. The table
`shape` (n, S) holds intercepts 1 … K-1: d where the key is, e_v where a distractor is; then the extras α, logit c (-inf: no
guessing), logit u (+inf: no slipping), λ_1 … λ_{K-2}. The linear predictor η is θ itself, its slope fixed at 1.

The key is to be allowed whether anybody chose it or not.
"""

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.families import FLOOR, asymptotes, nominal
from competency_dx.kernels.families.asymptotes import Curve


class Parts(NamedTuple):
    """Keys (n,), slopes α (n, 1), curves of the key; the distractors' nominal model; `rival` (n,) where there is a distractor."""

    key: Ints
    slope: Floats
    curve: Curve
    shape: Floats
    allowed: Bools
    rival: Bools


def _parts(shape: Floats, eta: Floats, allowed: Bools) -> Parts:
    """Return the two models of items with shape parameters (n, S) at linear predictors (n, Q)."""
    n, K = allowed.shape
    key = K - 1 - allowed[:, ::-1].argmax(axis=1)
    slope, lower, upper = (shape[:, K - 1 + i, None] for i in range(3))
    d = shape[np.arange(n), np.maximum(key - 1, 0)][:, None]
    distractors = allowed[:, :-1] & (np.arange(K - 1) < key[:, None])
    rival = distractors.any(axis=1)
    distractors[~rival, 0] = True
    nested = np.concatenate([shape[:, : K - 2], shape[:, K + 2 : 2 * K]], axis=1)
    return Parts(key, slope, asymptotes.curve(slope * eta + d, lower, upper), nested, distractors, rival)


def _nested_columns(K: int) -> Ints:
    """Return where η, e_1 …, λ_1 … of the distractors' nominal model stand in (η, shape)."""
    return np.concatenate([np.arange(K - 1), np.arange(K + 3, 2 * K + 1)])


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for shape parameters (n, S) at linear predictors (n, Q)."""
    of, rows = _parts(shape, eta, allowed), np.arange(len(allowed))
    out = np.full((*allowed.shape, eta.shape[1]), FLOOR)
    np.add(nominal.log_probabilities(of.shape, eta, of.allowed), np.log(of.curve.wrong)[:, None], out=out[:, :-1])
    out[~allowed] = FLOOR
    out[rows, of.key] = np.where(of.rival[:, None], np.log(of.curve.right), 0.0)
    return np.asarray(np.maximum(out, FLOOR, out=out))


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return ∂ log P_k / ∂ (η, shape) (n, 1 + S, K, Q): the keyed answer's part for all, the nominal part for distractors."""
    of, (n, K) = _parts(shape, eta, allowed), allowed.shape
    rows, key = np.arange(n), of.key
    out = np.zeros((n, 1 + shape.shape[1], K, eta.shape[1]))
    shares = nominal.log_probabilities(of.shape, eta, of.allowed)
    out[:, _nested_columns(K), :-1] = nominal.derivatives(of.shape, eta, shares, of.allowed)
    by = asymptotes.log_slopes(of.curve) * of.rival[:, None, None, None]
    keyed = np.arange(K) == key[:, None]
    by_x, by_c, by_u = (np.where(keyed[:, :, None], by[:, i, 1, None], by[:, i, 0, None]) for i in range(3))
    out[:, 0] += of.slope[:, :, None] * by_x
    out[rows, key] += by_x
    out[:, K], out[:, K + 1], out[:, K + 2] = eta[:, None, :] * by_x, by_c, by_u
    return nominal.blank(out, allowed)


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return -Σ_k counts_k ∂² log P_k / ∂ (η, shape)² (n, 1 + S, 1 + S, Q): the sum of the two models' curvatures."""
    of, (n, K) = _parts(shape, eta, allowed), allowed.shape
    F, rows, nested = 1 + shape.shape[1], np.arange(n), _nested_columns(K)
    out = np.zeros((n, F, F, eta.shape[1]))
    right = counts[rows, of.key] * of.rival[:, None]
    astray = counts[:, :-1] * of.allowed[:, :, None] * of.rival[:, None, None]
    shares = nominal.log_probabilities(of.shape, eta, of.allowed)
    out[:, nested[:, None], nested] = nominal.curvature(of.shape, eta, astray, shares, of.allowed)
    columns = np.empty((n, 5), dtype=np.int64)  # of η, d, α, logit c, logit u of the keyed answer
    columns[:, 0], columns[:, 1], columns[:, 2:] = 0, of.key, (K, K + 1, K + 2)
    out[rows[:, None, None], columns[:, :, None], columns[:, None, :]] += _keyed_curvature(of, eta, astray.sum(axis=1), right)
    return out


def _keyed_curvature(of: Parts, eta: Floats, wrong: Floats, right: Floats) -> Floats:
    """Return the curvature by (η, d, α, logit c, logit u) (n, 5, 5, Q) of the keyed answer's curve at x = α η + d."""
    inner = asymptotes.binary_curvature(of.curve, wrong, right)
    by_x = asymptotes.log_slopes(of.curve)[:, 0]
    through = (np.broadcast_to(of.slope, eta.shape), np.ones_like(eta), eta)
    out = np.empty((len(eta), 5, 5, eta.shape[1]))
    out[:, 3:, 3:] = inner[:, 1:, 1:]
    for i, outer in enumerate(through):
        for j, other in enumerate(through):
            out[:, i, j] = outer * other * inner[:, 0, 0]
        out[:, i, 3:] = out[:, 3:, i] = outer[:, None] * inner[:, 0, 1:]
    bend = wrong * by_x[:, 0] + right * by_x[:, 1]
    out[:, 0, 2] -= bend
    out[:, 2, 0] -= bend
    return out


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at linear predictors (P, n)."""
    of, rows = _parts(shape, eta.T, allowed), np.arange(len(allowed))
    (wrong, right), (_, by_x), (_, bend) = asymptotes.answer_curves(of.curve)
    a = of.slope.T
    p, p1, p2 = right.T, a * by_x.T, a**2 * bend.T
    w, w1, w2 = wrong.T[..., None], -p1[..., None], -p2[..., None]
    s, s1, s2 = nominal.person_curves(of.shape, eta, of.allowed)
    steps = ((p, w * s), (p1, w1 * s + w * s1), (p2, w2 * s + 2 * w1 * s1 + w * s2))
    out = []
    for (keyed, distractors), certain in zip(steps, (1.0, 0.0, 0.0), strict=True):
        table = np.zeros((*eta.shape, allowed.shape[1]))
        table[..., :-1] = distractors * (of.allowed & of.rival[:, None])
        table[:, rows, of.key] = np.where(of.rival, keyed, certain)
        out.append(table)
    return out[0], out[1], out[2]
