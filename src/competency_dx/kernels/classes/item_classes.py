"""Restricted latent class models: E-step over classes of profiles, M-step of every item at once, observed information.

P(X_i = 1 | class c) depends on c through the latent group of the item alone, so expected counts of classes are added up
by group. Saturated items (G-DINA, DINA, DINO; de la Torre 2011, doi:10.1007/s11336-011-9207-7) have a closed form M-step;
items with an additive predictor (ACDM on the identity, LLM on the logit link) take Newton steps in a box, cheap and in need of no
more than a direction uphill; order and range restrictions are kept exactly by least distance programming, which is non-negative
least squares (Lawson & Hanson 1974, chapter 23, doi:10.1137/1.9781611971217): one finite algorithm for isotonic regression over a
partial order, for an additive model kept inside (0, 1), and for both together. The information is in closed form by Louis' identity:

I = Σ_p { E[-∂² ℓ_c | x_p] - E[s sᵀ | x_p] + S_p S_pᵀ },  S_p = E[s | x_p]    (Louis 1982, doi:10.1111/j.2517-6161.1982.tb01203.x)

Items and distribution of the classes together. In the probabilities p_g of the latent groups the likelihood of a class is
linear in each, so within an item only S_p S_pᵀ is left, and between items E[s_i s_jᵀ | x_p] is a weighted Gram matrix per
class; both are matrix products.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from itertools import starmap
from typing import Literal, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import expit, logit

from competency_dx.arrays import Floats, Ints
from competency_dx.kernels.blocks import map_pieces, summed, taken
from competency_dx.kernels.grid import normalise

HALVINGS = 12
SLACK = 1e-12
RIDGE = 1e-10
RIDGES, OPTIMAL = (0.0, 1e-6, 1e-5), 1e-8
FEW = 64
BROKEN = 1e-10
Link = Literal["identity", "logit"]
BOUND = 1e-4  # probabilities stay in [BOUND, 1 - BOUND]
BLOCK, LARGE_BLOCK = 512, 4096
NEWTON_STEPS = 4
LEAST = 1e-8
FAINTEST = 1e-10
NOBODY = 1e-12


def nearest(metric: Floats, target: Floats, G: Floats, h: Floats) -> Floats:
    """Return the x (F,) that minimises (x - target)ᵀ metric (x - target) subject to G x >= h.

    The metric (F, F) is positive definite; `target` (F,), the minimum without constraints, is returned when it satisfies them.
    The constraints G (E, F) and h (E,) must have a common solution.
    """
    from scipy.optimize import nnls

    gap = h - G @ target
    if gap.max(initial=-1.0) <= SLACK:
        return target
    scale = np.abs(gap).max()
    root = np.linalg.cholesky(metric)
    A = solve_triangular(root, G.T, lower=True)
    width = np.maximum(np.linalg.norm(A, axis=0), 1e-300)
    E = np.concatenate([A / width, (gap / scale / width)[None, :]])
    last = np.zeros(len(E))
    last[-1] = 1.0
    for ridge in RIDGES:  # where restrictions are alike the solver may stop off the minimum; a little more makes it unique
        padded = np.concatenate([E, ridge * np.eye(E.shape[1])]) if ridge else E
        u = nnls(padded, np.pad(last, (0, len(padded) - len(last))), maxiter=10 * E.shape[1] + 20)[0]
        residual = E @ u - last
        slope = E.T @ residual
        if max(-slope.min(), np.abs(slope[u > 0]).max(initial=0.0)) <= OPTIMAL:
            break
    return np.asarray(target + scale * solve_triangular(root, -residual[:-1] / residual[-1], lower=True, trans="T"))


def climbed(objective: Callable[[Floats], float], at: Floats, step: Floats, now: float) -> tuple[Floats, float]:
    """Return the point after a step, its half … that does not lower an objective, with its value; the point itself where none is."""
    for _ in range(HALVINGS):
        after = objective(at + step)
        if after >= now:
            return at + step, after
        step = step / 2
    return at, now


def boxed_step(information: Floats, gradient: Floats, step: Floats, low: Floats, high: Floats) -> Floats:
    """Return a Newton step (Y,) whose last coordinates stay within a box.

    Few coordinates are solved for exactly. Of many, those that leave the box are moved to its side and the others step
    given that, until none leaves it. Information (Y, Y) and gradient (Y,) are of the objective to be raised, `step` (Y,) is the
    one without a box, and low <= 0 <= high (B,) bound the moves of the last B <= Y coordinates.
    """
    first = len(step) - len(low)
    if not ((step[first:] < low) | (step[first:] > high)).any():
        return step
    if len(low) <= FEW:
        try:
            return restricted_step(information, step, *box(len(step), low, high))
        except np.linalg.LinAlgError:  # not definite: the rule below still gives a direction to try
            pass
    pinned, target = np.zeros(len(low), dtype=np.bool_), np.zeros(len(low))
    while ((over := (step[first:] < low) | (step[first:] > high)) & ~pinned).any():
        target = np.where(pinned, target, np.clip(step[first:], low, high))
        pinned |= over
        step = _pinned_step(information, gradient, first + np.flatnonzero(pinned), target[pinned])
    return step


def box(Y: int, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return G (E, Y) and h (E,) of G x >= h for bounds of the last coordinates, infinite ones left out."""
    rows = np.eye(Y)[Y - len(low) :]
    G, h = np.concatenate([rows, -rows]), np.concatenate([low, -high])
    finite = np.isfinite(h)
    return G[finite], h[finite]


