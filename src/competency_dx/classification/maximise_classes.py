"""Maximising the marginal likelihood: accelerated EM, Newton steps at the end, a certificate, several starts.

The certificate has three parts: the gain that the gradient and the observed information still promise is below the
tolerance, the information is positive definite along the free directions, and no profile left out would raise the
likelihood (the general mixture maximum likelihood theorem, Lindsay 1983, doi:10.1214/aos/1176346059).

Newton steps stay within the restrictions. Parameters at a bound (a probability at its limit, an order restriction that holds with
equality, a profile nobody has) are not free: the information is taken along the face of the restrictions they lie on.
"""

from itertools import count
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh, null_space
from scipy.sparse import block_diag, coo_array, csr_array, eye_array

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.classification.problem import ClassEvaluation, ClassificationML, ClassProblem, State, start
from competency_dx.kernels import classes
from competency_dx.kernels.classes import item_classes
from competency_dx.kernels.classes.item_classes import BOUND, Louis, Point, class_gradient, log_evidence, louis, restrictions

TIGHT = 1e-7
EMPTY = 1e-3  # expected persons in a latent group below which its probability is not estimated
FLAT = 1e-9  # eigenvalues of the scaled information below which a direction counts as flat
LEAST_SCALE = 1e-12
RIDGE = 1e-6
HANDOVER = 1e-4  # EM hands over to Newton when a cycle gains less
NARROWEST_GATE = 1e-12
MAX_ROUNDS = 60
HALVINGS = 8
LONGEST, LEAST_SHARE = 64.0, 0.1  # of a SQUAREM step: its length, and the share of a class that it leaves
MISSED = 1e-4  # excess of the derivative by the share of a class, over the persons, from which it is missed
ADDED = 1e-2  # persons given to a class that was missed
VANISHING, SHRINKING = 3e-2, 1e-3
INDEFINITE = 1e-7  # scaled eigenvalues below minus this show that EM has not reached the hill of a maximum


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
        scores = classes.class_scores(distribution, state.distribution)
    point = Point(problem.probabilities(state), problem.place[:, now.active], probability, scores)
    found = louis(problem.patterns, point, problem.executor)
    if not distribution.saturated:
        bend = classes.distribution_curvature(distribution, state.distribution, found.nodes)
        found.information[problem.n_groups :, problem.n_groups :] -= bend
    gradient, information = _by_item_parameters(problem, state, found)
    basis, empty = _free_directions(problem, state, found)
    covariance, flat, smallest = inverse(np.asarray(basis.T @ np.asarray(basis.T @ information).T))
    free = np.asarray(basis.T @ gradient)
    return Curved(free, information, basis, covariance, flat, smallest, shares, int(now.active[reference]), empty)


def _by_item_parameters(problem: ClassProblem, state: State, found: Louis) -> tuple[Floats, Floats]:
    """Return gradient and information by the items' own parameters in place of group probabilities."""
    p, S = problem.probabilities(state), len(found.gradient) - problem.n_groups
    J = _diagonal(*(item.jacobian(p) for item in problem.items), *([eye_array(S)] if S else []))
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
    return _diagonal(*out, *([np.eye(S)[:, inner]] if S else [])), empty


def _diagonal(*parts: Any) -> csr_array:  # noqa: ANN401 - dense or sparse
    return csr_array(block_diag([coo_array(part) for part in parts]))  # of sparse arrays the old kind of matrix is not made


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
    step, far = at.covariance @ g, classes.FARTHEST
    share = state.distribution[at.shares if problem.distribution.saturated else _inner(state)]
    room = (-share, np.full(len(share), np.inf)) if problem.distribution.saturated else (-far - share, far - share)
    parts = [restrictions(item) for item in problem.items]
    slack = np.concatenate([h - G @ state.items[item.at] for item, (G, h) in zip(problem.items, parts, strict=True)])
    slack, S = np.minimum(slack, 0.0), at.basis.shape[0] - F
    G = _diagonal(*(G for G, _ in parts), *([np.zeros((0, S))] if S else [])) @ at.basis
    if at.smallest_eigenvalue <= FLAT or not (G @ step < slack - TIGHT).any():
        step = item_classes.boxed_step(information, g, step, *room)
    else:
        B, b = item_classes.box(len(step), *room)
        step = item_classes.restricted_step(information, step, np.concatenate([G.toarray(), B]), np.concatenate([slack, b]))
    of_items, own = np.split(np.asarray(at.basis @ step), [F])
    if not problem.distribution.saturated:
        return of_items, own
    out = np.zeros(len(problem.distribution.members))
    out[at.shares], out[at.reference] = own, -own.sum()
    return of_items, out


def _inner(state: State) -> Bools:
    """Return which intercepts and slopes of the distribution are off their bound."""
    return np.asarray(np.abs(state.distribution) < classes.FARTHEST - TIGHT)


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
            items[item.at] = item_classes.nearest(definite, items[item.at], G, h)
    return problem.within(items, state.distribution + share * step[1])


class ClassFit(NamedTuple):
    """Where an estimation ended; `missed`: largest excess of the likelihood of a class left out, `starts`: log L reached from each."""

    now: ClassEvaluation
    at: Curved
    iterations: int
    missed: float
    starts: tuple[float, ...]
    converged: bool


