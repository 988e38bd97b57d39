"""Posterior mean and spread of persons on support points, in blocks of one fixed size.

The block size is part of the numbers: matrix products of one shape have the same digits for a row wherever it stands, so
one person, any subset and a million are scored to the same bytes. Short blocks are filled up with empty rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import NamedTuple, TypeVar

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.kernels.blocks import map_blocks
from competency_dx.kernels.marginal import Answers, Tables, log_joint, normalise

BLOCK = 512

T = TypeVar("T")


class Posterior(NamedTuple):
    """Posterior mean (P,) and standard deviation (P,), and the mass on the two end points (P,)."""

    mean: Floats
    sd: Floats
    end_mass: Floats


def filled(answers: Answers, block: slice, size: int) -> Answers:
    """Return the answers of a block as a table of exactly `size` rows, missing ones appended."""
    codes = answers.codes[block]
    observed = None if answers.observed is None else answers.observed[block]
    short = size - len(codes)
    if short:
        codes = np.concatenate([codes, np.zeros((short, codes.shape[1]), dtype=codes.dtype)])
        if observed is not None:
            observed = np.concatenate([observed, np.zeros((short, codes.shape[1]), dtype=bool)])
    return answers._replace(codes=codes, observed=observed)


def map_posteriors(
    answers: Answers,
    tables: Tables,
    function: Callable[[slice, Floats], T],
    *,
    executor: Executor | None = None,
    size: int = BLOCK,
) -> Iterator[T]:
    """Yield ``function(block, posterior)`` for posteriors (size, Q); rows beyond the block are filling."""
    every = slice(0, size)

    def one(block: slice) -> T:
        _, posterior = normalise(log_joint(filled(answers, block, size), every, tables))
        return function(block, posterior)

    return map_blocks(one, len(answers.codes), size=size, executor=executor)


def summarise(answers: Answers, tables: Tables, executor: Executor | None = None) -> Posterior:
    """Return expected a posteriori estimates with their standard deviations (Bock & Mislevy 1982)."""
    P = len(answers.codes)
    mean, sd, ends = np.empty(P), np.empty(P), np.empty(P)
    powers = np.stack([tables.theta, tables.theta**2], axis=1)

    def one(block: slice, posterior: Floats) -> None:
        n = block.stop - block.start
        moments = posterior @ powers
        mean[block] = moments[:n, 0]
        variance = moments[:n, 1] - moments[:n, 0] ** 2
        sd[block] = np.sqrt(np.maximum(variance, 0.0))
        ends[block] = posterior[:n, 0] + posterior[:n, -1]

    for _ in map_posteriors(answers, tables, one, executor=executor):
        pass
    return Posterior(mean, sd, ends)
