"""Evaluating a test of mixed families, each kernel with all its items at once; and what a family's kernel file offers.

An item is a response model of its linear predictor η = Σ_d a_d θ_d and of shape parameters. For n items of one family with
K categories at most, `shape` (n, S) holds the intercepts e_1 … e_{K-1} in columns 0 … K-2 and whatever else the family
needs (asymptotes, category slopes, common thresholds) in the extra columns from K-1 on; a column that a family does not
use has zero derivatives. `eta` is (n, Q), `allowed` (n, K) marks the categories the model admits, tables are (n, K, Q).
Item parameters `beta` (I, D + S) are slopes a_1 … a_D and the shape parameters; points `theta` are (Q,) for one dimension or (Q, D).
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints

FLOOR = -700.0  # log-probability of a category that cannot occur: finite, so that 0 times it is 0


class ItemKernel(Protocol):
    """The functions of a kernel file."""

    def log_probabilities(self, shape: Floats, eta: Floats, allowed: Bools) -> Floats:
        """Return log P(X = k | η) (n, K, Q)."""

    def derivatives(self, shape: Floats, eta: Floats, log_prob: Floats, allowed: Bools) -> Floats:
        """Return ∂ log P(X = k | η) / ∂ (η, shape) (n, 1 + S, K, Q)."""

    def curvature(self, shape: Floats, eta: Floats, counts: Floats, log_prob: Floats, allowed: Bools) -> Floats:
        """Return -∂² Σ_k counts log P_k / ∂ (η, shape)² (n, 1 + S, 1 + S, Q) for expected counts (n, K, Q)."""

    def person_curves(self, shape: Floats, eta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
        """Return P, ∂P/∂η and ∂²P/∂η² (P, n, K) at predictors (P, n)."""


class KernelGroup(NamedTuple):
    """A kernel and the positions of its items."""

    kernel: ItemKernel
    items: Ints


Groups = tuple[KernelGroup, ...]


def restricted(groups: Groups, chosen: Bools) -> Groups:
    """Return the groups of the chosen items (I,) alone, at their positions among themselves."""
    place = np.cumsum(chosen) - 1
    some = (KernelGroup(g.kernel, place[g.items[chosen[g.items]]]) for g in groups)
    return tuple(g for g in some if len(g.items))


def points(theta: Floats) -> Floats:
    """Return points as (Q, D)."""
    return theta[:, None] if theta.ndim == 1 else theta


def predictors(beta: Floats, theta: Floats) -> Floats:
    """Return η = Σ_d a_d θ_d (I, Q)."""
    at = points(theta)
    return np.asarray(beta[:, : at.shape[1]] @ at.T)


def log_probabilities(groups: Groups, beta: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return log P (I, K, Q)."""
    eta, shape = predictors(beta, theta), _shape(beta, theta)
    return _merged(groups, lambda g: g.kernel.log_probabilities(shape[g.items], eta[g.items], allowed[g.items]))


def derivatives(groups: Groups, beta: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return ∂ log P / ∂ beta (I, D + S, K, Q)."""
    eta, shape = predictors(beta, theta), _shape(beta, theta)
    by_eta = _merged(groups, lambda g: g.kernel.derivatives(shape[g.items], eta[g.items], log_prob[g.items], allowed[g.items]))
    return np.concatenate([by_eta[:, :1] * points(theta).T[:, None, :], by_eta[:, 1:]], axis=1)


def scoring_step(groups: Groups, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats, free: Bools) -> tuple[Floats, Floats]:
    """Return gradient (I, F) and Fisher information (I, F, F) of Σ counts log P for expected counts (I, K, Q)."""
    by_beta = derivatives(groups, beta, log_prob, theta, free).reshape(*beta.shape, -1)
    expected = (counts.sum(axis=1, keepdims=True) * np.exp(log_prob)).reshape(len(beta), 1, -1)
    return (by_beta @ counts.reshape(len(beta), -1, 1))[:, :, 0], (by_beta * expected) @ by_beta.transpose(0, 2, 1)


def gradients(groups: Groups, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return the gradient (I, F) of Σ counts log P for expected counts (I, K, Q)."""
    eta, shape = predictors(beta, theta), _shape(beta, theta)
    by_eta = _merged(groups, lambda g: g.kernel.derivatives(shape[g.items], eta[g.items], log_prob[g.items], allowed[g.items]))
    by_point = np.einsum("nskq,nkq->nsq", by_eta, counts)
    return np.concatenate([by_point[:, 0] @ points(theta), by_point[:, 1:].sum(axis=2)], axis=1)


def information(groups: Groups, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return the complete-data information (I, F, F), observed, for expected counts (I, K, Q)."""
    eta, shape, n, at = predictors(beta, theta), _shape(beta, theta), counts, points(theta)
    bend = _merged(groups, lambda g: g.kernel.curvature(shape[g.items], eta[g.items], n[g.items], log_prob[g.items], allowed[g.items]))
    D = at.shape[1]
    out = np.empty((*beta.shape, beta.shape[1]))
    out[:, :D, :D] = (bend[:, 0, 0, None, :] * at.T) @ at
    out[:, D:, :D] = bend[:, 0, 1:] @ at
    out[:, :D, D:] = out[:, D:, :D].transpose(0, 2, 1)
    out[:, D:, D:] = bend[:, 1:, 1:].sum(axis=3)
    return out


def person_curves(groups: Groups, beta: Floats, theta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, P' and P'' (P, I, K) by θ at one θ (P,) per person, in one dimension."""
    prob, first, second = predictor_curves(groups, beta, theta, allowed)
    a = beta[:, :1]
    return prob, a * first, a**2 * second


def predictor_curves(groups: Groups, beta: Floats, theta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P and its first and second derivatives by η (P, I, K) at one θ (P,) or (P, D) per person."""
    eta, shape = np.ascontiguousarray(predictors(beta, theta).T), _shape(beta, theta)
    parts = [g.kernel.person_curves(shape[g.items], eta[:, g.items], allowed[g.items]) for g in groups]
    if len(groups) == 1:
        return parts[0]
    out = tuple(np.empty((len(eta), *allowed.shape)) for _ in range(3))
    for g, part in zip(groups, parts, strict=True):
        for whole, piece in zip(out, part, strict=True):
            whole[:, g.items] = piece
    return out[0], out[1], out[2]


def _shape(beta: Floats, theta: Floats) -> Floats:
    return beta[:, points(theta).shape[1] :]


def _merged(groups: Groups, evaluate: Callable[[KernelGroup], Floats]) -> Floats:
    if len(groups) == 1:
        return evaluate(groups[0])
    parts = [evaluate(g) for g in groups]
    out = np.empty((sum(len(g.items) for g in groups), *parts[0].shape[1:]))
    for g, part in zip(groups, parts, strict=True):
        out[g.items] = part
    return out
