"""Gradient and observed information by the free parameters, and Newton steps that stay within the restrictions.

Parameters at a bound (a probability at its limit, an order restriction that holds with equality, a profile nobody has)
are not free: the information is taken along the face of the restrictions they lie on.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh, null_space
from scipy.sparse import block_diag, csr_array, eye_array

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.classification.problem import ClassEvaluation, ClassProblem, State
from competency_dx.kernels.classes import attribute_distributions
from competency_dx.kernels.classes.item_classes import Louis, Point, louis, restrictions
from competency_dx.kernels.classes.least_distance import box, boxed_step, nearest, restricted_step

TIGHT = 1e-7
EMPTY = 1e-3  # expected persons in a latent group below which its probability is not estimated
FLAT = 1e-9  # eigenvalues of the scaled information below which a direction counts as flat
LEAST_SCALE = 1e-12
RIDGE = 1e-6


class Curved(NamedTuple):
    """What is known of the log-likelihood around a state.

    `information` (Y, Y) is by the item parameters F, then the distribution's: shares of the classes `shares` relative to the
    class `reference`, or λ. `basis` (Y, Y') spans the directions that are free; `gradient` (Y',), `covariance` (Y', Y') and
    `flat` (Y', n) are the gradient and the inverse along them and the directions without information.
    """

    gradient: Floats
    information: Floats
    basis: csr_array
    covariance: Floats
    flat: Floats
    smallest_eigenvalue: float
    shares: Ints
    reference: int
    empty: Bools

    @property
    def promised_gain(self) -> float:
        """Return the gain in log-likelihood that the quadratic model promises: gᵀ I⁻¹ g / 2."""
        return float(self.gradient @ self.covariance @ self.gradient) / 2


def curved(problem: ClassProblem, now: ClassEvaluation) -> Curved:
    """Return gradient, information and its inverse at an evaluation."""
    state, distribution = now.state, problem.distribution
    probability = problem.class_probabilities(state)[now.active]
    reference = int(np.argmax(probability))
    shares = np.delete(now.active, reference)
    if distribution.saturated:
        scores = np.diag(1 / probability)
        scores[reference] = -1 / probability[reference]
        scores = np.delete(scores, reference, axis=1)
    else:
        scores = attribute_distributions.class_scores(distribution, state.distribution)
    point = Point(problem.probabilities(state), problem.place[:, now.active], probability, scores)
    found = louis(problem.patterns, point, problem.executor)
    if not distribution.saturated:
        bend = attribute_distributions.curvature(distribution, state.distribution, found.nodes)
        found.information[problem.n_groups :, problem.n_groups :] -= bend
    gradient, information = _by_item_parameters(problem, state, found)
    basis, empty = _free_directions(problem, state, found)
    covariance, flat, smallest = inverse(np.asarray(basis.T @ np.asarray(basis.T @ information).T))
    free = np.asarray(basis.T @ gradient)
    return Curved(free, information, basis, covariance, flat, smallest, shares, int(now.active[reference]), empty)


def _by_item_parameters(problem: ClassProblem, state: State, found: Louis) -> tuple[Floats, Floats]:
    """Return gradient and information by the items' own parameters in place of group probabilities."""
    p, S = problem.probabilities(state), len(found.gradient) - problem.n_groups
    J = block_diag([*(item.jacobian(p) for item in problem.items), *([eye_array(S)] if S else [])], format="csr")
    gradient = np.asarray(J.T @ found.gradient)
    information = np.asarray(J.T @ np.asarray(J.T @ found.information).T)
    for item in problem.items:
        if item.link == "logit":
            own = p[item.where]
            bend = found.gradient[item.where] * own * (1 - own) * (1 - 2 * own)
            information[item.at, item.at] -= (item.design.T * bend) @ item.design
    return gradient, information


def _free_directions(problem: ClassProblem, state: State, found: Louis) -> tuple[csr_array, Bools]:
    """Return a basis (Y, Y') of the directions that keep every tight restriction tight, and the groups nobody is in."""
    empty = found.total < EMPTY
    out = []
    for item in problem.items:
        G, h = restrictions(item)
        fixed = np.concatenate([G[G @ state.items[item.at] - h < TIGHT], item.design[empty[item.where]]])
        out.append(null_space(fixed) if len(fixed) else np.eye(item.design.shape[1]))
    S = len(found.gradient) - problem.n_groups
    inner = np.ones(S, dtype=bool) if problem.distribution.saturated else _inner(state)
    return csr_array(block_diag([*out, *([np.eye(S)[:, inner]] if S else [])], format="csr")), empty


def inverse(information: Floats) -> tuple[Floats, Floats, float]:
    """Return the inverse (a pseudo-inverse beside flat directions), flat directions and the smallest scaled eigenvalue.

    Where the information is not definite its eigenvalues count by size, so that a Newton step still leads uphill; such
    a point is never reported as a maximum.
    """
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), LEAST_SCALE))
    correlation = information / np.outer(scale, scale)
    smallest = float(eigh(correlation, eigvals_only=True, subset_by_index=[0, 0])[0]) if len(scale) else 1.0
    if smallest > FLAT:
        return cho_solve(cho_factor(correlation), np.eye(len(scale))) / np.outer(scale, scale), np.zeros((len(scale), 0)), smallest
    values, vectors = np.linalg.eigh(correlation)
    sound = np.abs(values) > FLAT
    inner = (vectors[:, sound] / np.abs(values[sound])) @ vectors[:, sound].T
    return inner / np.outer(scale, scale), vectors[:, ~sound] / scale[:, None], smallest


