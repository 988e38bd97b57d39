"""One general and S specific dimensions, each item measuring the general and at most one specific one: dimension reduction.

Given the general dimension the specific ones are independent, so the integral over 1 + S dimensions is a chain of sums over two:

L_p = Σ_θ w(θ) Π_s { Σ_η w_s(η) Π_{i in s} P(x_pi | θ, η) }      (Gibbons & Hedeker 1992, doi:10.1007/BF02295430;
several populations: Cai, Yang & Hansen 2011, doi:10.1037/a0023350)

Points are pairs (θ, η) of two uniform axes, θ before η; tables of items are (I, K, Q A) for Q points θ and A points η.
"""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, taken
from competency_dx.kernels.grid import REACH, Expected, JointTerms, added, indicators, joined, normalise
from competency_dx.kernels.grid.by_dimension import Design, bare_terms
from competency_dx.kernels.grid.product import block_size

MOST_POINTS = 401


class Axes(NamedTuple):
    """Points of the general axis (Q,) and of the specific ones (A,), and the SD of the narrowest population on each."""

    general: Floats
    specific: Floats
    unit: tuple[float, float]

    @property
    def points(self) -> Floats:
        """Return all pairs (Q A, 2)."""
        return np.stack(np.meshgrid(self.general, self.specific, indexing="ij"), axis=-1).reshape(-1, 2)

    @property
    def spacing(self) -> float:
        """Return the larger spacing, in SD of the narrowest population on its axis."""
        steps = (self.general[1] - self.general[0], self.specific[1] - self.specific[0])
        return float(max(h / sd for h, sd in zip(steps, self.unit, strict=True)))


class IndependentNormals(NamedTuple):
    """Independent normals: `mean` of the general one (P,), `variance` (G, 1 + S), `group` (P,); one entry is for everybody."""

    mean: Floats
    variance: Floats
    group: Ints

    def take(self, persons: Ints | slice) -> IndependentNormals:
        """Return the populations of some of the persons."""
        return self if len(self.group) == 1 else self._replace(mean=self.mean[persons], group=self.group[persons])


class BifactorTerms(NamedTuple):
    """What blocks share: axes, terms of each testlet (Q A points), of items without one (Q points), log weights (G, S, A)."""

    axes: Axes
    testlets: tuple[JointTerms, ...]
    alone: JointTerms | None
    specific: Floats


class Reduced(NamedTuple):
    """Posteriors of a block: log evidence (p,), general (p, Q), specific given general (p, Q, A) for each testlet."""

    evidence: Floats
    general: Floats
    given: tuple[Floats, ...]


def axes(points: int, populations: IndependentNormals) -> Axes:
    """Return axes with `points` to ±6 SD of the narrowest population, reaching 6 SD beyond all."""
    sd = np.sqrt(populations.variance)
    mean = populations.mean
    reach = REACH * sd[:, 0].max()
    general = _axis(mean.min() - reach, mean.max() + reach, sd[:, 0].min(), points)
    reach = REACH * sd[:, 1:].max()
    return Axes(general, _axis(-reach, reach, sd[:, 1:].min(), points), (float(sd[:, 0].min()), float(sd[:, 1:].min())))


def _axis(low: float, high: float, sd: float, points: int) -> Floats:
    spacing = 2 * REACH * sd / (points - 1)
    return np.linspace(low, high, min(round((high - low) / spacing) + 1, MOST_POINTS))


def log_normal(at: Floats, mean: Floats, variance: Floats) -> Floats:
    """Return log weights of uniform points (Q,) under normal densities (n,), shape (n, Q)."""
    z = (at - mean[:, None]) ** 2 / variance[:, None]
    return np.asarray(-0.5 * (z + np.log(2 * np.pi * variance)[:, None]) + np.log(at[1] - at[0]))


def bifactor_terms(design: Design, axes_: Axes, log_prob: Floats, populations: IndependentNormals) -> BifactorTerms:
    """Return the terms of the log joint; the last part of the design holds the items that measure no specific dimension."""
    A, kind = len(axes_.specific), log_prob.dtype
    *parts, alone = zip(design.answers, design.items, strict=True)
    terms = tuple(bare_terms(part, log_prob[items]) for part, items in parts)
    rest = bare_terms(alone[0], log_prob[alone[1]][:, :, ::A]) if len(alone[1]) else None
    weights = np.stack([log_normal(axes_.specific, np.zeros(len(parts)), v[1:]) for v in populations.variance])
    return BifactorTerms(axes_, terms, rest, weights.astype(kind))


