"""The E-step as two matrix products per block of persons (design section 3).

For indicator columns Z of the answers, log-likelihood (P, Q) = Z @ log P and expected counts = Zᵀ @ posterior. The
lowest category of every item is taken as base: its column is the observed mask minus the others, and for complete data
its contribution is one row that adds up once.

Support points stand on a uniform grid. For smooth integrands the rectangle rule on it converges geometrically: with spacing h
and a posterior of standard deviation s the error is about 2 exp(-2 π² s²/h²) (Trefethen & Weideman 2014, doi:10.1137/130932132,
sec. 5). At h = s that is 5e-9, at h = 1.5 s 3e-4: `points_needed` keeps h below the narrowest posterior.

Answers taken apart by dimension, where each item measures one.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks, everywhere
from competency_dx.kernels.blocks import even_size, map_pieces
from competency_dx.kernels.families import FLOOR

REACH = 6.0  # SD of the population on either side of its mean
NARROWEST = 0.01  # a posterior narrower than this is a sign of items that repeat one another, not of precision
STRIDE, SOME = 4, 100  # of points and persons of a block, to see which points it meets
NONE = {"d": 1e-13, "f": 1e-8}  # masses that are none beside rounding
SPARE = 4.0
FEW = 0.1  # share of answers given below which sparse products take less time
NOTHING = -80.0  # log of a relative mass that is none: beyond it single precision meets slow subnormal numbers


class Answers(NamedTuple):
    """Answers prepared for matrix products.

    `codes` (P, I) int8 categories, 0 where missing; `observed` (P, I) or None for complete data; `item` and `category` (C,) say
    which answer each column above the base category indicates. `weight` (P,) are case weights, None where all are 1; `normal` (P,
    2) are mean and standard deviation of each person's own normal prior, None where all share the log weights of the tables.
    A row may stand for `weight` persons. Where all slopes are one, the sum of a person's categories says all of θ (Andersen 1977,
    doi:10.1007/BF02293746), and is the only indicator; `tally` (C,) then counts the answers of all persons by column. `given` are
    sparse indicators (P, C), or the sums, and the sparse mask of answers (P, I), where few were given.
    """

    codes: Codes
    observed: Bools | None
    item: Ints
    category: Ints
    weight: Floats | None = None
    normal: Floats | None = None
    tally: Floats | None = None
    given: tuple[Any, Any] | None = None

    def take(self, persons: Ints | slice) -> "Answers":
        """Return the answers of some of the persons."""
        kept = {name: x[persons] for name in ("observed", "weight", "normal") if (x := getattr(self, name)) is not None}
        return self._replace(codes=self.codes[persons], given=self.given and tuple(x[persons] for x in self.given), **kept)

    def coded(self, missing: int) -> Codes:
        """Return the categories (P, I) with a number of its own for a missing answer."""
        return self.codes if self.observed is None else np.where(self.observed, self.codes, np.int8(missing))

    def pieces(self, size: int) -> "Iterator[Answers]":
        """Return the answers in blocks of `size` persons, views of the whole."""
        return map(self.take, blocks(len(self.codes), size))


class Tables(NamedTuple):
    """Item response tables: support points (Q,), log weights (Q,) of the population, log-probabilities (I, K, Q)."""

    theta: Floats
    log_weight: Floats
    log_prob: Floats

    def single(self) -> "Tables":
        """Return the tables in single precision."""
        return Tables(*(x.astype(np.float32) for x in self))  # type: ignore[arg-type]  # the same arrays, narrower


class Expected(NamedTuple):
    """What an E-step leaves.

    Log-likelihood, counts (C, Q) above base, totals (I, Q), weights of the points (Q,), posterior means (P, D), `second` moments and
    the SD of the narrowest posterior. With one dimension and under dimension reduction `second` are the variances (P, D), else
    E[θ_a θ_b], a <= b (P, T); with several dimensions the SD is that along the dual of the grid, in units of its axes.
    """

    log_likelihood: float
    upper: Floats
    totals: Floats
    nodes: Floats
    mean: Floats
    second: Floats
    narrowest: float


def added(parts: Iterable[Expected]) -> Expected:
    """Return the statistics of all persons from those of blocks, in which `narrowest` is a variance, in their order."""
    ll, upper, totals, nodes = 0.0, np.zeros(()), np.zeros(()), np.zeros(())
    rest = []
    for part in parts:
        ll, upper, totals, nodes = ll + part.log_likelihood, upper + part.upper, totals + part.totals, nodes + part.nodes
        rest.append((part.mean, part.second, part.narrowest))
    mean, second, narrowest = zip(*rest, strict=True)
    return Expected(ll, upper, totals, nodes, np.concatenate(mean), np.concatenate(second), float(np.sqrt(max(min(narrowest), 0.0))))


def prepare(codes: Codes, observed: Bools, n_categories: Ints) -> Answers:
    """Return answers with their indicator columns; a fully observed table drops its mask."""
    item = np.repeat(np.arange(len(n_categories)), n_categories - 1)
    category = np.concatenate([np.arange(1, K) for K in n_categories]) if len(n_categories) else np.zeros(0, int)
    return Answers(codes, None if everywhere(observed) else observed, item, category.astype(np.int64))


def indicators(answers: Answers, block: slice, dtype: DTypeLike = np.float64) -> tuple[Any, Any]:
    """Return of a block Z (p, C) above base, or sums (p, 1), and the mask of missing answers (p, I), or a sparse one of those given."""
    if answers.given is not None:
        return answers.given[0][block].astype(dtype), answers.given[1][block].astype(dtype)
    codes = answers.codes[block]
    absent = None if answers.observed is None else (~answers.observed[block]).astype(dtype)
    if answers.tally is not None:
        return codes.sum(axis=1, keepdims=True, dtype=dtype), absent
    if len(answers.item) == codes.shape[1] and (answers.category == 1).all():
        return codes.astype(dtype), absent
    return (np.ascontiguousarray(codes.T)[answers.item] == answers.category[:, None]).astype(dtype).T, absent


def with_sparse(answers: Answers) -> Answers:
    """Return answers with sparse indicators and a sparse mask where few were given."""
    from scipy.sparse import csr_array

    if answers.observed is None or answers.observed.mean() >= FEW:
        return answers
    (row, item), (P, I), C = np.nonzero(answers.observed), answers.codes.shape, len(answers.item)
    code, ones = answers.codes[row, item].astype(np.int64), np.ones(len(row), dtype=np.float32)
    at = np.stack([row, np.searchsorted(answers.item, np.arange(I))[item] + code - 1])[:, code > 0]
    Z = answers.codes.sum(axis=1, keepdims=True) if answers.tally is not None else csr_array((ones[code > 0], at), shape=(P, C))
    return answers._replace(given=(Z, csr_array((ones, (row, item)), shape=(P, I))))


class JointTerms(NamedTuple):
    """What a log joint is made of: log P above base less base (C, Q), the row of complete answers (Q,), base (I, Q).

    `powers` (3, Q) are 1, θ, θ² of the points, for priors of persons' own.
    """

    ratio: Floats
    constant: Floats
    base: Floats
    powers: Floats

    def at(self, points: slice) -> "JointTerms":
        """Return the terms at some of the points."""
        return JointTerms(*(x[..., points] for x in self))


def joint_terms(answers: Answers, tables: Tables) -> JointTerms:
    """Return the terms of the log joint at the given tables."""
    base = tables.log_prob[:, 0]  # of the lowest category
    if answers.tally is None:
        ratio = tables.log_prob[answers.item, answers.category] - base[answers.item]
    else:
        lowest = (tables.log_prob[:, :, len(tables.theta) // 2] > FLOOR).argmax(axis=1)  # that occurs
        ratio, base = tables.theta[None], tables.log_prob[np.arange(len(base)), lowest] - lowest[:, None] * tables.theta
    powers = np.stack([np.ones_like(tables.theta), tables.theta, tables.theta**2])
    return JointTerms(ratio, tables.log_weight + base.sum(axis=0), base, powers)


def joined(Z: Floats, absent: Floats | None, terms: JointTerms) -> Floats:
    """Return log-likelihood plus log weight (p, Q) for indicators Z (p, C) and the mask of missing answers (p, I).

    Missing answers are subtracted from the row that complete answers add up to, so a complete row has the same digits
    whether or not its neighbours are complete. The table lies point by point: sums over points are sums of whole rows.
    Of sparse indicators the mask is that of the answers given, which are added up themselves.
    """
    if absent is not None and not isinstance(absent, np.ndarray):
        return np.asfortranarray(Z @ terms.ratio + absent @ terms.base + (terms.constant - terms.base.sum(axis=0)))
    joint = terms.ratio.T @ Z.T
    joint += terms.constant[:, None]
    if absent is not None:
        joint -= terms.base.T @ absent.T
    return joint.T


def log_joint(answers: Answers, terms: JointTerms, Z: Floats, absent: Floats | None) -> Floats:
    """Return log-likelihood plus log prior (p, Q) of some persons with their indicators, in the precision of the terms."""
    joint = joined(Z, absent, terms)
    if answers.normal is not None:
        joint += prior_coefficients(answers.normal).astype(terms.base.dtype) @ terms.powers
    return joint


def prior_coefficients(normal: Floats) -> Floats:
    """Return the coefficients (p, 3) of 1, θ, θ² in log N(θ; mean, sd²)."""
    mean, precision = normal[:, 0], normal[:, 1] ** -2
    constant = -0.5 * mean**2 * precision - np.log(normal[:, 1]) - 0.5 * np.log(2 * np.pi)
    return np.stack([constant, mean * precision, -0.5 * precision], axis=1)


def normalise(joint: Floats) -> tuple[Floats, Floats]:
    """Turn log joint (p, Q) into posteriors in place; return log of the normalising constants (p,) and posteriors."""
    top = joint.max(axis=1)
    joint -= top[:, None]
    if joint.dtype == np.float32:
        np.maximum(joint, NOTHING, out=joint)
    np.exp(joint, out=joint)
    total = joint.sum(axis=1)
    joint /= total[:, None]
    return np.log(total) + top, joint


def posteriors(answers: Answers, terms: JointTerms, Z: Floats, absent: Floats | None) -> tuple[Floats, Floats, slice]:
    """Return logs of normalising constants (p,), posteriors (p, q) of a block of persons, and the points where they are.

    Elsewhere they are less than rounding. Persons in the order of their scores meet a third of a grid, a block at a time. The
    points that some of them meet are tried first, and all where these turn out too few.
    """
    some, Q, none = slice(None, None, max(1, Z.shape[0] // SOME)), terms.powers.shape[1], NONE[terms.base.dtype.char]
    joint = log_joint(answers.take(some), terms.at(slice(None, None, STRIDE)), Z[some], None if absent is None else absent[some])
    at = np.flatnonzero((joint > joint.max(axis=1)[:, None] + np.log(none) - SPARE).any(axis=0))
    for points in (slice(max(0, int(at[0]) - 1) * STRIDE, min((int(at[-1]) + 1) * STRIDE + 1, Q)), slice(0, Q)):
        evidence, weight = normalise(log_joint(answers, terms.at(points), Z, absent))
        if max(weight[:, 0].max() * (points.start > 0), weight[:, -1].max() * (points.stop < Q)) <= none:
            break
    return evidence, weight, points


def e_step(answers: Answers, tables: Tables, executor: Executor | None = None) -> Expected:
    """Return marginal log-likelihood and expected counts in the precision of the tables; blocks add up in double, in order."""
    terms, size, middle = joint_terms(answers, tables), even_size(len(answers.codes)), len(tables.theta) // 2
    out = added(map_pieces(partial(_block_statistics, terms), answers.pieces(size), executor=executor))
    if answers.tally is None:
        return out
    intercept = tables.log_prob[answers.item, answers.category, middle] - terms.base[answers.item, middle]
    ll = out.log_likelihood + float(answers.tally @ (intercept - answers.category * tables.theta[middle]))
    upper = answers.tally[:, None] * (out.nodes / out.nodes.sum())  # at which points they are does not matter with slopes of one
    return out._replace(log_likelihood=ll, upper=upper)


def _block_statistics(terms: JointTerms, answers: Answers) -> Expected:
    """Return the statistics of one block of persons, its `narrowest` a variance."""
    Z, absent = indicators(answers, slice(None), terms.base.dtype)
    evidence, posterior, points = posteriors(answers, terms, Z, absent)
    first, second = terms.powers[1:, points] @ posterior.T
    variance = second - first**2
    mean, second = (x[:, None].astype(np.float64) for x in (first, variance))
    if answers.weight is not None:
        evidence = evidence * answers.weight
        posterior *= answers.weight.astype(posterior.dtype)[:, None]
    nodes = posterior.sum(axis=0)
    totals = np.broadcast_to(nodes, (len(terms.base), len(nodes)))
    if absent is not None:
        totals = nodes - absent.T @ posterior if isinstance(absent, np.ndarray) else absent.T @ posterior
    likelihood = float(evidence.sum(dtype=np.float64))
    upper, totals, nodes = (_spread(x, points, terms.powers.shape[1]) for x in ((posterior.T @ Z).T, totals, nodes))
    return Expected(likelihood, upper, totals, nodes, mean, second, float(variance.min()))


def _spread(x: Floats, points: slice, Q: int) -> Floats:
    """Return a table (…, Q) that holds x at some of the points and is 0 at the others."""
    out = np.zeros((*x.shape[:-1], Q))
    out[..., points] = x
    return out


def standard_nodes(points: int, reach: float = REACH) -> tuple[Floats, Floats]:
    """Return nodes z (Q,) on [-reach, reach] and their log weights (Q,) under N(0, 1), weights summing to one."""
    z = np.linspace(-reach, reach, points)
    log_weight = -0.5 * z**2
    log_weight -= np.log(np.exp(log_weight).sum())
    return z, log_weight


def points_needed(narrowest: float) -> int:
    """Return the odd number of points that keeps the spacing below `narrowest`, a posterior SD in standard units."""
    return 2 * int(np.ceil(REACH / max(narrowest, NARROWEST))) + 1


class Design(NamedTuple):
    """Answers taken apart by dimension.

    For each of D dimensions: the `answers` to its items, these `items` (I_k,) and their indicator `columns` (C_k,);
    `answered` (D, P) says who answered any of them. Person p comes from N(γᵀ w_p, Σ_g): `group` (P,) is g and `regressors`
    (P, R) are w, indicators of groups or covariates; `weight` (P,) are case weights, None where all are 1.
    """

    answers: tuple[Answers, ...]
    items: tuple[Ints, ...]
    columns: tuple[Ints, ...]
    answered: Bools
    group: Ints
    regressors: Floats
    weight: Floats | None = None

    @property
    def persons(self) -> int:
        """Return the number of persons."""
        return len(self.group)

    def take(self, persons: Ints | slice) -> "Design":
        """Return the design of some of the persons."""
        answers, weight = tuple(part.take(persons) for part in self.answers), None if self.weight is None else self.weight[persons]
        group, w = self.group[persons], self.regressors[persons]
        return self._replace(answers=answers, answered=self.answered[:, persons], group=group, regressors=w, weight=weight)

    def parameters(self, owner: Ints) -> tuple[tuple[Ints, ...], tuple[Ints, ...]]:
        """Return for each dimension which parameters are of its items, given the item of each (F,), and these items there."""
        place = tuple(np.flatnonzero(np.isin(owner, items)) for items in self.items)
        return place, tuple(np.searchsorted(i, owner[at]) for i, at in zip(self.items, place, strict=True))


def by_dimension(
    answers: Answers, dimension: Ints, *, parts: int | None = None, group: Ints | None = None, regressors: Floats | None = None
) -> Design:
    """Take answers apart by the dimension 0 … D - 1 of each item (I,); D is the number of `parts`, which may lack items."""
    D, P = int(dimension.max()) + 1 if parts is None else parts, len(answers.codes)
    items = tuple(np.flatnonzero(dimension == k) for k in range(D))
    columns = tuple(np.flatnonzero(dimension[answers.item] == k) for k in range(D))
    taken = tuple(_part(answers, i, c) for i, c in zip(items, columns, strict=True))
    answered = np.stack([np.ones(P, dtype=np.bool_) if part.observed is None else part.observed.any(axis=1) for part in taken])
    of = np.zeros(P, dtype=np.int64) if group is None else group
    w = np.zeros((P, 0)) if regressors is None else np.broadcast_to(regressors, (P, regressors.shape[1]))
    return Design(taken, items, columns, answered, of, w, answers.weight)


def bare_terms(part: Answers, log_prob: Floats) -> JointTerms:
    """Return what log-likelihoods of one part of a design are made of, for log-probabilities (I_k, K, Q)."""
    nothing = np.zeros(log_prob.shape[2], dtype=log_prob.dtype)
    return joint_terms(part, Tables(nothing, nothing, log_prob))


def _part(answers: Answers, items: Ints, columns: Ints) -> Answers:
    """Return the answers to some of the items, items numbered anew."""
    seen = None if answers.observed is None else np.ascontiguousarray(answers.observed[:, items])
    observed, codes = None if seen is None or seen.all() else seen, np.ascontiguousarray(answers.codes[:, items])
    return Answers(codes, observed, np.searchsorted(items, answers.item[columns]), answers.category[columns])
