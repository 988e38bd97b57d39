"""One general and S specific dimensions, each item measuring the general and at most one specific one: dimension reduction.

Given the general dimension the specific ones are independent, so the integral over 1 + S dimensions is a chain of sums over two:

L_p = Σ_θ w(θ) Π_s { Σ_η w_s(η) Π_{i in s} P(x_pi | θ, η) }      (Gibbons & Hedeker 1992, doi:10.1007/BF02295430;
several populations: Cai, Yang & Hansen 2011, doi:10.1037/a0023350)

Points are pairs (θ, η) of two uniform axes, θ before η; tables of items are (I, K, Q A) for Q points θ and A points η.

For the same reason the complete-data score S = Σ_s S_s(θ, η_s) of a person has

Cov[S | x] = Σ_s E{Cov[S_s | θ, x] | x} + Cov{Σ_s m_s(θ) | x},   m_s(θ) = E[S_s | θ, x],

which is all Louis' identity needs (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x): parameters of two testlets, and pairs of
general and specific slopes, meet in sums over one and two dimensions.
"""

from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, taken
from competency_dx.kernels.grid import REACH, Design, Expected, JointTerms, added, bare_terms, indicators, joined, normalise
from competency_dx.kernels.grid.louis import Depth, by_pattern, pairs, size
from competency_dx.kernels.grid.product import ItemTables, block_size

MOST_POINTS = 401
BLOCK = 32
Singles = NDArray[np.float32]
Parts = list[tuple[Ints, Floats]]  # of a matrix: the parameters they concern, and what is added there


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

    def take(self, persons: Ints | slice) -> "IndependentNormals":
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
    sd, mean = np.sqrt(populations.variance), populations.mean
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


class _TestletFrame(NamedTuple):
    """Shared by blocks: of each part its parameters (F_s,), and `rows` (F_s (K + 1), Q A) by answer, scores of variances, zeros."""

    terms: BifactorTerms
    place: tuple[Ints, ...]
    owner: tuple[Ints, ...]
    rows: tuple[Singles, ...]
    width: int
    N: int


def bifactor_missing_information(
    design: Design, axes: Axes, tables: ItemTables, populations: IndependentNormals, *, depth: Depth, executor: Executor | None
) -> Floats:
    """Return Σ_p Cov[S_p | x_p] (N + H, N + H) of N item parameters and H of the populations."""
    order = by_pattern(design.answers, depth)
    frame = _frame(design, axes, tables, populations)
    out = np.zeros((frame.N + size(design.regressors.shape[1], *populations.variance.shape),) * 2)
    for parts in map_pieces(partial(_block_information, frame), taken(order, BLOCK, design, populations), executor=executor):
        for place, part in parts:
            out[np.ix_(place, place)] += part
    return np.asarray(out * (design.persons / len(order)))


def bifactor_person_scores(
    design: Design, axes: Axes, tables: ItemTables, populations: IndependentNormals, *, executor: Executor | None = None
) -> Floats:
    """Return the gradient of each person's log-likelihood (P, N + H), case weights left aside."""
    frame = _frame(design, axes, tables, populations)
    chosen = taken(design.persons, BLOCK, design, populations)
    return np.concatenate(list(map_pieces(partial(_block_means, frame), chosen, executor=executor)))


def _frame(design: Design, axes: Axes, tables: ItemTables, populations: IndependentNormals) -> _TestletFrame:
    """Return what blocks share."""
    terms = bifactor_terms(design, axes, tables.log_prob, populations)
    K, N, _ = tables.derivatives.shape
    place, owner = design.parameters(tables.owner)
    rows = []
    for s, at in enumerate(place):
        table = tables.by_answer(at)
        if s < len(terms.testlets):
            v = populations.variance[:, s + 1, None]
            bent = 0.5 * (axes.specific**2 / v**2 - 1 / v)
            table = np.concatenate([table, np.tile(bent, len(axes.general)), np.zeros((1, table.shape[1]))])
        else:
            table = np.ascontiguousarray(table[:, :: len(axes.specific)])
        rows.append(table.astype(np.float32))
    return _TestletFrame(terms, place, owner, tuple(rows), K + 1, N)


