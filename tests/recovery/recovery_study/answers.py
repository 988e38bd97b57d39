"""True items of every family and answers to them, written without the package's own curves and simulate().

One letter per axis: P persons, I items, K categories. The parameters of an item go by the names a calibration gives them:
a, d (d1 … of several steps), logit_c, logit_u, t1 …, a1 ….
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

Floats = NDArray[np.float64]
SLOPED = frozenset({"2PL", "3PL", "4PL", "GPCM", "GRM"})
SCALED_BY_VARIANCE = frozenset({"Rasch", "PCM", "RSM"})


class ItemSet(NamedTuple):
    """I items of one family: slopes a (I,), intercepts d (I, S) and further shape parameters (I,) by name."""

    family: str
    a: Floats
    d: Floats
    extra: Mapping[str, Floats] = {}


def probabilities(items: ItemSet, theta: Floats) -> Floats:
    """Return P(X = k | θ) (P, I, K) at abilities (P,)."""
    eta, d, extra = items.a * theta[:, None], items.d, items.extra
    if items.family == "GRM":
        above = expit(eta[:, :, None] + d)
        return -np.diff(np.pad(above, ((0, 0), (0, 0), (1, 1)), constant_values=((0, 0), (0, 0), (1, 0))), axis=2)
    if items.family in {"PCM", "GPCM"}:
        return _shares(eta[:, :, None] * _scores(d) + np.cumsum(d, axis=1))
    if items.family == "RSM":
        t = np.pad(_columns(extra, "t", len(extra)), ((0, 0), (0, 1)))
        return _shares((eta + d[:, 0])[:, :, None] * _scores(t) + t)
    if items.family == "NRM":
        return _shares(theta[:, None, None] * _columns(extra, "a", d.shape[1]) + d)
    if items.family == "2PLNRM":
        key = expit(extra["a"] * theta[:, None] + d[:, -1])[:, :, None]
        rest = _shares(theta[:, None, None] * _columns(extra, "a", d.shape[1] - 1) + d[:, :-1])
        return np.concatenate([(1 - key) * rest, key], axis=2)
    c, u = expit(extra.get("logit_c", np.full(1, -np.inf))), expit(extra.get("logit_u", np.full(1, np.inf)))
    right = (c + (u - c) * expit(eta + d[:, 0]))[:, :, None]
    return np.concatenate([1 - right, right], axis=2)


def _scores(d: Floats) -> Floats:
    """Return 1 … K - 1."""
    return np.arange(1.0, d.shape[1] + 1)


def _shares(z: Floats) -> Floats:
    """Return softmax over categories of z (P, I, K - 1), the lowest category having 0."""
    return np.asarray(softmax(np.pad(z, ((0, 0), (0, 0), (1, 0))), axis=2))


def _columns(extra: Mapping[str, Floats], letter: str, n: int) -> Floats:
    return np.stack([extra[f"{letter}{k}"] for k in range(1, n + 1)], axis=1)


def drawn(items: ItemSet, theta: Floats, rng: np.random.Generator) -> Floats:
    """Return answers (P, I) at abilities (P,)."""
    below = probabilities(items, theta).cumsum(axis=2)[:, :, :-1]
    return np.asarray((rng.random((*below.shape[:2], 1)) > below).sum(axis=2), dtype=float)


def truths(items: ItemSet, ids: Sequence[str]) -> dict[str, float]:
    """Return the free parameters of the items by the names a calibration gives them."""
    out: dict[str, float] = {}
    single = items.d.shape[1] == 1 and items.family != "RSM"
    for i, item in enumerate(ids):
        if items.family in SLOPED or (items.family == "1PL" and i == 0):
            out[f"{item}.a"] = float(items.a[i])
        out |= {f"{item}.d" if single else f"{item}.d{s + 1}": float(x) for s, x in enumerate(items.d[i])}
        if items.family != "RSM" or i == 0:
            out |= {f"{item}.{name}": float(x[i]) for name, x in items.extra.items()}
    return out


def item_set(family: str, n: int) -> ItemSet:
    """Return `n` items as in real tests: difficulties on ±2 (±1.2 of several steps), slopes 0.7 to 1.7."""
    a = spread(0.7, 1.7, n, 7) if family in SLOPED | {"NRM", "2PLNRM"} else np.full(n, 1.2 if family == "1PL" else 1.0)
    b = np.linspace(-2.0, 2.0, n) if family in {"Rasch", "1PL", "2PL", "3PL", "4PL"} else np.linspace(-1.2, 1.2, n)
    one = np.ones(n)
    if family in {"PCM", "GPCM", "GRM"}:
        return ItemSet(family, a, -a[:, None] * (b[:, None] + np.array([-0.9, 0.0, 0.9])))
    if family == "RSM":
        return ItemSet(family, a, -b[:, None], {"t1": 0.9 * one, "t2": 0.9 * one})
    if family == "NRM":
        d = np.stack([0.5 - 0.3 * b, 0.6 - 0.8 * b, 0.2 - 1.2 * b], axis=1)
        return ItemSet(family, one, d, {"a1": 0.5 * a, "a2": 1.0 * a, "a3": 1.5 * a})
    if family == "2PLNRM":
        d = np.stack([spread(-0.5, 0.5, n, 3), spread(-0.4, 0.4, n, 9), -a * b], axis=1)
        return ItemSet(family, one, d, {"a": a, "a1": spread(-0.8, 0.2, n, 3), "a2": spread(-0.2, 0.6, n, 11)})
    extra = {}
    if family in {"3PL", "4PL"}:
        extra["logit_c"] = logit(spread(0.12, 0.28, n, 3))
    if family == "4PL":
        extra["logit_u"] = logit(spread(0.90, 0.97, n, 9))
    return ItemSet(family, a, -(a * b)[:, None], extra)


def spread(low: float, high: float, n: int, stride: int) -> Floats:
    """Return `n` evenly spaced values in an order that has little to do with the order of the items."""
    return np.linspace(low, high, n)[np.argsort(np.arange(n) * stride % n, kind="stable")]


def logit(p: Floats) -> Floats:
    """Return log(p / (1 - p))."""
    return np.asarray(np.log(p / (1 - p)))
