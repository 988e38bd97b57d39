"""Posterior mean and spread of persons on support points, in blocks of one fixed size.

The block size is part of the numbers: matrix products of one shape have the same digits for a row wherever it stands, so
one person, any subset and a million are scored to the same bytes. Short blocks are filled up with empty rows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats
from competency_dx.kernels.blocks import map_blocks, map_pieces
from competency_dx.kernels.grid.e_step import Answers, JointTerms, Tables, indicators, joined, joint_terms

BLOCK = 512
STRETCH = 16  # blocks to a task


class Posterior(NamedTuple):
    """Posterior mean (P,) and standard deviation (P,), and the mass on the two end points (P,)."""

    mean: Floats
    sd: Floats
    end_mass: Floats


def filled(answers: Answers, block: slice, size: int) -> Answers:
    """Return the answers of a block as a table of exactly `size` rows, missing ones appended."""
    observed = None if answers.observed is None else filled_table(answers.observed[block], size)
    return answers._replace(codes=filled_table(answers.codes[block], size), observed=observed, dense=None, gaps=None)


def filled_table(table: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a table with empty rows added up to `size`."""
    short = size - len(table)
    return np.concatenate([table, np.zeros((short, table.shape[1]), dtype=table.dtype)]) if short else table


def for_each_posterior(
    answers: Answers, tables: Tables, function: Callable[[slice, Floats], None], *, size: int = BLOCK
) -> None:
    """Call ``function(block, weight)`` with posteriors up to a factor (size, Q); rows beyond the block are filling.

    The function writes where it likes, so the blocks are mapped over the threads of this process.
    """
    terms = joint_terms(answers, tables)

    def some(stretch: slice) -> None:
        for start in range(stretch.start, stretch.stop, size):
            block = slice(start, min(start + size, stretch.stop))
            function(block, _weight(answers, block, terms, size))

    for _ in map_blocks(some, len(answers.codes), size=STRETCH * size):
        pass


def summarise(answers: Answers, tables: Tables, executor: Executor | None = None) -> Posterior:
    """Return expected a posteriori estimates with their standard deviations (Bock & Mislevy 1982), on any executor."""
    powers = np.stack([np.ones_like(tables.theta), tables.theta, tables.theta**2], axis=1)
    one = partial(_summary, joint_terms(answers, tables), powers)
    parts = list(map_pieces(one, answers.pieces(STRETCH * BLOCK), executor=executor))
    return parts[0] if len(parts) == 1 else Posterior(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _summary(terms: JointTerms, powers: Floats, answers: Answers) -> Posterior:
    """Return the summary of the persons of one task."""
    P = len(answers.codes)
    mean, sd, ends = np.empty(P), np.empty(P), np.empty(P)
    for start in range(0, P, BLOCK):
        block = slice(start, min(start + BLOCK, P))
        n = block.stop - block.start
        weight = _weight(answers, block, terms, BLOCK)
        total, first, second = (weight @ powers)[:n].T
        mean[block] = first / total
        sd[block] = np.sqrt(np.maximum(second / total - (first / total) ** 2, 0.0))
        ends[block] = (weight[:n, 0] + weight[:n, -1]) / total
    return Posterior(mean, sd, ends)


def _weight(answers: Answers, block: slice, terms: JointTerms, size: int) -> Floats:
    """Return posteriors up to a factor (size, Q) of a block of persons, filled up."""
    weight = joined(*indicators(filled(answers, block, size), slice(0, size)), terms)
    weight -= weight.max(axis=1)[:, None]
    return np.exp(weight, out=weight)
