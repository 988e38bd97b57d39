"""What the answers of persons say of θ: posteriors on support points, and estimates by maximum likelihood and its relatives.

Posteriors are taken in blocks of one fixed size, which is part of the numbers: matrix products of one shape have the same digits for
a row wherever it stands, so one person, any subset and a million are scored to the same bytes. Short blocks are filled up with empty
rows. With P, P', P'' the category probabilities of an item of any family and their derivatives by θ,

    l'(θ) = Σ P'_x / P_x        I(θ) = Σ Σ_k P'_k² / P_k        J(θ) = Σ Σ_k P'_k P''_k / P_k

ML solves l' = 0; WLE solves l' + J / (2 I) = 0 (Warm 1989, doi:10.1007/BF02294627, eq. 12); MAP solves
l' - (θ - m) / v = 0. Each is found by scoring steps kept inside a bracket that shrinks around the root.

Joint MAP estimates of several competencies take guarded Newton steps. With η_i = Σ_d a_id θ_d the log posterior has the gradient
Σ_i a_i l_i'(η_i) - Σ⁻¹(θ - μ); steps use the expected information Σ_i a_i I_i(η_i) a_iᵀ + Σ⁻¹, the covariance at the end is the
inverse of the observed one.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Codes, Floats, Ints, blocks
from competency_dx.kernels.blocks import map_blocks, map_pieces
from competency_dx.kernels.grid import Answers, JointTerms, Tables, indicators, joint_terms, prior_coefficients

BLOCK = 512
NO_MASS = -37.0  # log of a weight beside 1 that double precision does not see
STRETCH = 4  # blocks to a task, so few that some thousand persons are work for two cores
Target = Literal["ML", "WLE", "MAP"]
Curves = Callable[[Floats], tuple[Floats, Floats, Floats]]
STEPS, JOINT_STEPS = 80, 100
CLOSE = 1e-10
LONGEST = 2.0
HALVINGS = 12
TINY = float(np.finfo(float).tiny)


def filled(answers: Answers, block: slice, size: int) -> Answers:
    """Return the answers of a block as a table of exactly `size` rows, missing ones appended."""
    codes = filled_table(answers.codes[block], size)
    observed = None if answers.observed is None else filled_table(answers.observed[block], size)
    short = size - len(answers.codes[block])
    normal = None if answers.normal is None else np.concatenate([answers.normal[block], np.ones((short, 2))])
    return answers._replace(codes=codes, observed=observed, normal=normal)


def filled_table(table: NDArray[Any], size: int) -> NDArray[Any]:
    """Return a table with empty rows added up to `size`."""
    short = size - len(table)
    return np.concatenate([table, np.zeros((short, *table.shape[1:]), dtype=table.dtype)]) if short else table


def for_each_posterior(answers: Answers, tables: Tables, write: Callable[[slice, Floats, Floats], None], *, size: int = BLOCK) -> None:
    """Call ``write(block, weight, log_scale)`` with posteriors (size, Q) up to a factor and the log of that factor (size,).

    Rows beyond the block are filling. It writes where it likes, so the blocks are mapped over the threads of this process.
    """
    terms = joint_terms(answers, tables)

    def some(stretch: slice) -> None:
        for start in range(stretch.start, stretch.stop, size):
            block = slice(start, min(start + size, stretch.stop))
            write(block, *_weight(answers, block, terms, size))

    for _ in map_blocks(some, len(answers.codes), size=STRETCH * size):
        pass


def summarise(answers: Answers, tables: Tables, executor: Executor | None = None) -> Floats:
    """Return EAP estimates, their SD (Bock & Mislevy 1982), mass on the end points and log evidence (4, P), on any executor."""
    powers = np.stack([np.ones_like(tables.theta), tables.theta, tables.theta**2], axis=1)
    one = partial(_summary, joint_terms(answers, tables), powers)
    return np.concatenate(list(map_pieces(one, answers.pieces(STRETCH * BLOCK), executor=executor)), axis=1)


def _summary(terms: JointTerms, powers: Floats, answers: Answers) -> Floats:
    """Return the summary (4, p) of the persons of one task."""
    P = len(answers.codes)
    mean, sd, ends, evidence = out = np.empty((4, P))
    for block in blocks(P, BLOCK):
        n = block.stop - block.start
        weight, top = _weight(answers, block, terms, BLOCK)
        total, first, second = (weight @ powers)[:n].T
        mean[block] = first / total
        sd[block] = np.sqrt(np.maximum(second / total - (first / total) ** 2, 0.0))
        ends[block] = (weight[:n, 0] + weight[:n, -1]) / total
        evidence[block] = np.log(total) + top[:n]
    return out


def _weight(answers: Answers, block: slice, terms: JointTerms, size: int) -> tuple[Floats, Floats]:
    """Return posteriors up to a factor (size, Q) of a block of persons, filled up, and the log of the factor (size,)."""
    rows = filled(answers, block, size)
    Z, absent = indicators(rows, slice(0, size))
    weight = Z @ terms.ratio  # as `log_joint`, person by person: each is summed up, and turning the table takes as long
    weight += terms.constant
    if absent is not None:
        weight -= absent @ terms.base
    if rows.normal is not None:
        weight += prior_coefficients(rows.normal) @ terms.powers
    top = weight.max(axis=1)
    weight -= top[:, None]
    return np.exp(weight, out=np.zeros_like(weight), where=weight > NO_MASS), top


def sum_score_likelihood(prob: Floats, n_categories: Ints) -> Floats:
    """Return L(s | θ) (S + 1, Q) for category probabilities (I, K, Q); S is the highest sum of points.

    L_n(s | θ) = Σ_k P(X_n = k | θ) L_{n-1}(s - k | θ)     (Lord & Wingersky 1984, doi:10.1177/014662168400800409)
    """
    out = np.ones((1, prob.shape[2]))
    for table, K in zip(prob, n_categories, strict=True):
        longer = np.zeros((len(out) + K - 1, prob.shape[2]))
        for k in range(K):
            longer[k : k + len(out)] += table[k] * out
        out = longer
    return out


ScoreSums = tuple[Floats, Floats, Floats, Floats]
"""Sums over a person's answered items (P,): l', expected information I, J, and observed information -l''."""


def moments(curves: Curves, codes: Codes, observed: Bools, theta: Floats) -> ScoreSums:
    """Return the sums that the estimating equations are made of, at one θ (P,) per person."""
    prob, first, second = curves(theta)
    ratio = first / np.maximum(prob, TINY)
    chosen = codes.astype(np.int64)[:, :, None]
    own = np.take_along_axis(ratio, chosen, axis=2)[:, :, 0]
    bend = np.take_along_axis(second / np.maximum(prob, TINY), chosen, axis=2)[:, :, 0]
    information, bias = np.einsum("pik,pik->pi", ratio, first), np.einsum("pik,pik->pi", ratio, second)
    slope, information, bias, bent = (np.where(observed, x, 0.0).sum(axis=1) for x in (own, information, bias, own**2 - bend))
    return slope, information, bias, bent


def solve(
    target: Target, curves: Curves, codes: Codes, observed: Bools, prior: tuple[float, float], bounds: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Return estimates (P,) within `bounds` and the information (P,) at them: observed, for WLE expected.

    `prior` is mean and variance of the normal prior of MAP. A root outside the bounds ends on the bound.
    Each person stops at a convergence of its own, so an estimate does not depend on who else is in the table.
    """
    P = len(codes)
    low, high = np.full(P, bounds[0]), np.full(P, bounds[1])
    theta, done = np.full(P, np.clip(prior[0], *bounds)), np.zeros(P, dtype=np.bool_)
    for _ in range(STEPS):
        value, step = _equation(target, moments(curves, codes, observed, theta), theta, prior)
        low, high = np.where(value > 0, theta, low), np.where(value > 0, high, theta)
        newton = theta + step
        following = np.where((newton > low) & (newton < high), newton, (low + high) / 2)
        theta, done = np.where(done, theta, following), done | (np.abs(following - theta) < CLOSE)
        if done.all():
            break
    _, expected, _, bent = moments(curves, codes, observed, theta)
    return theta, expected if target == "WLE" else bent


