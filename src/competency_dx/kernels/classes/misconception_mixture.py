"""Which option is chosen among the wrong ones, when some people hold a misconception: a mixture within a nested logit.

A person has an ability θ and states α_m ∈ {0, 1}, one for each of M misconceptions, independent given θ; z = (θ - μ) / σ:

    P(α_m = 1 | θ) = 1 / (1 + exp(-(κ_m + λ_m z)))

The score of an item follows its response model given θ. Given the score, the answer is one of the alternatives n that earn it
(the wrong options of single choice; the sets of ticked options of multiple choice), by a conditional logit:

    P(n | score, θ, α) ∝ exp(Σ_v x_nv (e_v + s_v z) + Σ_m δ_m α_m t_nm)

with x_nv = 1 where alternative n ticks option v, t_nm the number of ticked options that name misconception m, and δ_m > 0 what
holding it adds to their log-odds. Without δ this is the nested logit of Suh & Bolt (2010, doi:10.1007/s11336-010-9163-7):
distractors attract people of different ability for reasons of their own. Latent misconceptions beside a continuous ability are
those of Bradshaw & Templin (2014, doi:10.1007/s11336-013-9350-4) and Kuo, Chen & de la Torre (2018,
doi:10.1177/0146621617722791), who let them change the keyed response too.

The score is independent of α given θ, so a person's likelihood is Σ_q w_q Σ_α P(α | θ_q) P(alternatives | θ_q, α), with w the
posterior of θ given the scores: made once, as weights (P, Q). A log joint is a matrix product, as everywhere: log P of what a
person chose (P, Q C) = Z @ log P(n | θ, α) (N, Q C).

Parameters are ψ = (κ, λ, τ = log δ, e, s), F = 3 M + 2 V. Axes: N alternatives, V options, C = 2^M states of the person.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, log_expit

from competency_dx.arrays import Bools, Floats, Ints
from competency_dx.kernels.blocks import map_blocks

BLOCK = 1024
CELLS = 4_000_000  # numbers held at once by the information
REACH = 30.0  # bounds of the parameters: beyond them nothing changes
ROUGH = 1e-3  # gradient, per unit, that the first search stops at


class Choices(NamedTuple):
    """The alternatives among which persons choose, and what they chose.

    `ticks` (N, V) and `marks` (N, M) are x and t; `first` (S,) where each of the S sets of alternatives that earn the same score
    begins, consecutively; `chosen` (P, N) marks what persons chose.
    """

    ticks: Floats
    marks: Floats
    first: Ints
    chosen: csr_array


def sets_of(first: Ints, n: int) -> Ints:
    """Return the set that each of n alternatives belongs to (n,), where each of the sets begins at `first` (S,)."""
    return np.repeat(np.arange(len(first)), np.diff(np.append(first, n)))


class AbilityWeights(NamedTuple):
    """Posterior of ability given scores: points z (Q,) in population SD from the mean, weights (P, Q), each row adding to 1."""

    z: Floats
    weights: Floats


class MixtureProblem(NamedTuple):
    """What is estimated from: choices, the persons who made them, means and standard deviations (F,) of normal priors of ψ."""

    choices: Choices
    persons: AbilityWeights
    prior_mean: Floats
    prior_sd: Floats

    @property
    def M(self) -> int:
        """Return the number of misconceptions."""
        return int(self.choices.marks.shape[1])

    def thinned(self, most: int) -> "MixtureProblem":
        """Return the problem of every k-th person, at most `most` of them."""
        k = -(-len(self.persons.weights) // most)
        choices = self.choices._replace(chosen=self.choices.chosen[::k])
        return self._replace(choices=choices, persons=self.persons._replace(weights=self.persons.weights[::k]))


class MixtureCounts(NamedTuple):
    """What an E-step leaves: log-likelihood, posterior of the states (P, C), joint counts (Q, C), choices made (N, Q, C)."""

    log_likelihood: float
    posterior: Floats
    counts: Floats
    taken: Floats


class MixtureParameters(NamedTuple):
    """Parameters by kind: κ, λ, δ (M,), e, s (V,)."""

    level: Floats
    slope: Floats
    strength: Floats
    base: Floats
    trend: Floats


def parts(psi: Floats, M: int) -> MixtureParameters:
    """Return the parameters ψ (F,) by kind."""
    level, slope, log_strength = psi[: 3 * M].reshape(3, M)
    base, trend = psi[3 * M :].reshape(2, -1)
    return MixtureParameters(level, slope, np.exp(log_strength), base, trend)


def states(M: int) -> Bools:
    """Return the C = 2^M states of a person (C, M), nothing held first."""
    return np.asarray((np.arange(2**M)[:, None] >> np.arange(M)) & 1, dtype=np.bool_)


def log_prevalence(psi: Floats, M: int, z: Floats) -> Floats:
    """Return log P(α | θ) (Q, C) at points z (Q,)."""
    of = parts(psi, M)
    logit, which = of.level + of.slope * z[:, None], states(M).astype(np.float64)
    return np.asarray(log_expit(logit) @ which.T + log_expit(-logit) @ (1 - which).T)


def choice_table(psi: Floats, choices: Choices, z: Floats) -> Floats:
    """Return log P(n | score, θ, α) (N, Q, C)."""
    of = parts(psi, choices.marks.shape[1])
    by_ability = (choices.ticks @ of.base)[:, None] + (choices.ticks @ of.trend)[:, None] * z
    by_state = (choices.marks * of.strength) @ states(choices.marks.shape[1]).T
    eta = by_ability[:, :, None] + by_state[:, None, :]
    set_of = sets_of(choices.first, len(eta))
    eta -= np.maximum.reduceat(eta, choices.first)[set_of]
    return np.asarray(eta - np.log(np.add.reduceat(np.exp(eta), choices.first))[set_of])


def tables(psi: Floats, problem: MixtureProblem) -> tuple[Floats, Floats]:
    """Return log P(n | θ, α) (N, Q C) and P(α | θ) (Q, C), which the posteriors of all persons follow from."""
    z, choices = problem.persons.z, problem.choices
    table = choice_table(psi, choices, z).reshape(len(choices.ticks), -1)
    return table, np.exp(log_prevalence(psi, problem.M, z))


def joint_posterior(at: tuple[Floats, Floats], problem: MixtureProblem, block: slice) -> tuple[float, Floats]:
    """Return of a block of persons the log-likelihood and the posteriors of point and state (p, Q, C)."""
    choice, prior = at
    joint = problem.choices.chosen[block] @ choice
    top = joint.max(axis=1)
    np.exp(joint - top[:, None], out=joint)
    cube = joint.reshape(len(joint), *prior.shape)
    cube *= problem.persons.weights[block, :, None] * prior
    total = cube.sum(axis=(1, 2))
    cube /= total[:, None, None]
    return float((np.log(total) + top).sum()), cube


def e_step(psi: Floats, problem: MixtureProblem) -> MixtureCounts:
    """Return log-likelihood, posteriors and expected counts at parameters ψ (F,)."""
    at, chosen = tables(psi, problem), problem.choices.chosen
    posterior = np.empty((len(problem.persons.weights), 2**problem.M))

    def one(block: slice) -> tuple[float, Floats, Floats]:
        evidence, cube = joint_posterior(at, problem, block)
        posterior[block] = cube.sum(axis=1)
        return evidence, cube.sum(axis=0), chosen[block].T @ cube.reshape(len(cube), -1)

    total, counts, taken = 0.0, np.zeros_like(at[1]), np.zeros_like(at[0])
    for evidence, of_points, of_choices in map_blocks(one, len(posterior), size=BLOCK):
        total += evidence
        counts += of_points
        taken += of_choices
    return MixtureCounts(total, posterior, counts, taken.reshape(-1, *counts.shape))


def gradient(psi: Floats, problem: MixtureProblem, step: MixtureCounts) -> Floats:
    """Return the gradient (F,) of the log-likelihood, that of the complete data at the expected counts (Fisher's identity)."""
    choices, z, M = problem.choices, problem.persons.z, problem.M
    sizes = np.add.reduceat(step.taken, choices.first)[sets_of(choices.first, len(step.taken))]
    off = step.taken - sizes * np.exp(choice_table(psi, choices, z))
    by_point = choices.ticks.T @ off.sum(axis=2)
    levels = np.einsum("qc,cqf->f", step.counts, level_scores(psi, M, z))
    log_strength = parts(psi, M).strength * (choices.marks * (off.sum(axis=1) @ states(M))).sum(axis=0)
    return np.concatenate([levels, log_strength, by_point.sum(axis=1), by_point @ z])


def level_scores(psi: Floats, M: int, z: Floats) -> Floats:
    """Return ∂ log P(α | θ) / ∂ (κ, λ) (C, Q, 2 M)."""
    of = parts(psi, M)
    off = states(M)[:, None, :] - expit(of.level + of.slope * z[:, None])
    return np.concatenate([off, off * z[:, None]], axis=2)


def option_scores(psi: Floats, problem: MixtureProblem) -> tuple[Floats, Floats]:
    """Return ∂ log P(n | θ, α) / ∂ (τ, e, s) (N, Q, C, M + 2 V) and P(n | θ, α) (N, Q, C)."""
    choices, z = problem.choices, problem.persons.z
    prob = np.exp(choice_table(psi, choices, z))
    marks = (choices.marks * parts(psi, problem.M).strength)[:, None, :] * states(problem.M)
    ticks = np.broadcast_to(choices.ticks[:, None, None, :], (*prob.shape, choices.ticks.shape[1]))
    features = np.concatenate([np.broadcast_to(marks[:, None], (*prob.shape, problem.M)), ticks, ticks * z[:, None, None]], axis=3)
    return features - np.add.reduceat(prob[..., None] * features, choices.first)[sets_of(choices.first, len(prob))], prob


def information(psi: Floats, problem: MixtureProblem, step: MixtureCounts) -> Floats:
    """Return the observed information (F, F), complete less missing (Louis 1982, eq. 3.2', doi:10.1111/j.2517-6161.1982.tb01203.x)."""
    M, F = problem.M, len(psi)
    options, prob = option_scores(psi, problem)
    sizes = np.add.reduceat(step.taken, problem.choices.first)[sets_of(problem.choices.first, len(step.taken))]
    flat = options.reshape(-1, F - 2 * M)
    out = np.zeros((F, F))
    of, z, at = parts(psi, M), problem.persons.z, np.arange(M)
    p = expit(of.level + of.slope * z[:, None])
    weight = step.counts.sum(axis=1)[:, None] * p * (1 - p)
    out[at, at], out[M + at, M + at] = weight.sum(axis=0), z**2 @ weight
    out[at, M + at] = out[M + at, at] = z @ weight
    out[2 * M :, 2 * M :] = flat.T @ ((sizes * prob).reshape(-1, 1) * flat)
    bent = np.arange(2 * M, 3 * M)
    out[bent, bent] -= gradient(psi, problem, step)[bent]
    return out - _missing(psi, problem, options)


def _missing(psi: Floats, problem: MixtureProblem, options: Floats) -> Floats:
    """Return Σ_p Cov(complete-data score | data) (F, F)."""
    N, Q, C, width = options.shape
    F, L = len(psi), len(psi) - width
    levels = level_scores(psi, problem.M, problem.persons.z).transpose(1, 0, 2).reshape(1, Q * C, L)
    table, at = options.reshape(N, -1), tables(psi, problem)

    def one(block: slice) -> Floats:
        _, cube = joint_posterior(at, problem, block)
        p = len(cube)
        own = (problem.choices.chosen[block] @ table).reshape(p, Q * C, width)
        scores = np.concatenate([np.broadcast_to(levels, (p, Q * C, L)), own], axis=2)
        weight = cube.reshape(p, 1, Q * C)
        scores -= weight @ scores
        flat = scores.reshape(-1, F)
        return np.asarray(flat.T @ (weight.reshape(-1, 1) * flat))

    return np.asarray(sum(map_blocks(one, len(problem.persons.weights), size=max(1, CELLS // (Q * C * F))), np.zeros((F, F))))


class MixtureFit(NamedTuple):
    """The mode of the posterior of ψ (F,), its covariance (F, F), log-likelihood and log posterior there.

    `steps` are those taken; `decrement` is the gradient left, in units of one over a standard error, infinite where the
    information is not positive definite; `prior_share` (F,) the share of each parameter's precision that its prior supplies.
    """

    psi: Floats
    covariance: Floats
    log_likelihood: float
    log_posterior: float
    steps: int
    decrement: float
    prior_share: Floats


def log_posterior(psi: Floats, problem: MixtureProblem) -> tuple[MixtureCounts, float, Floats]:
    """Return the E-step, the log posterior of ψ up to a constant and its gradient (F,)."""
    step, off, sd = e_step(psi, problem), psi - problem.prior_mean, problem.prior_sd
    return step, step.log_likelihood + float(-0.5 * ((off / sd) ** 2).sum()), gradient(psi, problem, step) - off / sd**2


def search(start: Floats, problem: MixtureProblem, most: int) -> tuple[Floats, float]:
    """Return parameters near a mode of the posterior and the log posterior there, by L-BFGS from a starting value."""
    from scipy.optimize import minimize

    def downhill(psi: Floats) -> tuple[float, Floats]:
        _, height, slope = log_posterior(psi, problem)
        return -height, -slope

    ends = [(-REACH, REACH)] * len(start)
    found = minimize(downhill, start, jac=True, method="L-BFGS-B", bounds=ends, options={"maxiter": most, "gtol": ROUGH, "ftol": 1e-10})
    return np.asarray(found.x, dtype=np.float64), -float(found.fun)


def polish(psi: Floats, problem: MixtureProblem, tolerance: float, most: int) -> MixtureFit:
    """Return the mode near these parameters by Newton steps on the observed information, to a decrement below `tolerance`."""
    sd = problem.prior_sd
    for steps in range(most + 1):
        step, height, slope = log_posterior(psi, problem)
        bend = information(psi, problem, step) + np.diag(sd**-2)
        try:
            np.linalg.cholesky(bend)
        except np.linalg.LinAlgError:
            covariance, decrement = np.full(bend.shape, np.nan), np.inf
            break
        covariance = np.asarray(np.linalg.inv(bend), dtype=np.float64)
        move = covariance @ slope
        decrement = max(float(slope @ move), 0.0) ** 0.5
        if decrement < tolerance or steps == most:
            break
        psi = np.clip(psi + move / max(1.0, float(np.abs(move).max())), -REACH, REACH)
    return MixtureFit(psi, covariance, step.log_likelihood, height, steps, decrement, np.minimum(np.diag(covariance) / sd**2, 1.0))


def averaged(fit: MixtureFit, problem: MixtureProblem, draws: Floats) -> tuple[Floats, Floats]:
    """Return P(α_m = 1 | θ) (Q, M) and P(α_m = 1) of each person given the choices (P, M), the uncertainty of ψ averaged out.

    The mean is over the normal approximation of the posterior of ψ, at standard normal `draws` (S, F).
    """
    which, root = states(problem.M).astype(np.float64), np.linalg.cholesky(fit.covariance)
    curve, after = np.zeros((len(problem.persons.z), problem.M)), np.zeros((len(problem.persons.weights), problem.M))
    for x in draws:
        psi = np.clip(fit.psi + root @ x, -REACH, REACH)
        curve += np.exp(log_prevalence(psi, problem.M, problem.persons.z)) @ which / len(draws)
        after += e_step(psi, problem).posterior @ which / len(draws)
    return curve, after


def mean_prevalence(fit: MixtureFit, M: int, persons: AbilityWeights) -> tuple[Floats, Floats]:
    """Return the mean of P(α_m = 1 | θ) over persons (M,) and its standard error (M,) by the delta method."""
    of = parts(fit.psi, M)
    p = expit(of.level + of.slope * persons.z[:, None])
    mass = persons.weights.mean(axis=0)
    by_level, by_slope = mass @ (p * (1 - p)), (mass * persons.z) @ (p * (1 - p))
    at, V = np.arange(M), fit.covariance
    variance = by_level**2 * V[at, at] + by_slope**2 * V[M + at, M + at] + 2 * by_level * by_slope * V[at, M + at]
    return np.asarray(mass @ p), np.sqrt(variance)
