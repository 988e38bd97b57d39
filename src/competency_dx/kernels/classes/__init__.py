"""Attribute profiles as support points: which are permissible, which latent group of an item each belongs to, their distribution.

An item that measures k attributes tells at most 2^k groups of profiles apart (de la Torre 2011, eq. 1,
doi:10.1007/s11336-011-9207-7); a hierarchy of prerequisites leaves fewer profiles and fewer groups. Profiles are
ordered by the number of attributes mastered, then 100 before 010 before 001.

Distributions are saturated, of independent attributes, or of attributes driven by a latent ability. With a hierarchy, an attribute is
open only to those who master its prerequisites; the independent and the higher-order distribution then give the probability of
mastering it where it is open, so that permissible profiles add up to one:

    π_c = Σ_q w_q Π_{a open in c} P_a(θ_q)^α_ca (1 - P_a(θ_q))^(1 - α_ca),    logit P_a(θ) = d_a + λ_a θ

(de la Torre & Douglas 2004, eq. 4, doi:10.1007/BF02295640, without a hierarchy). Independence is the case λ = 0.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.classes.item_classes import boxed_step, climbed

Binary = NDArray[np.int8]
Pairs = Sequence[tuple[int, int]]
Kind = Literal["saturated", "independent", "higher_order", "higher_order_1pl"]
POINTS, REACH = 81, 6.0
FARTHEST = 8.0  # bound of intercepts and slopes: beyond it an attribute is a step function of the ability
SCORING_STEPS = 8
TINY = 1e-300


class ItemGroups(NamedTuple):
    """Latent groups of one item.

    `patterns` (W, k) are the permissible patterns of its attributes, `of_profile` (C,) the pattern of each profile;
    `of_pattern` (W,) the group of each pattern: as many groups as patterns, or two for DINA and DINO.
    """

    patterns: Binary
    of_profile: Ints
    of_pattern: Ints

    @property
    def size(self) -> int:
        """Return the number of groups."""
        return int(self.of_pattern.max()) + 1


def prerequisite_matrix(A: int, pairs: Pairs) -> Bools:
    """Return the matrix (A, A) that is true at [a, b] where b is a direct prerequisite of a."""
    out = np.zeros((A, A), dtype=np.bool_)
    for before, after in pairs:
        out[after, before] = True
    return out


def mastery_order(needs: Bools) -> list[int]:
    """Return the attributes in an order that puts prerequisites first; shorter than A where they form a circle."""
    done = np.zeros(len(needs), dtype=np.bool_)
    out: list[int] = []
    while ready := np.flatnonzero(~done & ~(needs & ~done).any(axis=1)).tolist():
        done[ready] = True
        out += ready
    return out


def permissible_profiles(needs: Bools, limit: int) -> Binary | None:
    """Return the profiles (C, A) in which every mastered attribute has its prerequisites, None when more than `limit`.

    They are built attribute by attribute, so that only permissible ones are ever made: many attributes with a
    hierarchy are no more work than their profiles.
    """
    out = np.zeros((1, len(needs)), dtype=np.int8)
    for a in mastery_order(needs):
        more = out[out[:, needs[a]].all(axis=1)].copy()
        more[:, a] = 1
        out = np.concatenate([out, more])
        if len(out) > limit:
            return None
    return out[_order(out)]


def _order(profiles: Binary) -> Ints:
    """Return the order of profiles (C,) by the number mastered, then 100 before 010 before 001."""
    return np.lexsort([*-profiles.T[::-1], profiles.sum(axis=1)])


def eligible(profiles: Binary, needs: Bools) -> Bools:
    """Return where (C, A) a profile has all prerequisites of an attribute, so that mastering it is open."""
    return np.asarray(((1 - profiles.astype(np.int64)) @ needs.T.astype(np.int64)) == 0)


def attribute_patterns(profiles: Binary, attributes: Ints) -> tuple[Binary, Ints]:
    """Return the patterns (W, k) of some attributes among the profiles and the pattern of each profile (C,)."""
    own = profiles[:, attributes]
    code = own.astype(np.int64) @ (1 << np.arange(len(attributes), dtype=np.int64))
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    order = _order(own[first])
    return own[first[order]], np.argsort(order)[inverse.ravel()]


def item_groups(profiles: Binary, attributes: Ints, family: str) -> ItemGroups:
    """Return the latent groups of an item: all attributes or not (DINA), any or none (DINO), every pattern (others)."""
    patterns, of_profile = attribute_patterns(profiles, attributes)
    kinds = {"DINA": patterns.all(axis=1), "DINO": patterns.any(axis=1)}
    return ItemGroups(patterns, of_profile, np.asarray(kinds.get(family, np.arange(len(patterns))), dtype=np.int64))


def saturated_design(patterns: Binary) -> Floats:
    """Return the matrix (W, W) of p = M δ with an effect for every pattern S that is permissible: M[w, S] = [S ⊆ w]."""
    return np.asarray(((patterns.astype(np.int64) @ (1 - patterns.astype(np.int64)).T).T == 0).astype(np.float64))


def additive_design(patterns: Binary) -> Floats:
    """Return the matrix (W, k + 1) of an intercept and the main effect of each attribute."""
    return np.column_stack([np.ones(len(patterns)), patterns])


def covering_pairs(patterns: Binary) -> Ints:
    """Return pairs (E, 2) of patterns where the second masters more than the first and nothing lies between."""
    below = (patterns[:, None, :] <= patterns[None, :, :]).all(axis=2) & ~np.eye(len(patterns), dtype=bool)
    between = (below.astype(np.int64) @ below.astype(np.int64)) > 0
    return np.argwhere(below & ~between)


def distinct_columns(place: Ints) -> tuple[Ints, Ints]:
    """Return one profile of each class (C',) that the items tell apart, and the class of each profile (C,).

    `place` (I, C) is the latent group of each profile on each item; profiles with equal columns have the same
    probability of every answer, so that nothing but an assumption about the population divides them.
    """
    _, first, inverse = np.unique(place, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[inverse.ravel()]


class Distribution(NamedTuple):
    """What a distribution of profiles is made of.

    `profiles` (C, A) in {0, 1}, `open` (C, A) says where mastering an attribute is open, `of_class` (C,) is the class of
    each profile: profiles of a class have the same answers, and a saturated distribution gives them equal shares of
    it. Parameters λ: shares of the classes (C',), else intercepts d (A,) followed by slopes (A,) or one common slope.
    """

    kind: Kind
    profiles: Floats
    open: Bools
    of_class: Ints

    @property
    def saturated(self) -> bool:
        """Return whether every class has a free share."""
        return self.kind == "saturated"

    @property
    def members(self) -> Ints:
        """Return the number of profiles in each class (C',)."""
        return np.bincount(self.of_class)


def first_parameters(distribution: Distribution) -> Floats:
    """Return parameters to begin with: equal profiles, or attributes mastered by half."""
    A = distribution.profiles.shape[1]
    if distribution.saturated:
        return np.asarray(distribution.members / len(distribution.profiles))
    slopes = {"independent": 0, "higher_order": A, "higher_order_1pl": 1}[distribution.kind]
    return np.concatenate([np.zeros(A), np.ones(slopes)])


def profile_probabilities(distribution: Distribution, parameters: Floats) -> Floats:
    """Return the probability of each profile (C,)."""
    if distribution.saturated:
        return np.asarray((parameters / distribution.members)[distribution.of_class])
    _, weight, _, log_conditional = _conditional(distribution, parameters)
    return np.exp(log_conditional) @ weight


def class_probabilities(distribution: Distribution, parameters: Floats) -> Floats:
    """Return the probability of each class (C',)."""
    return parameters if distribution.saturated else by_class(distribution, profile_probabilities(distribution, parameters))


def by_class(distribution: Distribution, of_profiles: Floats) -> Floats:
    """Add up a number per profile (C,) by class (C',)."""
    return np.bincount(distribution.of_class, weights=of_profiles).astype(np.float64)


def spread(distribution: Distribution, parameters: Floats, of_classes: Floats) -> Floats:
    """Divide a number per class (C',) among its profiles (C,) by their probabilities."""
    share = profile_probabilities(distribution, parameters)
    return np.asarray(share * (of_classes / np.maximum(by_class(distribution, share), TINY))[distribution.of_class])


def updated_parameters(distribution: Distribution, parameters: Floats, expected: Floats) -> Floats:
    """Return the maximum of Σ_c N_c log π_c for expected persons in classes (C',): closed form, of higher order Fisher scoring."""
    if distribution.saturated:
        return np.asarray(expected / expected.sum())
    counts = spread(distribution, parameters, expected)
    if distribution.kind == "independent":
        share, limit = (counts @ distribution.profiles) / np.maximum(counts @ distribution.open, TINY), float(expit(-FARTHEST))
        return np.asarray(logit(np.clip(share, limit, 1 - limit)))
    return _scored(distribution, parameters, counts)


def _scored(distribution: Distribution, parameters: Floats, counts: Floats) -> Floats:
    """Return parameters after Fisher scoring steps, halved until they do not lower Σ_c N_c log π_c."""

    def height(at: Floats) -> float:
        return float(counts @ np.log(np.maximum(profile_probabilities(distribution, at), TINY)))

    now = height(parameters)
    for _ in range(SCORING_STEPS):
        t, pi = profile_scores(distribution, parameters), profile_probabilities(distribution, parameters)
        information = counts.sum() * (t.T * pi) @ t
        information[np.diag_indices_from(information)] += 1e-8 * np.trace(information) + 1e-12
        slope, room = t.T @ counts, (-FARTHEST - parameters, FARTHEST - parameters)
        step, before = boxed_step(information, slope, np.linalg.solve(information, slope), *room), now
        parameters, now = climbed(height, parameters, step, before)
        if now - before < 1e-14 * counts.sum():
            break
    return parameters


def _conditional(distribution: Distribution, parameters: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return points θ (Q,), weights (Q,), P_a(θ) (A, Q) and log P(profile | θ) (C, Q)."""
    A = distribution.profiles.shape[1]
    if distribution.kind == "independent":
        theta, weight, eta = np.zeros(1), np.ones(1), parameters[:, None]
    else:
        theta = np.linspace(-REACH, REACH, POINTS)
        weight = np.exp(-0.5 * theta**2)
        weight = weight / weight.sum()
        eta = parameters[:A, None] + np.broadcast_to(parameters[A:], A)[:, None] * theta
    blocked = distribution.open - distribution.profiles
    log_p = distribution.profiles @ -np.logaddexp(0, -eta) + blocked @ -np.logaddexp(0, eta)
    return theta, weight, np.asarray(expit(eta)), log_p


def profile_scores(distribution: Distribution, parameters: Floats) -> Floats:
    """Return ∂ log π_c / ∂λ (C, F) of an independent or higher-order distribution."""
    theta, p, given = _posterior(distribution, parameters)
    own: Floats = distribution.profiles - distribution.open * (given @ p.T)
    if distribution.kind == "independent":
        return own
    linear = distribution.profiles * (given @ theta)[:, None] - distribution.open * (given @ (p * theta).T)
    if distribution.kind == "higher_order_1pl":
        linear = linear.sum(axis=1, keepdims=True)
    return np.concatenate([own, linear], axis=1)


def _posterior(distribution: Distribution, parameters: Floats) -> tuple[Floats, Floats, Floats]:
    """Return points θ (Q,), P_a(θ) (A, Q) and the posterior of θ given each profile (C, Q)."""
    theta, weight, p, log_p = _conditional(distribution, parameters)
    given = np.exp(log_p) * weight
    return theta, p, given / np.maximum(given.sum(axis=1, keepdims=True), TINY)


def class_scores(distribution: Distribution, parameters: Floats) -> Floats:
    """Return ∂ log π / ∂λ of each class (C', F): for profiles of one class the mean by their probabilities."""
    pi, t = profile_probabilities(distribution, parameters), profile_scores(distribution, parameters)
    total = np.maximum(by_class(distribution, pi), TINY)
    return np.stack([by_class(distribution, pi * column) / total for column in t.T], axis=1)


def distribution_curvature(distribution: Distribution, parameters: Floats, expected: Floats) -> Floats:
    """Return Σ_c N_c (1 / π_c) ∂²π_c / ∂λ ∂λᵀ (F, F) for expected numbers of persons in the classes (C',)."""
    counts = spread(distribution, parameters, expected)
    theta, p, given = _posterior(distribution, parameters)
    A, out = len(p), np.zeros((len(parameters), len(parameters)))
    common = distribution.kind == "higher_order_1pl"
    for q in range(len(theta)):
        mass = counts * given[:, q]
        own = distribution.profiles - distribution.open * p[:, q]
        inner = (own.T * mass) @ own - np.diag((mass @ distribution.open) * p[:, q] * (1 - p[:, q]))
        slope = np.full((A, 1), theta[q]) if common else np.eye(A) * theta[q]
        T = np.concatenate([np.eye(A), slope], axis=1)[:, : len(parameters)]  # ∂η_a / ∂λ
        out += T.T @ inner @ T
    return out