def fit(problem: ClassProblem, method: ClassificationML) -> ClassFit:
    """Return the best maximum over the starts; the first of equals wins."""
    found = [_from(problem, start(problem, k), method) for k in range(method.starts)]
    reached = tuple(f.now.log_likelihood for f in found)
    best = next(f for f in found if f.now.log_likelihood >= max(reached) - 1e-6)
    return best._replace(starts=reached, iterations=sum(f.iterations for f in found))


def _from(problem: ClassProblem, state: State, method: ClassificationML) -> ClassFit:
    """Return the maximum reached from one starting point, by rounds of EM and a Newton step."""
    now, done, gate = problem.evaluate(state), 1, HANDOVER
    kept = np.zeros(len(problem.place.T), dtype=np.bool_)
    for rounds in count(1):
        now, steps = _climbed(problem, now, gate, method.max_iterations - done)
        now = problem.evaluate(_without_vanishing(problem, now, kept))
        done += steps + 1
        exhausted = done >= method.max_iterations or gate < NARROWEST_GATE or rounds >= MAX_ROUNDS
        missed, state = _with_missed(problem, now)
        if missed > MISSED and not exhausted:
            kept |= (state.distribution > 0) & (now.state.distribution == 0)
            now, done, gate = problem.evaluate(state), done + 1, HANDOVER
            continue
        at = curved(problem, now)
        concave = at.smallest_eigenvalue > -INDEFINITE
        converged = at.promised_gain <= method.tolerance and concave and missed <= MISSED
        if converged or exhausted:
            break
        after, steps = _stepped(problem, now, at)
        done += steps
        now, gate = (now, gate / 10) if after is None else (after, gate)  # EM goes on to smaller gains
    return ClassFit(now, at, done, missed, (now.log_likelihood,), converged)


def _climbed(problem: ClassProblem, now: ClassEvaluation, gate: float, left: int) -> tuple[ClassEvaluation, int]:
    """Return the evaluation where a SQUAREM cycle gains less than `gate`, and the E-steps it took."""
    done = 0
    while done < left:
        one = problem.evaluate(problem.m_step(now))
        two = problem.m_step(one)
        further, steps = problem.evaluate(extrapolate(problem, now.state, one.state, two)), 2
        if not further.log_likelihood >= one.log_likelihood:  # lower, or no number
            further, steps = problem.evaluate(two), 3
        gain, now, done = further.log_likelihood - now.log_likelihood, further, done + steps
        if gain < gate:
            break
    return now, done


def extrapolate(problem: ClassProblem, zero: State, one: State, two: State) -> State:
    """Return the SQUAREM point of three successive EM states (Varadhan & Roland 2008, S3, doi:10.1111/j.1467-9469.2007.00585.x).

    Shares of classes stay positive; items that would leave the range of probabilities keep the last EM step.
    """
    flat = [np.concatenate(state) for state in (zero, one, two)]
    r, v = flat[1] - flat[0], flat[2] - 2 * flat[1] + flat[0]
    alpha = -min(max(float(np.linalg.norm(r)) / max(float(np.linalg.norm(v)), 1e-300), 1.0), LONGEST)
    items, distribution = np.split(flat[0] - 2 * alpha * r + alpha**2 * v, [problem.n_item_parameters])
    for item in problem.items:
        if item.saturated:
            items[item.at] = np.clip(items[item.at], BOUND, 1 - BOUND)
            continue
        G, h = restrictions(item)
        if (G @ items[item.at] < h).any():
            items[item.at] = two.items[item.at]
    return problem.within(items, distribution, LEAST_SHARE * two.distribution)


def _without_vanishing(problem: ClassProblem, now: ClassEvaluation, kept: Bools) -> State:
    """Return the state an EM step on, exactly at its restrictions, without classes that EM is emptying but for those `kept`."""
    state = problem.m_step(now)
    if not problem.distribution.saturated:
        return state
    before = now.state.distribution[now.active] * problem.persons
    vanishing = (now.expected.nodes < VANISHING) & (now.expected.nodes < before * (1 - SHRINKING))
    share = state.distribution.copy()
    share[now.active[vanishing & ~kept[now.active]]] = 0.0
    return State(state.items, share / share.sum())


def _stepped(problem: ClassProblem, now: ClassEvaluation, at: Curved) -> tuple[ClassEvaluation | None, int]:
    """Return the evaluation after a Newton step and an EM step, None where no share of the step raises the likelihood."""
    step, share = newton_step(problem, now, at), 1.0
    for k in range(HALVINGS):
        after = problem.evaluate(moved(problem, now.state, at, step, share))
        if after.log_likelihood > now.log_likelihood:
            return problem.evaluate(problem.m_step(after)), k + 2
        share /= 2
    return None, HALVINGS


def _with_missed(problem: ClassProblem, now: ClassEvaluation) -> tuple[float, State]:
    """Return the largest relative excess of a class left out, and the state with such classes let in."""
    if not len(out := np.setdiff1d(np.arange(problem.place.shape[1]), now.active)):
        return 0.0, now.state
    p, probability = problem.probabilities(now.state), problem.class_probabilities(now.state)
    evidence: Floats = log_evidence(problem.patterns, p[problem.place[:, now.active]], probability[now.active])
    excess = class_gradient(problem.patterns, p[problem.place[:, out]], evidence, problem.executor) / problem.persons - 1
    share = now.state.distribution.copy()
    share[out[excess > MISSED]] += ADDED / problem.persons
    return max(float(excess.max()), 0.0), State(now.state.items, share / share.sum())
