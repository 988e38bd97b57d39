"""The population of the persons at hand, with the items held: means, SD and correlations of the leaves in one fit.

The marginal likelihood log Z of `ep_e_step` is maximised with priors over a common shift, departures of the leaves from it, the
SD and the bank's directions of correlation; its gradient follows from the moments of the posteriors (ep_e_step says why):

∂ log Z / ∂μ = Σ⁻¹ Σ_p E[θ - μ]        ∂ log Z / ∂Σ = ½ Σ⁻¹ (Σ_p E[(θ - μ)(θ - μ)ᵀ] - P Σ) Σ⁻¹

What is left uncertain is carried: that of means in the prior of each person, that of SD and correlations by cubature. An error of
all difficulties of a leaf cannot be told from its mean, and need not: percent depends on their difference alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints, choice, evenly
from competency_dx.competencies.joint import JointAnswers
from competency_dx.competencies.plan import Plan
from competency_dx.competencies.population import LeafPopulations, Pattern
from competency_dx.errors import DiagnosisError
from competency_dx.kernels.grid import prepare
from competency_dx.kernels.grid.by_dimension import by_dimension
from competency_dx.kernels.propagation import SweepControl
from competency_dx.kernels.propagation.ep_e_step import Model, ep_e_step, no_sites
from competency_dx.models import cubature
from competency_dx.persons import Matched

LEAF_SD = 0.3  # of the leaves' means about a common shift
SPREAD_SD = 1.0  # of log SD
SHIFT_SD = 3.0
STEP = 1e-2  # of finite differences of the gradient
CONTROL = SweepControl(1e-5, 60)


@choice(DiagnosisError)
class Cohort:
    """The population is that of the persons diagnosed: estimated from their answers with the items held.

    A person's profile then depends on the others. Items whose difficulty is a judgement keep it. Fewer than `min_persons` with answers
    are refused; where there are more than `most_persons`, so many stand for them, evenly chosen.
    """

    min_persons: int = 100
    most_persons: int = 1000

    def __post_init__(self) -> None:
        if not 2 <= self.min_persons <= self.most_persons:
            raise DiagnosisError("competencies.cohort_limits", min_persons=self.min_persons, most_persons=self.most_persons)


class _Fit(NamedTuple):
    """Shift of the leaves, departures (D), log factors (S) of SD, `group` (D, S) says whose, steps along M directions."""

    mean: Floats
    sd: Floats
    group: Floats
    pattern: Pattern
    prior_sd: Floats

    def at(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """Return mean (D,), covariance (D, D) and its derivatives along the directions of correlation (M, D, D)."""
        D, S = self.group.shape
        correlation, slopes = self.pattern.with_slopes(x[D + S + 1 :])
        sd = self.sd * np.exp(self.group @ x[D + 1 : D + S + 1])
        scale = np.outer(sd, sd)
        return self.mean + self.group[:, 0] * x[0] + x[1 : D + 1], correlation * scale, slopes * scale


def cohort_populations(answers: JointAnswers, made: Plan, cohort: Cohort) -> LeafPopulations:
    """Return the population estimated from persons whose plan `made` is the bank's; raises `DiagnosisError` when too few answered."""
    from scipy.optimize import minimize

    some, fit = _chosen(answers.matched, cohort), _started(answers, made)
    prepared = prepare(answers.matched.codes[some], answers.matched.observed[some], answers.n_categories)
    design = by_dimension(prepared, answers.leaf, regressors=np.ones((len(some), 1)))
    kept = {"sites": no_sites(design)}

    def objective(x: Floats) -> tuple[float, Floats]:
        mean, covariance, slopes = fit.at(x)
        out = ep_e_step(design, Model(made.theta, answers.log_prob, mean[None], covariance[None]), kept["sites"], control=CONTROL)
        kept["sites"] = out.sites
        inverse = np.linalg.inv(covariance)
        to_mean = inverse @ out.moments.cross[0, 0]
        to_covariance = 0.5 * inverse @ (out.moments.scatter[0] - len(some) * covariance) @ inverse
        to_sd = 2 * (to_covariance * covariance).sum(axis=1) @ fit.group
        gradient = np.concatenate([[fit.group[:, 0] @ to_mean], to_mean, to_sd, (slopes * to_covariance).sum(axis=(1, 2))])
        penalty = x / fit.prior_sd
        return -(out.log_likelihood - 0.5 * float(penalty @ penalty)), -(gradient - penalty / fit.prior_sd)

    best = minimize(objective, np.zeros(len(fit.prior_sd)), jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return _with_uncertainty(answers.populations.leaves, fit, best.x, _inverse_information(objective, best.x, fit.prior_sd))


def _started(answers: JointAnswers, made: Plan) -> _Fit:
    """Return the fit at the population that the bank states, with its priors."""
    central, leaves = answers.populations.central, len(made.units.leaves)
    group = np.eye(2)[(np.arange(len(central)) >= leaves).astype(np.int64)][:, : 1 + (len(central) > leaves)]
    pattern = Pattern(answers.pattern.z, tuple(d for d in answers.pattern.directions if d.any()))
    # competencies differ, and judged difficulties err: the mean of a leaf lies apart from the common shift
    errors = np.bincount(made.units.leaf, weights=made.judged_se() ** 2, minlength=leaves)
    leaf_sd = np.sqrt(LEAF_SD**2 + errors / np.bincount(made.units.leaf, minlength=leaves) ** 2)
    departures = np.append(leaf_sd, np.ones(len(central) - leaves))
    prior_sd = (np.array([SHIFT_SD]), departures, np.full(group.shape[1], SPREAD_SD), np.ones(len(pattern.directions)))
    return _Fit(answers.populations.mean, np.sqrt(np.diag(central)), group, pattern, np.concatenate(prior_sd))


def _chosen(matched: Matched, cohort: Cohort) -> Ints:
    """Return the persons (n,) that stand for all, whatever their order."""
    some = np.flatnonzero(matched.observed.any(axis=1))
    if len(some) < cohort.min_persons:
        raise DiagnosisError("competencies.cohort_small", min_persons=cohort.min_persons, n_some=len(some))
    if len(some) <= cohort.most_persons:
        return some
    ordered = some[np.argsort(matched.persons[some].astype(str), kind="stable")]
    return np.sort(ordered[evenly(len(ordered), cohort.most_persons)])


def _inverse_information(objective: Callable[[Floats], tuple[float, Floats]], x: Floats, prior_sd: Floats) -> Floats:
    """Return the covariance of the hyperparameters, nowhere above the prior's: at the edge of proper ones differences say nothing."""
    at, steps = objective(x)[1], STEP * np.eye(len(x))
    rows = np.array([(objective(x + step)[1] - at) / STEP for step in steps]) * np.outer(prior_sd, prior_sd)
    values, vectors = np.linalg.eigh((rows + rows.T) / 2)
    return np.asarray((vectors / np.maximum(values, 1.0)) @ vectors.T * np.outer(prior_sd, prior_sd))


def _with_uncertainty(leaves: tuple[str, ...], fit: _Fit, x: Floats, covariance: Floats) -> LeafPopulations:
    """Return populations at the points of a cubature over SD and correlations, the covariance of the means in each."""
    D, to_means = len(fit.sd), np.concatenate([fit.group[:, :1], np.eye(len(fit.sd))], axis=1)
    of_means = to_means @ covariance[: D + 1, : D + 1] @ to_means.T
    root = np.linalg.cholesky(covariance[D + 1 :, D + 1 :])
    points, weights = cubature(len(root), 0)
    moved = [fit.at(np.concatenate([x[: D + 1], x[D + 1 :] + root @ point])) for point in points]
    mean, central, _ = fit.at(x)
    covariances, log_weight = np.stack([one[1] + of_means for one in moved]), np.log(weights)
    return LeafPopulations(leaves=leaves, mean=mean, covariances=covariances, log_weight=log_weight, central=central + of_means)
