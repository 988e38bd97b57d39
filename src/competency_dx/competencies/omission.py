"""What the joint posterior is built from: the answers, and where omissions are modelled, what was left out.

An omission propensity ξ is one more dimension of the normal population, correlated with the leaves; each item shown was omitted
with log odds c + s ξ, ξ ~ N(0, 1) (Holman & Glas 2005, doi:10.1111/j.2044-8317.2005.tb00312.x). Then omissions are ignorable
given ξ, and tell of θ as far as the two correlate. The rate, its spread between persons and the correlation are uncertain; a
cohort estimates them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.competencies.plan import Plan
from competency_dx.competencies.population import LeafPopulations, Pattern
from competency_dx.kernels.propagation.settled_persons import EvenModel, even_model
from competency_dx.persons import EPPosterior, Matched
from competency_dx.responses import MissingPolicy, Reason, Reasons

LOG_ODDS, SPREAD = -3.0, 1.8  # 5 % omitted; between persons of one group SD 1.5, between groups 1
CORRELATION, CORRELATION_SE = -0.4, 0.4  # with each leaf; the error of Fisher's z
PROPENSITY = "omission"
NOTHING = -690.0  # log-probability of a category an item does not have


class JointAnswers(NamedTuple):
    """Answers of persons (P, I or 2 I) with the leaf and number of categories of each column, curves, populations, model."""

    matched: Matched
    leaf: Ints
    n_categories: Ints
    log_prob: Floats
    populations: LeafPopulations
    pattern: Pattern
    model: EvenModel

    def posterior(self) -> EPPosterior:
        """Return the joint posterior."""
        return EPPosterior(model=self.model, given=(self.matched.codes, self.matched.observed))


def joint_answers(matched: Matched, reasons: Reasons, made: Plan, policy: MissingPolicy, population: object = None) -> JointAnswers:
    """Return the answers of matched persons, with their omissions as answers to items of their own where these are modelled.

    `reasons` (P, I) are in the order of the items. The population is that of the plan, or one that was used before and has its
    dimensions, the propensity to omit among them.
    """
    if policy.omitted != "modelled":
        parts = made.units.leaf, made.parameters.n_categories, made.log_prob, made.populations, made.pattern, made.model
        return JointAnswers(matched, *parts)
    omitted = reasons == Reason.OMITTED
    shown = omitted | (reasons == Reason.ANSWERED)
    with_omissions = matched._replace(
        codes=np.concatenate([matched.codes, omitted.astype(np.int8)], axis=1),
        observed=np.concatenate([matched.observed, shown], axis=1),
    )
    I, K, _ = made.log_prob.shape
    eta = LOG_ODDS + SPREAD * made.theta
    curves = np.full((K, len(eta)), NOTHING)
    curves[0], curves[1] = -np.logaddexp(0, eta), -np.logaddexp(0, -eta)
    wide = _with_propensity(made.populations)
    leaf = np.concatenate([made.units.leaf, np.full(I, len(made.units.leaves))])
    n_categories = np.concatenate([made.parameters.n_categories, np.full(I, 2)])
    log_prob = np.concatenate([made.log_prob, np.broadcast_to(curves, made.log_prob.shape)])
    known = population if isinstance(population, LeafPopulations) and population.leaves == wide.leaves else wide
    model = even_model((n_categories, leaf), (made.theta, log_prob), known.mixture())
    return JointAnswers(with_omissions, leaf, n_categories, log_prob, known, _pattern_with_propensity(made.pattern), model)


def _with_propensity(populations: LeafPopulations) -> LeafPopulations:
    """Return populations of D + 1 dimensions, each at two values of the correlation."""
    z = np.arctanh(CORRELATION) + CORRELATION_SE * np.array([-1.0, 1.0])
    wide = [_wider(covariance, float(np.tanh(x))) for covariance in populations.covariances for x in z]
    leaves, log_weight = (*populations.leaves, PROPENSITY), np.repeat(populations.log_weight, 2) - np.log(2)
    mean, central = np.append(populations.mean, 0.0), _wider(populations.central, CORRELATION)
    return LeafPopulations(leaves=leaves, mean=mean, covariances=np.stack(wide), log_weight=log_weight, central=central)


def _wider(covariance: Floats, correlation: float) -> Floats:
    """Return the covariance (D + 1, D + 1) with a standard normal propensity, its correlation no stronger than is proper."""
    sd = np.sqrt(np.diag(covariance))
    most = 0.95 / np.sqrt(sd @ np.linalg.solve(covariance, sd))
    across = np.clip(correlation, -most, most) * sd
    return np.block([[covariance, across[:, None]], [across[None], np.ones((1, 1))]])


def _pattern_with_propensity(pattern: Pattern) -> Pattern:
    """Return the correlations with the propensity as last dimension, uncertain by a direction of its own."""
    across = np.zeros((len(pattern.z) + 1,) * 2)
    across[-1, :-1] = across[:-1, -1] = 1.0
    z, *directions = (np.pad(x, ((0, 1), (0, 1))) for x in (pattern.z, *pattern.directions))
    return Pattern(z + np.arctanh(CORRELATION) * across, (*directions, CORRELATION_SE * across))
