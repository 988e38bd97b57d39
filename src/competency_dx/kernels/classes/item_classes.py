"""Restricted latent class models: the E-step over classes of profiles and the M-step of every item at once.

P(X_i = 1 | class c) depends on c through the latent group of the item alone, so expected counts of classes are added up
by group. Saturated items (G-DINA, DINA, DINO; de la Torre 2011, doi:10.1007/s11336-011-9207-7) have a closed form M-step;
items with an additive predictor (ACDM on the identity, LLM on the logit link) take Newton steps; order and range
restrictions are kept exactly by least distance programming.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import expit, logit

from competency_dx.arrays import Floats, Ints, blocks
from competency_dx.kernels.blocks import map_pieces
from competency_dx.kernels.classes.least_distance import nearest
from competency_dx.kernels.grid import normalise

Link = Literal["identity", "logit"]

BOUND = 1e-4  # probabilities stay in [BOUND, 1 - BOUND]
BLOCK = 512
NEWTON_STEPS, HALVINGS = 4, 12
LEAST = 1e-8
FAINTEST = 1e-10


class Patterns(NamedTuple):
    """Distinct answer patterns: right answers (U, I), answers given (U, I) or None when complete, how often (U,)."""

    right: Floats
    given: Floats | None
    weight: Floats

    def pieces(self, size: int) -> Iterator[Patterns]:
        """Yield the patterns in blocks, views of the whole."""
        for at in blocks(len(self.weight), size):
            yield Patterns(self.right[at], None if self.given is None else self.given[at], self.weight[at])


class Predictor(NamedTuple):
    """One item: its groups are `where` in the group vector, its parameters `at` in the parameter vector.

    The predictor of the groups is `design` (W, F) times the parameters, on `link`; for a saturated item on the
    identity link `design` is the identity matrix. `below` (E, F) times the parameters must not be negative
    (monotonicity), (0, F) when there is no order.
    """

    where: slice
    at: slice
    design: Floats
    link: Link
    saturated: bool
    below: Floats

    def jacobian(self, probability: Floats) -> Floats:
        """Return ∂p / ∂β (W, F) at the probabilities of all groups (G,)."""
        p = probability[self.where]
        return self.design if self.link == "identity" else self.design * (p * (1 - p))[:, None]


class ExpectedClasses(NamedTuple):
    """Marginal log-likelihood, expected right answers and answers (I, C), expected persons (C,)."""

    log_likelihood: float
    right: Floats
    given: Floats
    nodes: Floats


def log_joint(patterns: Patterns, table: Floats, log_weight: Floats) -> Floats:
    """Return log P(answers, class) (u, C) for probabilities (I, C) of a right answer."""
    low = np.log1p(-table)
    joint = patterns.right @ (np.log(table) - low)
    if patterns.given is None:
        joint += low.sum(axis=0)
    else:
        joint += patterns.given @ low
    joint += log_weight
    return np.asarray(joint)


def e_step(patterns: Patterns, table: Floats, probability: Floats, executor: Executor | None = None) -> ExpectedClasses:
    """Return marginal log-likelihood and expected counts for probabilities (I, C) and class probabilities (C,)."""
    one = partial(_block_statistics, table, np.log(np.maximum(probability, 1e-300)))
    parts = map_pieces(one, patterns.pieces(BLOCK), executor=executor)
    ll, right, given, persons = next(parts)
    for part in parts:
        ll += part.log_likelihood
        right += part.right
        given += part.given
        persons += part.nodes
    if patterns.given is None:
        given = np.broadcast_to(persons, right.shape)
    return ExpectedClasses(ll, right, given, persons)


def _block_statistics(table: Floats, log_weight: Floats, patterns: Patterns) -> ExpectedClasses:
    """Return the statistics of one block of patterns; no answers (0, 0) where they are complete."""
    evidence, posterior = normalise(log_joint(patterns, table, log_weight))
    posterior *= patterns.weight[:, None]
    given = np.zeros((0, 0)) if patterns.given is None else patterns.given.T @ posterior
    likelihood = float(patterns.weight @ evidence)
    return ExpectedClasses(likelihood, patterns.right.T @ posterior, given, posterior.sum(axis=0))


def class_gradient(patterns: Patterns, table: Floats, evidence: Floats, executor: Executor | None = None) -> Floats:
    """Return Σ_p P(answers | class) / P(answers) (C,): above the number of persons where a class is missed.

    It is the derivative of the log-likelihood by the probability of each class; `evidence` (U,) is log P(answers).
    """
    given = zip(patterns.pieces(BLOCK), np.split(evidence, range(BLOCK, len(evidence), BLOCK)), strict=True)
    return np.asarray(np.sum(list(map_pieces(partial(_block_gradient, table), given, executor=executor)), axis=0))


def _block_gradient(table: Floats, given: tuple[Patterns, Floats]) -> Floats:
    patterns, evidence = given
    ratio = log_joint(patterns, table, np.zeros(table.shape[1])) - evidence[:, None]
    return np.asarray(patterns.weight @ np.exp(np.minimum(ratio, 600.0)))


def log_evidence(patterns: Patterns, table: Floats, probability: Floats) -> Floats:
    """Return log P(answers) of each pattern (U,)."""
    log_weight = np.log(np.maximum(probability, 1e-300))
    parts = map_pieces(lambda piece: normalise(log_joint(piece, table, log_weight))[0], patterns.pieces(BLOCK))
    return np.concatenate(list(parts))


def by_group(of_classes: Floats, place: Ints, G: int) -> Floats:
    """Add up counts per item and class (I, C) by latent group (G,)."""
    return np.bincount(place.ravel(), weights=of_classes.ravel(), minlength=G).astype(np.float64)


def group_probabilities(items: tuple[Predictor, ...], parameters: Floats) -> Floats:
    """Return the probability of a right answer in every latent group (G,)."""
    out = np.empty(items[-1].where.stop)
    for item in items:
        own = parameters[item.at]
        eta = own if item.saturated else item.design @ own
        out[item.where] = eta if item.link == "identity" else expit(eta)
    return out


def m_step(items: tuple[Predictor, ...], parameters: Floats, right: Floats, total: Floats) -> Floats:
    """Return the item parameters (F,) that maximise Σ_g R_g log p_g + (N_g - R_g) log(1 - p_g), group by group of items.

    R = `right` and N = `total` (G,) are expected right answers and answers in the latent groups; groups that nobody is in keep
    their probability.
    """
    out = parameters.copy()
    share = right / np.maximum(total, LEAST)
    for item in items:
        R, N = right[item.where], total[item.where]
        if item.saturated:
            own = np.where(N > LEAST, share[item.where], parameters[item.at])
            if (item.below @ own < 0).any():  # isotonic, nearest by weight: the constrained maximum of the likelihood
                weight = np.maximum(N, FAINTEST * N.max() + LEAST)
                own = nearest(np.diag(weight / weight.max()), own, item.below, np.zeros(len(item.below)))
            out[item.at] = np.clip(own, BOUND, 1 - BOUND)
        else:
            out[item.at] = _newton(item, parameters[item.at], R, N)
    return out


def restrictions(item: Predictor) -> tuple[Floats, Floats]:
    """Return G (E, F) and h (E,) of G β >= h: the range of every group, then the order of the effects."""
    low, high = (BOUND, 1 - BOUND) if item.link == "identity" else (float(logit(BOUND)), float(logit(1 - BOUND)))
    W = len(item.design)
    G = np.concatenate([item.design, -item.design, item.below])
    return G, np.concatenate([np.full(W, low), np.full(W, -high), np.zeros(len(item.below))])


def _newton(item: Predictor, start: Floats, R: Floats, N: Floats) -> Floats:
    """Return the parameters of an item with an additive predictor after a few guarded Newton steps."""
    G, h = restrictions(item)
    beta, now = start, _objective(item, start, R, N)
    for _ in range(NEWTON_STEPS):
        p = _probability(item, beta)  # then slope and information of the objective by the predictor of each group
        if item.link == "logit":
            score, weight = R - N * p, N * p * (1 - p)
        else:
            score, weight = (R - N * p) / (p * (1 - p)), R / p**2 + (N - R) / (1 - p) ** 2
        H = (item.design.T * weight) @ item.design
        H[np.diag_indices_from(H)] += 1e-10 * np.trace(H) + LEAST
        target = nearest(H, beta + np.linalg.solve(H, item.design.T @ score), G, h)
        step, share = target - beta, 1.0
        for _ in range(HALVINGS):
            trial = beta + share * step
            after = _objective(item, trial, R, N)
            if after >= now:
                break
            share /= 2
        else:
            break
        gain, beta, now = after - now, trial, after
        if gain < 1e-12 * (1 + abs(now)):
            break
    return beta


def _probability(item: Predictor, beta: Floats) -> Floats:
    eta = item.design @ beta
    return np.clip(eta if item.link == "identity" else expit(eta), BOUND / 2, 1 - BOUND / 2)


def _objective(item: Predictor, beta: Floats, R: Floats, N: Floats) -> float:
    p = _probability(item, beta)
    return float(R @ np.log(p) + (N - R) @ np.log1p(-p))
