"""The E-step as two matrix products per block of persons (design section 3).

For indicator columns Z of the answers, log-likelihood (P, Q) = Z @ log P and expected counts = Zᵀ @ posterior. The
lowest category of every item is taken as base: its column is the observed mask minus the others, and for complete data
its contribution is one row that adds up once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from competency_dx.arrays import Bools, Codes, Floats, Ints
from competency_dx.kernels.blocks import BLOCK, map_blocks

NOTHING = -80.0  # log of a relative mass that is none: beyond it single precision meets slow subnormal numbers


class Answers(NamedTuple):
    """Answers prepared for matrix products.

    `codes` (P, I) int8 categories, 0 where missing; `observed` (P, I) or None for complete data; `item` and `category`
    (C,) say which answer each column above the base category indicates.
    """

    codes: Codes
    observed: Bools | None
    item: Ints
    category: Ints

    def take(self, persons: Ints) -> Answers:
        """Return the answers of some of the persons."""
        observed = None if self.observed is None else self.observed[persons]
        return self._replace(codes=self.codes[persons], observed=observed)


class Tables(NamedTuple):
    """Item response tables: support points (Q,), log weights (Q,) of the population, log-probabilities (I, K, Q)."""

    theta: Floats
    log_weight: Floats
    log_prob: Floats

    @property
    def base(self) -> Floats:
        """Return log P of the lowest category (I, Q)."""
        return self.log_prob[:, 0]

    def upper(self, answers: Answers) -> Floats:
        """Return log P of the answer each column above base indicates (C, Q)."""
        return self.log_prob[answers.item, answers.category]

    def single(self) -> Tables:
        """Return the tables in single precision."""
        return Tables(*(x.astype(np.float32) for x in self))  # type: ignore[arg-type]  # the same arrays, narrower

    def take(self, items: Bools) -> Tables:
        """Return the tables of some of the items."""
        return self._replace(log_prob=self.log_prob[items])


class Expected(NamedTuple):
    """What an E-step leaves.

    Log-likelihood, counts (C, Q) above base, totals (I, Q), weights of the population (Q,), SD of the narrowest posterior.
    """

    log_likelihood: float
    upper: Floats
    totals: Floats
    nodes: Floats
    narrowest: float


def prepare(codes: Codes, observed: Bools, n_categories: Ints) -> Answers:
    """Return answers with their indicator columns; a fully observed table drops its mask."""
    item = np.repeat(np.arange(len(n_categories)), n_categories - 1)
    category = np.concatenate([np.arange(1, K) for K in n_categories]) if len(n_categories) else np.zeros(0, int)
    return Answers(codes, None if observed.all() else observed, item, category.astype(np.int64))


def indicators(answers: Answers, block: slice, dtype: DTypeLike = np.float64) -> tuple[Floats, Floats | None]:
    """Return Z (p, C) above base and the mask of missing answers (p, I) of a block as floats."""
    codes = answers.codes[block]
    absent = None if answers.observed is None else (~answers.observed[block]).astype(dtype)
    if len(answers.item) == codes.shape[1] and (answers.category == 1).all():
        return codes.astype(dtype), absent
    return (codes[:, answers.item] == answers.category).astype(dtype), absent


class JointTerms(NamedTuple):
    """What a log joint is made of: log P above base less base (C, Q), the row of complete answers (Q,), base (I, Q)."""

    ratio: Floats
    constant: Floats
    base: Floats


def joint_terms(answers: Answers, tables: Tables) -> JointTerms:
    """Return the terms of the log joint at the given tables."""
    ratio = tables.upper(answers) - tables.base[answers.item]
    return JointTerms(ratio, tables.log_weight + tables.base.sum(axis=0), tables.base)


def joined(Z: Floats, absent: Floats | None, terms: JointTerms) -> Floats:
    """Return log-likelihood plus log weight (p, Q) for indicators Z (p, C) and the mask of missing answers (p, I).

    Missing answers are subtracted from the row that complete answers add up to, so a complete row has the same digits
    whether or not its neighbours are complete.
    """
    joint = Z @ terms.ratio
    joint += terms.constant
    if absent is not None:
        joint -= absent @ terms.base
    return joint


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


def e_step(answers: Answers, tables: Tables, executor: Executor | None = None) -> Expected:
    """Return marginal log-likelihood and expected counts at the given tables, in the precision of the tables.

    Blocks are added up in double precision.
    """
    terms, theta = joint_terms(answers, tables), tables.theta
    powers = np.stack([theta, theta**2], axis=1)

    def one(block: slice) -> Expected:
        Z, absent = indicators(answers, block, tables.log_prob.dtype)
        evidence, posterior = normalise(joined(Z, absent, terms))
        nodes = posterior.sum(axis=0)
        totals = np.zeros((0, 0)) if absent is None else nodes - absent.T @ posterior
        second = posterior @ powers
        variance = float((second[:, 1] - second[:, 0] ** 2).min())
        return Expected(float(evidence.sum(dtype=np.float64)), Z.T @ posterior, totals, nodes, variance)

    return add_up(one, len(answers.codes), len(tables.log_prob), executor)


def add_up(one: Callable[[slice], Expected], P: int, I: int, executor: Executor | None) -> Expected:
    """Add block statistics in block order."""
    ll, narrowest, upper, totals, nodes = 0.0, np.inf, None, None, None
    for part in map_blocks(one, P, size=BLOCK, executor=executor):
        ll += part.log_likelihood
        narrowest = min(narrowest, part.narrowest)
        if upper is None or totals is None or nodes is None:
            upper, totals, nodes = (x.astype(np.float64) for x in (part.upper, part.totals, part.nodes))
        else:
            upper += part.upper
            totals += part.totals
            nodes += part.nodes
    assert upper is not None
    assert totals is not None
    assert nodes is not None
    if not totals.size:
        totals = np.broadcast_to(nodes, (I, len(nodes))).copy()
    return Expected(ll, upper, totals, nodes, float(np.sqrt(max(narrowest, 0.0))))
