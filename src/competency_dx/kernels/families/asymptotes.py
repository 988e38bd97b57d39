"""Dichotomous family with a lower and an upper asymptote: 3PL and 4PL, all items at once.

P(X = 1 | η) = c + (u - c) / (1 + exp(-(η + e_1)))      (Birnbaum 1968, in Lord & Novick, chapters 17-20;
with u: Barton & Lord 1981, doi:10.1002/j.2333-8504.1981.tb01255.x)

The table `shape` (n, S) holds e_1 … e_{K-1}, of which e_1 is used, then the extras logit c and logit u. Without the second extra,
or where it is +inf, u = 1 exactly (3PL); logit c = -inf is c = 0 exactly. Categories are 0 and 1; a wider table (K > 2) is
for tests of mixed formats. Probabilities are sums of positive terms, c g' + u g with g' = 1 - g, so both tails keep their digits.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from competency_dx.arrays import Bools, Floats
from competency_dx.kernels.families import FLOOR

TINY = float(np.exp(FLOOR))


class Curve(NamedTuple):
    """Curves of right answers and their parts: g = expit(x) and 1 - g of any shape, the asymptotes' c, 1 - c, u, 1 - u."""

    g: Floats
    below: Floats
    c: Floats
    above_c: Floats
    u: Floats
    above_u: Floats

    @property
    def right(self) -> Floats:
        """P(X = 1)."""
        return np.maximum(self.c * self.below + self.u * self.g, TINY)

    @property
    def wrong(self) -> Floats:
        """P(X = 0)."""
        return np.maximum(self.above_c * self.below + self.above_u * self.g, TINY)


def curve(x: Floats, lower: Floats, upper: Floats) -> Curve:
    """Return the curves at logits x; `lower` = logit c and `upper` = logit u broadcast to them."""
    return Curve(expit(x), expit(-x), expit(lower), expit(-lower), expit(upper), expit(-upper))


def slopes(of: Curve) -> tuple[Floats, Floats, Floats]:
    """Return ∂P(X = 1) / ∂ (x, logit c, logit u)."""
    return (of.u - of.c) * of.g * of.below, of.c * of.above_c * of.below, of.u * of.above_u * of.g


def log_slopes(of: Curve) -> Floats:
    """Return ∂ log P(X = k) / ∂ (x, logit c, logit u) (n, 3, 2, Q) for curves (n, Q)."""
    likely, unlikely = of.right, -of.wrong
    out = np.empty((len(likely), 3, 2, likely.shape[1]))
    for i, by in enumerate(slopes(of)):
        np.divide(by, unlikely, out=out[:, i, 0])
        np.divide(by, likely, out=out[:, i, 1])
    return out


def binary_curvature(of: Curve, wrong: Floats, right: Floats) -> Floats:
    """Return -Σ_k counts_k ∂² log P_k / ∂ (x, logit c, logit u)² (n, 3, 3, Q) for counts (n, Q) of either answer.

    With s the slopes of P = P(X = 1) and s' theirs, it is right (s sᵀ / P² - s' / P) + wrong (s sᵀ / (1 - P)² + s' / (1 - P)).
    """
    by, likely, unlikely = log_slopes(of), of.right, of.wrong
    out = np.zeros((len(likely), 3, 3, likely.shape[1]))
    for (i, j), bend in _bends(of).items():
        of_right = by[:, i, 1] * by[:, j, 1] - bend / likely
        of_wrong = by[:, i, 0] * by[:, j, 0] + bend / unlikely
        out[:, i, j] = out[:, j, i] = right * of_right + wrong * of_wrong
    return out


def _bends(of: Curve) -> dict[tuple[int, int], Floats]:
    """Return ∂²P(X = 1) / ∂ (x, logit c, logit u)², upper triangle."""
    by_x, by_c, by_u = slopes(of)
    return {
        (0, 0): by_x * (of.below - of.g),
        (0, 1): -by_c * of.g,
        (0, 2): by_u * of.below,
        (1, 1): by_c * (of.above_c - of.c),
        (1, 2): np.zeros_like(by_x),
        (2, 2): by_u * (of.above_u - of.u),
    }


def _curve(shape: Floats, eta: Floats, allowed: Bools) -> Curve:
    """Return the curves (n, Q) of items with shape parameters (n, S)."""
    first = allowed.shape[1] - 1
    upper = shape[:, first + 1, None] if shape.shape[1] > first + 1 else np.full((len(shape), 1), np.inf)
    return curve(eta + shape[:, :1], shape[:, first, None], upper)


def _open(allowed: Bools) -> Bools:
    """Return which items admit both answers (n,): the probability of an only answer is 1, whatever the parameters."""
    return np.asarray(allowed[:, 0] & allowed[:, 1])


def log_probabilities(shape: Floats, eta: Floats, allowed: Bools) -> Floats:
    """Return log P (n, K, Q) for shape parameters (n, S) at linear predictors (n, Q)."""
    of, both = _curve(shape, eta, allowed), _open(allowed)
    out = np.full((*allowed.shape, eta.shape[1]), FLOOR)
    np.log(of.wrong, out=out[:, 0])
    np.log(of.right, out=out[:, 1])
    if not both.all():
        out[~both] = np.where(allowed[~both], 0.0, FLOOR)[:, :, None]
    return out


def derivatives(shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return ∂ log P_k / ∂ (η, shape) (n, 1 + S, K, Q); e_1 acts as η does."""
    n, K = allowed.shape
    out = np.zeros((n, 1 + shape.shape[1], K, eta.shape[1]))
    by = log_slopes(_curve(shape, eta, allowed)) * _open(allowed)[:, None, None, None]
    for f, part in _used(shape, K):
        out[:, f, :2] = by[:, part]
    return out


def _used(shape: Floats, K: int) -> list[tuple[int, int]]:
    """Return pairs of a column of (η, shape) and the parameter of the curve (x, logit c, logit u) that it moves."""
    return [(0, 0), (1, 0), (K, 1), (K + 1, 2)][: 3 if shape.shape[1] <= K else 4]


def curvature(shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:  # noqa: ARG001 - protocol
    """Return -Σ_k counts_k ∂² log P_k / ∂ (η, shape)² (n, 1 + S, 1 + S, Q) for expected counts (n, K, Q)."""
    n, K = allowed.shape
    F, used = 1 + shape.shape[1], _used(shape, K)
    out = np.zeros((n, F, F, eta.shape[1]))
    both = _open(allowed)[:, None]
    bend = binary_curvature(_curve(shape, eta, allowed), counts[:, 0] * both, counts[:, 1] * both)
    for f, i in used:
        for g, j in used:
            out[:, f, g] = bend[:, i, j]
    return out


def person_curves(shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at linear predictors (P, n)."""
    tables = tuple(np.zeros((*eta.shape, allowed.shape[1])) for _ in range(3))
    for table, (wrong, right) in zip(tables, answer_curves(_curve(shape, eta.T, allowed)), strict=True):
        table[..., 0], table[..., 1] = wrong.T, right.T
    closed = ~_open(allowed)
    for table, only in zip(tables, (allowed[closed], 0.0, 0.0), strict=True):
        table[:, closed] = only
    return tables[0], tables[1], tables[2]


def answer_curves(of: Curve) -> tuple[tuple[Floats, Floats], ...]:
    """Return P, P' and P'' by x, each of the wrong and of the right answer, as the curves are laid out."""
    by_x = slopes(of)[0]
    bend = by_x * (of.below - of.g)
    return (of.wrong, of.right), (-by_x, by_x), (-bend, bend)