def restricted_step(information: Floats, step: Floats, G: Floats, h: Floats) -> Floats:
    """Return the step nearest to a Newton step, by the information, with G x >= h; restrictions count once some step broke them."""
    taken, found = np.zeros(len(h), dtype=np.bool_), step
    while (broken := (G @ found < h - BROKEN) & ~taken).any():
        taken |= broken
        found = nearest(information, step, G[taken], h[taken])
    return found


def _pinned_step(information: Floats, gradient: Floats, pinned: Ints, move: Floats) -> Floats:
    """Return the Newton step with some coordinates moved by a given amount."""
    out = np.zeros(len(gradient))
    left = np.setdiff1d(np.arange(len(gradient)), pinned)
    out[pinned] = move
    inner = information[np.ix_(left, left)]
    inner[np.diag_indices_from(inner)] *= 1 + RIDGE
    right = gradient[left] - information[np.ix_(left, pinned)] @ move
    try:
        out[left] = cho_solve(cho_factor(inner), right)
    except np.linalg.LinAlgError:
        out[left] = np.linalg.lstsq(inner, right, rcond=RIDGE)[0]
    return out


class Patterns(NamedTuple):
    """Distinct answer patterns: right answers (U, I), answers given (U, I) or None when complete, how often (U,)."""

    right: Floats
    given: Floats | None
    weight: Floats

    def pieces(self, size: int) -> "Iterator[Patterns]":
        """Return the patterns in blocks, views of the whole."""
        return starmap(Patterns, taken(len(self.weight), size, *self))


class Predictor(NamedTuple):
    """One item: its groups are `where` in the group vector, its parameters `at` in the parameter vector.

    The predictor of the groups is `design` (W, F) times the parameters, on `link`; for a saturated item on the identity link `design`
    is the identity matrix. `below` (E, F) times the parameters must not be negative (monotonicity), (0, F) when there is no order.
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
    joint += low.sum(axis=0) if patterns.given is None else patterns.given @ low
    joint += log_weight
    return np.asarray(joint)


def e_step(patterns: Patterns, table: Floats, probability: Floats, executor: Executor | None = None) -> ExpectedClasses:
    """Return marginal log-likelihood and expected counts for probabilities (I, C) and class probabilities (C,)."""
    one = partial(_block_statistics, table, np.log(np.maximum(probability, 1e-300)))
    ll, right, given, persons = summed(map_pieces(one, patterns.pieces(BLOCK), executor=executor))
    return ExpectedClasses(float(ll), right, np.broadcast_to(persons, right.shape) if patterns.given is None else given, persons)


def _block_statistics(table: Floats, log_weight: Floats, patterns: Patterns) -> ExpectedClasses:
    """Return the statistics of one block of patterns; no answers (0, 0) where they are complete."""
    evidence, posterior = normalise(log_joint(patterns, table, log_weight))
    posterior *= patterns.weight[:, None]
    given = np.zeros((0, 0)) if patterns.given is None else patterns.given.T @ posterior
    return ExpectedClasses(float(patterns.weight @ evidence), patterns.right.T @ posterior, given, posterior.sum(axis=0))


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
    return np.concatenate(list(map_pieces(lambda piece: normalise(log_joint(piece, table, log_weight))[0], patterns.pieces(BLOCK))))


def by_group(of_classes: Floats, place: Ints, G: int) -> Floats:
    """Add up counts per item and class (I, C) by latent group (G,)."""
    return np.bincount(place.ravel(), weights=of_classes.ravel(), minlength=G).astype(np.float64)


def group_probabilities(items: tuple[Predictor, ...], parameters: Floats) -> Floats:
    """Return the probability of a right answer in every latent group (G,)."""
    out = np.empty(items[-1].where.stop)
    for item in items:
        eta = parameters[item.at] if item.saturated else item.design @ parameters[item.at]
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
    (G, h), beta = restrictions(item), start

    def height(at: Floats) -> float:
        p = _probability(item, at)
        return float(R @ np.log(p) + (N - R) @ np.log1p(-p))

    now = height(beta)
    for _ in range(NEWTON_STEPS):
        p = _probability(item, beta)  # then slope and information of the objective by the predictor of each group
        if item.link == "logit":
            score, weight = R - N * p, N * p * (1 - p)
        else:
            score, weight = (R - N * p) / (p * (1 - p)), R / p**2 + (N - R) / (1 - p) ** 2
        H = (item.design.T * weight) @ item.design
        H[np.diag_indices_from(H)] += 1e-10 * np.trace(H) + LEAST
        target, before = nearest(H, beta + np.linalg.solve(H, item.design.T @ score), G, h), now
        beta, now = climbed(height, beta, target - beta, before)
        if now - before < 1e-12 * (1 + abs(now)):
            break
    return beta


def _probability(item: Predictor, beta: Floats) -> Floats:
    eta = item.design @ beta
    return np.clip(eta if item.link == "identity" else expit(eta), BOUND / 2, 1 - BOUND / 2)


class Point(NamedTuple):
    """Where the information is taken: group probabilities (G,), classes and what is known of them.

    `place` (I, C) is the group of each class on each item, `probability` (C,) of the classes, `scores` (C, S) the
    derivatives of log probability by the S parameters of the distribution.
    """

    p: Floats
    place: Ints
    probability: Floats
    scores: Floats


class Louis(NamedTuple):
    """Gradient (G + S,), observed information (G + S, G + S) but for the distribution's curvature, expected answers and persons."""

    gradient: Floats
    information: Floats
    total: Floats
    nodes: Floats


