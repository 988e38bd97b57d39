"""Answers taken apart by dimension, where each item measures one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.grid import Answers, JointTerms, Tables, joint_terms


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

    def take(self, persons: Ints | slice) -> Design:
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