def _equation(target: Target, sums: ScoreSums, theta: Floats, prior: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return the value of the estimating equation and the scoring step."""
    slope, expected, bias, _ = sums
    information = np.maximum(expected, 1e-12)
    if target == "MAP":
        mean, variance = prior
        value = slope - (theta - mean) / variance
        return value, value / (information + 1 / variance)
    value = slope + (bias / (2 * information) if target == "WLE" else 0.0)
    return value, np.clip(value / information, -LONGEST, LONGEST)


class _At(NamedTuple):
    """Objective (p,), gradient (p, D), expected and observed information (p, D, D)."""

    objective: Floats
    gradient: Floats
    expected: Floats
    observed: Floats


def joint_modes(
    curves: Curves, slopes: Floats, codes: Codes, observed: Bools, prior: tuple[Floats, Floats], reach: Floats
) -> tuple[Floats, Floats]:
    """Return modes (P, D), no farther than `reach` (D,) from the prior mean, and covariances (P, D, D).

    The normal prior is its mean (D,) and precision (D, D), a precision of zero is maximum likelihood; `curves` gives probabilities
    and their first two derivatives by η (P, I, K) at points (P, D); `slopes` are (I, D).
    """
    (P, D), (centre, _) = (len(codes), slopes.shape[1]), prior
    theta, done = np.tile(centre, (P, 1)), np.zeros(P, dtype=np.bool_)
    now = _evaluated(curves, slopes, codes, observed, prior, theta)
    ridge = 1e-9 * np.eye(D)
    for _ in range(JOINT_STEPS):
        step = np.linalg.solve(now.expected + ridge, now.gradient[:, :, None])[:, :, 0]
        step *= np.minimum(1.0, LONGEST / np.maximum(np.abs(step).max(axis=1), TINY))[:, None]
        step[done] = 0.0
        for _ in range(HALVINGS):
            further = np.clip(theta + step, centre - reach, centre + reach)
            after = _evaluated(curves, slopes, codes, observed, prior, further)
            worse = after.objective < now.objective - 1e-12 * np.abs(now.objective)
            if not worse.any():
                break
            step[worse] /= 2
        done = done | (np.abs(further - theta).max(axis=1) < CLOSE)
        theta, now = further, after
        if done.all():
            break
    proper = np.linalg.eigvalsh(now.observed)[:, 0] > 1e-8  # else the expected information stands for the observed one
    information = np.where(proper[:, None, None], now.observed, now.expected)
    return theta, np.asarray(np.linalg.inv(information + ridge))


def _evaluated(curves: Curves, slopes: Floats, codes: Codes, observed: Bools, prior: tuple[Floats, Floats], theta: Floats) -> _At:
    mean, precision = prior
    prob, first, second = curves(theta)
    prob = np.maximum(prob, TINY)
    chosen = codes.astype(np.int64)[:, :, None]
    own = np.take_along_axis(prob, chosen, axis=2)[:, :, 0]
    rise = np.take_along_axis(first, chosen, axis=2)[:, :, 0] / own
    bend = rise**2 - np.take_along_axis(second, chosen, axis=2)[:, :, 0] / own
    expected = (first**2 / prob).sum(axis=2)
    off = theta - mean
    pull = off @ precision
    objective = np.where(observed, np.log(own), 0.0).sum(axis=1) - 0.5 * (off * pull).sum(axis=1)
    gradient = np.where(observed, rise, 0.0) @ slopes - pull
    outer = (slopes[:, :, None] * slopes[:, None, :]).reshape(len(slopes), -1)
    D = slopes.shape[1]
    information = [(np.where(observed, x, 0.0) @ outer).reshape(-1, D, D) + precision for x in (expected, bend)]
    return _At(objective, gradient, *information)