def _block_information(frame: _TestletFrame, piece: tuple[Design, IndependentNormals]) -> Parts:
    """Return the parts that Σ_p Cov[S_p | x_p] of a block is the sum of, with the parameters they concern."""
    weight, (general, given, place, within) = piece[0].weight, _scores(frame, *piece)
    mean = np.einsum("pfq,pq->pf", given, general)
    off = (given - mean[:, :, None]) * np.sqrt(general if weight is None else general * weight[:, None])[:, None]
    flat = off.transpose(1, 0, 2).reshape(off.shape[1], -1)
    return [(place, flat @ flat.T), *within]


def _block_means(frame: _TestletFrame, piece: tuple[Design, IndependentNormals]) -> Floats:
    """Return E[S_p | x_p] (p, N + H)."""
    (design, populations), (general, given, place, _) = piece, _scores(frame, *piece)
    out = np.zeros((len(general), frame.N + size(design.regressors.shape[1], *populations.variance.shape)))
    out[:, place] = np.einsum("pfq,pq->pf", given, general)
    return out


def _scores(frame: _TestletFrame, design: Design, populations: IndependentNormals) -> tuple[Floats, Floats, Ints, Parts]:
    """Return general posteriors (p, Q), E[S | θ] (p, F, Q), its place among all, and Σ E Cov[S | θ] of each testlet, of a block."""
    found = reduced(frame.terms, design, populations)
    p, Q = found.general.shape
    root = np.sqrt(found.general if design.weight is None else found.general * design.weight[:, None]).astype(np.float32)
    linear, place = _general_scores(frame, design, populations)
    given, places, within = [linear], [place], []
    for s, posterior in enumerate(found.given):
        tables, place = _testlet_scores(frame, design, populations, s)
        mass = posterior.astype(np.float32)
        tables = tables.reshape(p, -1, Q, mass.shape[2])
        mean = np.einsum("pfqa,pqa->pfq", tables, mass)
        tables -= mean[..., None]
        tables *= (np.sqrt(mass) * root[:, :, None])[:, None]
        flat = tables.reshape(p, len(place), -1)
        within.append((place, np.matmul(flat, flat.transpose(0, 2, 1)).sum(axis=0, dtype=np.float64)))
        given.append(mean.astype(np.float64))
        places.append(place)
    given.append(frame.rows[-1][_rows(frame, design, len(found.given))].astype(np.float64))
    return found.general, np.concatenate(given, axis=1), np.concatenate([*places, frame.place[-1]]), within


def _rows(frame: _TestletFrame, design: Design, s: int) -> Ints:
    """Return the rows of scores (p, F_s) that the answers to one part of the design call for."""
    return np.asarray(np.arange(len(frame.owner[s])) * frame.width + design.answers[s].coded(frame.width - 1)[:, frame.owner[s]])


def _testlet_scores(frame: _TestletFrame, design: Design, populations: IndependentNormals, s: int) -> tuple[Singles, Ints]:
    """Return the scores (p, F_s + G, Q A) of a testlet's items and of its variance in each group, and their place."""
    rows, (G, D), R = _rows(frame, design, s), populations.variance.shape, design.regressors.shape[1]
    first, group = len(frame.owner[s]) * frame.width, np.broadcast_to(populations.group, (len(rows),))
    own = np.where(group[:, None] == np.arange(G), first + np.arange(G), first + G)
    place = np.concatenate([frame.place[s], frame.N + _variance_places(R, G, D)[:, s + 1]])
    return frame.rows[s][np.concatenate([rows, own], axis=1)], place


def _general_scores(frame: _TestletFrame, design: Design, populations: IndependentNormals) -> tuple[Floats, Ints]:
    """Return the scores (p, R + G, Q) of the general dimension's coefficients and variances, and their place."""
    p, R, (G, D) = design.persons, design.regressors.shape[1], populations.variance.shape
    group = np.broadcast_to(populations.group, (p,))
    off = frame.terms.axes.general - np.broadcast_to(populations.mean, (p,))[:, None]
    v = populations.variance[group, 0][:, None]
    bent = (group[:, None] == np.arange(G))[:, :, None] * (0.5 * (off**2 / v**2 - 1 / v))[:, None]
    out = np.concatenate([design.regressors[:, :, None] * (off / v)[:, None], bent], axis=1)
    return out, frame.N + np.concatenate([np.arange(R) * D, _variance_places(R, G, D)[:, 0]])


def _variance_places(R: int, G: int, D: int) -> NDArray[Any]:
    """Return where the variances (G, D) stand among the population parameters."""
    a, b = pairs(D)
    return R * D + np.arange(G)[:, None] * len(a) + np.flatnonzero(a == b)