def bifactor_e_step(
    design: Design, axes_: Axes, log_prob: Floats, populations: IndependentNormals, *, executor: Executor | None = None
) -> Expected:
    """Return log L, counts and moments in the precision of tables (I, K, Q A); the design's last part has the general one alone."""
    terms = bifactor_terms(design, axes_, log_prob, populations)
    size = block_size(log_prob.shape[2] * max(1, len(terms.testlets) // 2))
    return added(map_pieces(partial(_block_statistics, terms), taken(design.persons, size, design, populations), executor=executor))


def reduced(terms: BifactorTerms, design: Design, populations: IndependentNormals) -> Reduced:
    """Return the posteriors of a block of persons."""
    Q, A, kind = len(terms.axes.general), len(terms.axes.specific), terms.specific.dtype
    p = design.persons
    total = np.zeros((p, Q), dtype=kind)
    total += log_normal(terms.axes.general, populations.mean, populations.variance[populations.group, 0])
    given = []
    for s, term in enumerate(terms.testlets):
        joint = joined(*indicators(design.answers[s], slice(None), kind), term).reshape(p, Q, A)
        joint += terms.specific[populations.group, s][:, None]
        evidence, posterior = normalise(joint.reshape(-1, A))
        total += evidence.reshape(p, Q)
        given.append(posterior.reshape(p, Q, A))
    if terms.alone is not None:
        total += joined(*indicators(design.answers[-1], slice(None), kind), terms.alone)
    return Reduced(*normalise(total), tuple(given))


def _block_statistics(terms: BifactorTerms, piece: tuple[Design, IndependentNormals]) -> Expected:
    """Return the statistics of one block, its `narrowest` a variance."""
    design, populations = piece
    found = reduced(terms, design, populations)
    mean, variance, narrowest = _moments(terms.axes, found)
    weight = np.ones(design.persons) if design.weight is None else design.weight
    general = found.general * weight[:, None].astype(found.general.dtype)
    Q, A = general.shape[1], len(terms.axes.specific)
    upper, totals = np.empty((sum(map(len, design.columns)), Q * A)), np.empty((sum(map(len, design.items)), Q * A))
    prior = np.exp(terms.specific[0, 0].astype(np.float64))
    prior /= prior.sum()
    whole = (general[:, :, None] * given for given in found.given)
    for s, part in enumerate(design.answers):
        alone = s == len(found.given)
        joint = general if alone else next(whole).reshape(len(general), -1)
        Z, absent = indicators(part, slice(None), joint.dtype)
        nodes = joint.sum(axis=0, dtype=np.float64)
        own = np.broadcast_to(nodes, (len(design.items[s]), len(nodes))) if absent is None else nodes - absent.T @ joint
        above = (Z.T @ joint).astype(np.float64)
        upper[design.columns[s]] = np.kron(above, prior) if alone else above
        totals[design.items[s]] = np.kron(own, prior) if alone else own
    likelihood = float((found.evidence * weight).sum(dtype=np.float64))
    return Expected(likelihood, upper, totals, general.sum(axis=0), mean, variance, narrowest)


def _moments(axes_: Axes, found: Reduced) -> tuple[Floats, Floats, float]:
    """Return posterior means, variances (p, 1 + S), and the least variance along axes, sums and differences: the dual of the grid."""
    general = found.general.astype(np.float64)
    theta, eta = axes_.general, axes_.specific.astype(np.float64)
    means, variances, least = [general @ theta], [], []
    variances.append(((theta - means[0][:, None]) ** 2 * general).sum(axis=1))
    least.append(variances[0] / axes_.unit[0] ** 2)
    line = np.broadcast_to(theta / axes_.unit[0], general.shape)
    every, spread = line, np.zeros(len(general))
    for given in found.given:
        first, second = (given @ np.stack([eta, eta**2], axis=1).astype(given.dtype)).astype(np.float64).transpose(2, 0, 1)
        within = ((second - first**2) * general).sum(axis=1)
        means.append((first * general).sum(axis=1))
        variances.append(_variance(first, general) + within)
        conditional, rest = first / axes_.unit[1], within / axes_.unit[1] ** 2
        least += [_variance(x, general) + rest for x in (conditional, line + conditional, line - conditional)]
        every, spread = every + conditional, spread + rest
    least.append(_variance(every, general) + spread)
    return np.stack(means, axis=1), np.stack(variances, axis=1), float(min(x.min() for x in least))


def _variance(values: Floats, posterior: Floats) -> Floats:
    """Return the variance (p,) of values (p, Q) under posteriors (p, Q)."""
    return np.asarray(((values - (values * posterior).sum(axis=1)[:, None]) ** 2 * posterior).sum(axis=1))