def newton_step(problem: ClassProblem, now: ClassEvaluation, at: Curved) -> tuple[Floats, Floats]:
    """Return the Newton step of items (F,) and distribution; what would leave its restrictions goes to them, the others given that."""
    F, state, g = problem.n_item_parameters, now.state, at.gradient
    information = np.asarray(at.basis.T @ np.asarray(at.basis.T @ at.information).T)
    step, far = at.covariance @ g, attribute_distributions.FARTHEST
    share = state.distribution[at.shares if problem.distribution.saturated else _inner(state)]
    room = (-share, np.full(len(share), np.inf)) if problem.distribution.saturated else (-far - share, far - share)
    parts = [restrictions(item) for item in problem.items]
    slack = np.concatenate([h - G @ state.items[item.at] for item, (G, h) in zip(problem.items, parts, strict=True)])
    slack, S = np.minimum(slack, 0.0), at.basis.shape[0] - F
    G = block_diag([*(G for G, _ in parts), *([np.zeros((0, S))] if S else [])], format="csr") @ at.basis
    if at.smallest_eigenvalue <= FLAT or not (G @ step < slack - TIGHT).any():
        step = boxed_step(information, g, step, *room)
    else:
        B, b = box(len(step), *room)
        step = restricted_step(information, step, np.concatenate([G.toarray(), B]), np.concatenate([slack, b]))
    of_items, own = np.split(np.asarray(at.basis @ step), [F])
    if not problem.distribution.saturated:
        return of_items, own
    out = np.zeros(len(problem.distribution.members))
    out[at.shares], out[at.reference] = own, -own.sum()
    return of_items, out


def _inner(state: State) -> Bools:
    """Return which intercepts and slopes of the distribution are off their bound."""
    return np.asarray(np.abs(state.distribution) < attribute_distributions.FARTHEST - TIGHT)


def moved(problem: ClassProblem, state: State, at: Curved, step: tuple[Floats, Floats], share: float) -> State:
    """Return a state a share of a step on; items beyond their restrictions go to the nearest point within, by their information."""
    items = state.items + share * step[0]
    for item in problem.items:
        G, h = restrictions(item)
        if (G @ items[item.at] < h).any():
            metric = at.information[item.at, item.at]
            scale = np.maximum(np.abs(np.diag(metric)), LEAST_SCALE)
            values, vectors = np.linalg.eigh(metric / np.sqrt(np.outer(scale, scale)))
            definite = (vectors * np.maximum(values, RIDGE)) @ vectors.T * np.sqrt(np.outer(scale, scale))
            items[item.at] = nearest(definite, items[item.at], G, h)
    return problem.within(items, state.distribution + share * step[1])
