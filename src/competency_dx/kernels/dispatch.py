"""Evaluating a test of mixed families: each kernel gets all its items at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.item_kernel import ItemKernel


class KernelGroup(NamedTuple):
    """A kernel and the positions of its items."""

    kernel: ItemKernel
    items: Ints


Groups = tuple[KernelGroup, ...]


def log_probabilities(groups: Groups, beta: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return log P (I, K, Q) for parameters (I, K)."""
    return _merged(groups, lambda g: g.kernel.log_probabilities(beta[g.items], theta, allowed[g.items]))


def derivatives(groups: Groups, beta: Floats, log_prob: Floats, theta: Floats, allowed: Bools) -> Floats:
    """Return ∂ log P / ∂ beta (I, F, K, Q)."""
    return _merged(groups, lambda g: g.kernel.derivatives(beta[g.items], log_prob[g.items], theta, allowed[g.items]))


def information(
    groups: Groups, beta: Floats, counts: Floats, log_prob: Floats, theta: Floats, allowed: Bools
) -> Floats:
    """Return the complete-data information (I, F, F) for expected counts (I, K, Q)."""
    return _merged(
        groups,
        lambda g: g.kernel.information(beta[g.items], counts[g.items], log_prob[g.items], theta, allowed[g.items]),
    )


def person_curves(groups: Groups, beta: Floats, theta: Floats, allowed: Bools) -> tuple[Floats, Floats, Floats]:
    """Return P, P' and P'' (P, I, K) at one θ per person."""
    parts = [g.kernel.person_curves(beta[g.items], theta, allowed[g.items]) for g in groups]
    if len(groups) == 1:
        return parts[0]
    out = tuple(np.empty((len(theta), *beta.shape)) for _ in range(3))
    for g, part in zip(groups, parts, strict=True):
        for whole, piece in zip(out, part, strict=True):
            whole[:, g.items] = piece
    return out[0], out[1], out[2]


def _merged(groups: Groups, evaluate: Callable[[KernelGroup], Floats]) -> Floats:
    if len(groups) == 1:
        return evaluate(groups[0])
    parts = [evaluate(g) for g in groups]
    out = np.empty((sum(len(g.items) for g in groups), *parts[0].shape[1:]))
    for g, part in zip(groups, parts, strict=True):
        out[g.items] = part
    return out