def louis(patterns: Patterns, point: Point, executor: Executor | None = None) -> Louis:
    """Return gradient and information by groups and distribution; the caller subtracts Σ_c N_c (1 / π_c) ∂²π_c (saturated: 0)."""
    G, table = len(point.p), point.p[point.place]
    log_weight = np.log(np.maximum(point.probability, 1e-300))
    member = np.zeros((len(point.probability), G))
    for row in point.place:
        member[np.arange(len(row)), row] = 1.0
    item_of = np.zeros(G, dtype=np.int64)
    item_of[point.place] = np.arange(len(point.place))[:, None]
    variance = point.p * (1 - point.p)
    pieces = patterns.pieces(BLOCK if len(patterns.weight) <= LARGE_BLOCK else LARGE_BLOCK)
    parts = map_pieces(partial(_block_sums, point, log_weight, member, item_of), pieces, executor=executor)
    information, gram, right, given, nodes, slope = summed(parts)
    information[:G, :G] -= gram
    residual = (right - given * table) / variance[point.place]
    for row, own in zip(point.place, residual, strict=True):
        member[np.arange(len(row)), row] = own
    information[:G, G:] -= member.T @ point.scores
    information[G:, :G] = information[:G, G:].T
    return Louis(slope, information, by_group(given, point.place, G), nodes)


def _block_sums(point: Point, log_weight: Floats, member: Floats, item_of: Ints, patterns: Patterns) -> tuple[Floats, ...]:
    """Return what a block of patterns adds: S Sᵀ, Gram matrix between items, right answers, answers, persons, gradient."""
    _, posterior = normalise(log_joint(patterns, point.p[point.place], log_weight))
    right, w, p = patterns.right, patterns.weight, point.p
    given = np.ones_like(right) if patterns.given is None else patterns.given
    S = posterior @ member
    S *= (right[:, item_of] - given[:, item_of] * p) / (p * (1 - p))
    S = np.concatenate([S, posterior @ point.scores], axis=1)
    weighted, mass = S * w[:, None], posterior * w[:, None]
    gram = _between_items(right, given, mass, point)
    return (S.T @ weighted, gram, right.T @ mass, given.T @ mass, mass.sum(axis=0), weighted.sum(axis=0))


def _between_items(right: Floats, given: Floats, mass: Floats, point: Point) -> Floats:
    """Return Σ_p Σ_c w_pc s_pi s_pj at the groups of different items i, j that class c is in (G, G)."""
    out = np.zeros((len(point.p), len(point.p)))
    root = np.sqrt(mass)
    for c in np.flatnonzero(mass.sum(axis=0) > NOBODY):
        at = point.place[:, c]
        p = point.p[at]
        z = (right - given * p) * root[:, c : c + 1]
        gram = (z.T @ z) / np.outer(p * (1 - p), p * (1 - p))
        np.fill_diagonal(gram, 0.0)
        out[np.ix_(at, at)] += gram
    return out
