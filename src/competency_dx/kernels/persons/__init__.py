"""Posterior mean and spread of persons on support points, in blocks of one fixed size.

The block size is part of the numbers: matrix products of one shape have the same digits for a row wherever it stands, so
one person, any subset and a million are scored to the same bytes. Short blocks are filled up with empty rows.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats, Ints, blocks
from competency_dx.kernels.blocks import map_blocks, map_pieces
from competency_dx.kernels.grid import Answers, JointTerms, Tables, indicators, joint_terms, prior_coefficients

BLOCK = 512
NO_MASS = -37.0  # log of a weight beside 1 that double precision does not see
STRETCH = 4  # blocks to a task, so few that some thousand persons are work for two cores


def filled(answers: Answers, block: slice, size: int) -> Answers:
    """Return the answers of a block as a table of exactly `size` rows, missing ones appended."""
    codes = filled_table(answers.codes[block], size)
    observed = None if answers.observed is None else filled_table(answers.observed[block], size)
    short = size - len(answers.codes[block])
    normal = None if answers.normal is None else np.concatenate([answers.normal[block], np.ones((short, 2))])
    return answers._replace(codes=codes, observed=observed, normal=normal)


def filled_table(table: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a table with empty rows added up to `size`."""
    short = size - len(table)
    return np.concatenate([table, np.zeros((short, *table.shape[1:]), dtype=table.dtype)]) if short else table


def for_each_posterior(
    answers: Answers, tables: Tables, function: Callable[[slice, Floats, Floats], None], *, size: int = BLOCK
) -> None:
    """Call ``function(block, weight, log_scale)`` with posteriors (size, Q) up to a factor and the log of that factor (size,).

    Rows beyond the block are filling. The function writes where it likes, so the blocks are mapped over the threads of this
    process.
    """
    terms = joint_terms(answers, tables)

    def some(stretch: slice) -> None:
        for start in range(stretch.start, stretch.stop, size):
            block = slice(start, min(start + size, stretch.stop))
            function(block, *_weight(answers, block, terms, size))

    for _ in map_blocks(some, len(answers.codes), size=STRETCH * size):
        pass


def summarise(answers: Answers, tables: Tables, executor: Executor | None = None) -> Floats:
    """Return EAP estimates, their SD (Bock & Mislevy 1982), mass on the end points and log evidence (4, P), on any executor."""
    powers = np.stack([np.ones_like(tables.theta), tables.theta, tables.theta**2], axis=1)
    one = partial(_summary, joint_terms(answers, tables), powers)
    return np.concatenate(list(map_pieces(one, answers.pieces(STRETCH * BLOCK), executor=executor)), axis=1)


def _summary(terms: JointTerms, powers: Floats, answers: Answers) -> Floats:
    """Return the summary (4, p) of the persons of one task."""
    P = len(answers.codes)
    mean, sd, ends, evidence = out = np.empty((4, P))
    for block in blocks(P, BLOCK):
        n = block.stop - block.start
        weight, top = _weight(answers, block, terms, BLOCK)
        total, first, second = (weight @ powers)[:n].T
        mean[block] = first / total
        sd[block] = np.sqrt(np.maximum(second / total - (first / total) ** 2, 0.0))
        ends[block] = (weight[:n, 0] + weight[:n, -1]) / total
        evidence[block] = np.log(total) + top[:n]
    return out


def _weight(answers: Answers, block: slice, terms: JointTerms, size: int) -> tuple[Floats, Floats]:
    """Return posteriors up to a factor (size, Q) of a block of persons, filled up, and the log of the factor (size,)."""
    rows = filled(answers, block, size)
    Z, absent = indicators(rows, slice(0, size))
    weight = Z @ terms.ratio  # as `log_joint`, person by person: each is summed up, and turning the table takes as long
    weight += terms.constant
    if absent is not None:
        weight -= absent @ terms.base
    if rows.normal is not None:
        weight += prior_coefficients(rows.normal) @ terms.powers
    top = weight.max(axis=1)
    weight -= top[:, None]
    return np.exp(weight, out=np.zeros_like(weight), where=weight > NO_MASS), top


def sum_score_likelihood(prob: Floats, n_categories: Ints) -> Floats:
    """Return L(s | θ) (S + 1, Q) for category probabilities (I, K, Q); S is the highest sum of points.

    L_n(s | θ) = Σ_k P(X_n = k | θ) L_{n-1}(s - k | θ)     (Lord & Wingersky 1984, doi:10.1177/014662168400800409)
    """
    out = np.ones((1, prob.shape[2]))
    for table, K in zip(prob, n_categories, strict=True):
        longer = np.zeros((len(out) + K - 1, prob.shape[2]))
        for k in range(K):
            longer[k : k + len(out)] += table[k] * out
        out = longer
    return out
