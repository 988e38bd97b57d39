"""Scores of single persons: the gradient of each person's log-likelihood, for sandwich and cross-product covariances."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import BLOCK, map_pieces
from competency_dx.kernels.grid.e_step import Answers, JointTerms, Tables, indicators, joint_terms, log_joint, normalise


def item_scores(
    answers: Answers, tables: Tables, derivatives: Floats, owner: Ints, *, executor: Executor | None = None
) -> Floats:
    """Return E[∂ log P(x_p | θ) / ∂ β_f | x_p] (P, F) by Fisher's identity, case weights left aside.

    Parameters
    ----------
    derivatives : ndarray, shape (K, F, Q)
        Derivatives of log P(X = k) by each parameter.
    owner : ndarray of int, shape (F,)
        The item of each parameter.
    """
    one = partial(_scores_of_block, joint_terms(answers, tables), derivatives, owner)
    return np.concatenate(list(map_pieces(one, answers.pieces(BLOCK), executor=executor)))


def _scores_of_block(terms: JointTerms, derivatives: Floats, owner: Ints, answers: Answers) -> Floats:
    _, posterior = normalise(log_joint(answers, terms, *indicators(answers, slice(None))))
    own = answers.coded(-1)[:, owner]
    out = np.zeros(own.shape)
    for k, table in enumerate(derivatives):
        out += (own == k) * (posterior @ table.T)
    return out


def person_moments(answers: Answers, tables: Tables, *, executor: Executor | None = None) -> Floats:
    """Return posterior mean and variance of θ of each person (P, 2)."""
    one = partial(_moments_of_block, joint_terms(answers, tables))
    return np.concatenate(list(map_pieces(one, answers.pieces(BLOCK), executor=executor)))


def _moments_of_block(terms: JointTerms, answers: Answers) -> Floats:
    _, posterior = normalise(log_joint(answers, terms, *indicators(answers, slice(None))))
    first, second = (posterior @ terms.powers[1:].T).T
    return np.stack([first, second - first**2], axis=1)
