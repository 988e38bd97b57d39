"""Posterior mean and spread of persons on support points, in blocks of one fixed size.

The block size is part of the numbers: matrix products of one shape have the same digits for a row wherever it stands, so
one person, any subset and a million are scored to the same bytes. Short blocks are filled up with empty rows.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats
from competency_dx.kernels.blocks import map_blocks
from competency_dx.kernels.marginal import Answers, Tables, indicators, joined, joint_terms

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
    return answers._replace(codes=filled_table(answers.codes[block], size), observed=observed)


def filled_table(table: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a table with empty rows added up to `size`."""
    short = size - len(table)
    return np.concatenate([table, np.zeros((short, table.shape[1]), dtype=table.dtype)]) if short else table


def for_each_posterior(
    answers: Answers,
    tables: Tables,
    function: Callable[[slice, Floats], None],
    *,
    executor: Executor | None = None,
    size: int = BLOCK,
) -> None:
    """Call ``function(block, weight)`` with posteriors up to a factor (size, Q); rows beyond the block are filling."""
    every, terms = slice(0, size), joint_terms(answers, tables)

    def some(stretch: slice) -> None:
        for start in range(stretch.start, stretch.stop, size):
            block = slice(start, min(start + size, stretch.stop))
            weight = joined(*indicators(filled(answers, block, size), every), terms)
            weight -= weight.max(axis=1)[:, None]
            function(block, np.exp(weight, out=weight))

    for _ in map_blocks(some, len(answers.codes), size=STRETCH * size, executor=executor):
        pass


def summarise(answers: Answers, tables: Tables, executor: Executor | None = None) -> Posterior:
    """Return expected a posteriori estimates with their standard deviations (Bock & Mislevy 1982)."""
    P = len(answers.codes)
    mean, sd, ends = np.empty(P), np.empty(P), np.empty(P)
    powers = np.stack([np.ones_like(tables.theta), tables.theta, tables.theta**2], axis=1)

    def one(block: slice, weight: Floats) -> None:
        n = block.stop - block.start
        total, first, second = (weight @ powers)[:n].T
        mean[block] = first / total
        sd[block] = np.sqrt(np.maximum(second / total - (first / total) ** 2, 0.0))
        ends[block] = (weight[:n, 0] + weight[:n, -1]) / total

    for_each_posterior(answers, tables, one, executor=executor)
    return Posterior(mean, sd, ends)
