"""Girth's estimates on the scale of a calibration, and what the marginal likelihood of this library says of them.

girth works with a population N(0, 1). On the scale of a population N(m, s²) the same items have a / s for a, and each
intercept of score k loses k a m / s (GRM: a m / s). Rasch items have slope 1, so that girth's one slope becomes the SD of
the population.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes
from competency_dx.calibration.second_opinion.girth_engine import Girth, GirthEstimates
from competency_dx.errors import CalibrationError, Finding, listed
from competency_dx.kernels.marginal import Tables, e_step, prepare
from competency_dx.kernels.posterior import summarise
from competency_dx.kernels.support import points_needed, standard_nodes
from competency_dx.models import FAMILIES, ItemParameters, NormalPopulation, log_probabilities

DRIFT = 0.5  # standard errors by which the population may be off its place before an estimate counts as unfinished
LEAST_POINTS, MOST_POINTS = 61, 1201


class Evidence(NamedTuple):
    """What the answers say of given parameters.

    `log_likelihood` is marginal. `drift` is by how many of its standard errors the mean of the population that the answers ask
    for lies from the one assumed: 0 at a maximum where every item has a free location. `points`, `spacing` and `narrowest`
    (SD of the narrowest posterior) describe the support, in SD of the population.
    """

    log_likelihood: float
    drift: float
    points: int
    spacing: float
    narrowest: float


def evidence(codes: Codes, observed: Bools, parameters: ItemParameters, *, points: int = LEAST_POINTS) -> Evidence:
    """Return the marginal log-likelihood of item parameters and population, on a grid refined as their posteriors need.

    The drift is the score test of the population mean, Σ (m_p - μ) / σ over √Σ (1 - V_p / σ²), with posterior means m_p and
    variances V_p.
    """
    answers = prepare(codes, observed, parameters.n_categories)
    mean, sd = parameters.mean, float(np.sqrt(parameters.variance))
    z, log_weight = standard_nodes(points)
    tables = Tables(mean + sd * z, log_weight, log_probabilities(parameters, mean + sd * z))
    expected = e_step(answers, tables)
    needed = min(points_needed(expected.narrowest / sd), MOST_POINTS)
    if needed > points:
        return evidence(codes, observed, parameters, points=needed)
    posterior = summarise(answers, tables)
    told = float((1 - (posterior.sd / sd) ** 2).sum())
    pull = float(((posterior.mean - mean) / sd).sum())
    pulled = pull / np.sqrt(max(told, 1e-12))
    return Evidence(expected.log_likelihood, pulled, points, float(z[1] - z[0]), expected.narrowest / sd)


def placed(found: GirthEstimates, like: ItemParameters) -> ItemParameters:
    """Return girth's estimates as parameters on the scale of others: same items and families, no covariance."""
    fixed = np.array([FAMILIES[f].slope == "fixed" for f in like.families])
    sd = float(found.slope[0]) if fixed.all() else float(np.sqrt(like.variance))
    cumulative = np.array([FAMILIES[f].steps == "cumulative" for f in like.families])
    score = np.arange(found.intercepts.shape[1])
    times = np.where(cumulative[:, None], np.minimum(score, 1), score)
    slope = found.slope / sd
    return replace(
        like,
        slopes=slope[:, None],
        intercepts=found.intercepts - times * (slope * like.mean)[:, None],
        covariance=np.zeros_like(like.covariance),
        population=NormalPopulation(
            dimensions=like.dimensions, mean=like.population.mean, covariance=np.array([[sd**2]])
        ),
    )


def settled(found: GirthEstimates, seen: Evidence) -> bool:
    """Return whether girth's estimates may be called converged."""
    return found.stopped and not found.at_bound.any() and abs(seen.drift) <= DRIFT


def described(found: GirthEstimates, method: Girth) -> str:
    """Return what was called, in words."""
    return f"girth {version('girth')} {found.function}, {method.points} Gauss-Legendre points on ±{method.reach:g} SD"


def doubts(found: GirthEstimates, seen: Evidence, items: Sequence[str]) -> tuple[Finding, ...]:
    """Return what speaks against girth's estimates."""
    bound = tuple(item for item, at in zip(items, found.at_bound, strict=True) if at)
    out = [
        Finding(
            code="girth.shares",
            severity="warning",
            ru=f"Часть ответов отсутствует, а {found.function} ставит пороги по долям ответивших: это верно, только если состав "
            "ответивших не связан с компетенцией.",
            en=f"Some answers are missing, and {found.function} sets thresholds from the shares among those who answered: right "
            "only where who answered has nothing to do with the competency.",
        )
        if found.by_shares
        else None,
        Finding(
            code="girth.at_bound",
            severity="warning",
            ru=f"Оценки girth упёрлись в границы его поиска: {listed(bound)}.",
            en=f"Estimates of girth ended at the bounds of its search: {listed(bound)}.",
            scope=bound,
        )
        if bound
        else None,
        Finding(
            code="girth.unsettled",
            severity="warning",
            ru=f"girth остановился раньше времени: {found.iterations} итераций, средняя компетенция смещена на "
            f"{seen.drift:.1f} её стандартной ошибки.",
            en=f"girth stopped before its time: {found.iterations} iterations, the mean competency is off by {seen.drift:.1f} of "
            "its standard error.",
        )
        if not found.stopped or abs(seen.drift) > DRIFT
        else None,
    ]
    return tuple(finding for finding in out if finding is not None)


def refuse_several(parameters: ItemParameters, groups: Sequence[str]) -> None:
    """Refuse several competencies or several populations, which girth cannot estimate."""
    if len(parameters.dimensions) > 1:
        raise CalibrationError(
            f"girth estimates one competency, the calibration has {listed(parameters.dimensions)}; check each in a "
            "call of its own"
        )
    if len(groups) > 1:
        raise CalibrationError(f"girth estimates one population, the calibration has the groups {listed(groups)}")
