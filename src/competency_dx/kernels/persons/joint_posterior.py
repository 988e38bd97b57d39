"""Posterior mean and covariance on a product grid, for items that measure several competencies at once."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.grid.e_step import Answers, JointTerms, indicators, joined
from competency_dx.kernels.persons.summaries import filled

BLOCK = 64


class JointPosterior(NamedTuple):
    """Posterior mean (P, D) and covariance (P, D, D)."""

    mean: Floats
    covariance: Floats


def product_nodes(mean: Floats, covariance: Floats, points: int, reach: float) -> tuple[Floats, Floats]:
    """Return nodes (Q, D) of a product grid with `points` an axis on ±reach SD, and log weights (Q,) under the normal."""
    sd = np.sqrt(np.diag(covariance))
    axes = [m + s * np.linspace(-reach, reach, points) for m, s in zip(mean, sd, strict=True)]
    theta = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], axis=1)
    off = theta - mean
    log_weight = -0.5 * np.einsum("qd,de,qe->q", off, np.linalg.inv(covariance), off)
    return theta, log_weight - np.log(np.exp(log_weight).sum())


def joint_posterior(
    answers: Answers, theta: Floats, log_weight: Floats, log_prob: Floats, *, executor: Executor | None = None
) -> JointPosterior:
    """Return posterior moments for tables (I, K, Q) at nodes (Q, D), in blocks of one size: the same digits in any company."""
    ratio = log_prob[answers.item, answers.category] - log_prob[answers.item, 0]
    base = log_prob[:, 0]
    terms = JointTerms(ratio, log_weight + base.sum(axis=0), base, np.zeros((3, 0)))
    P, D = len(answers.codes), theta.shape[1]
    products = np.einsum("qd,qe->qde", theta, theta).reshape(len(theta), D * D)
    powers = np.concatenate([np.ones((len(theta), 1)), theta, products], axis=1)
    pieces = (filled(answers, slice(at, min(at + BLOCK, P)), BLOCK) for at in range(0, P, BLOCK))
    sums = np.concatenate(list(map_pieces(partial(_block_sums, terms, powers), pieces, executor=executor)))[:P]
    mean = sums[:, 1 : D + 1] / sums[:, :1]
    second = (sums[:, D + 1 :] / sums[:, :1]).reshape(P, D, D)
    return JointPosterior(mean, second - mean[:, :, None] * mean[:, None, :])


def _block_sums(terms: JointTerms, powers: Floats, answers: Answers) -> Floats:
    weight = joined(*indicators(answers, slice(None)), terms)
    weight -= weight.max(axis=1)[:, None]
    return np.asarray(np.exp(weight, out=weight) @ powers)
