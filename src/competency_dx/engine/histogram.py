"""An empirical histogram as population: weights of the support points estimated with the items.

EM with the posterior mass at each point as its new weight (Bock & Aitkin 1981; Woods 2007, doi:10.1177/0146621606292228).
Location and scale of the histogram are not identified beside free items: it is standardised at the end, points and items
together, which leaves the likelihood as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.engine.items import beta_of
from competency_dx.engine.marginal import Marginal
from competency_dx.engine.maximise import Control, Maximised, fit
from competency_dx.engine.one_dimension import Histogram, OneDimension
from competency_dx.errors import CalibrationError
from competency_dx.findings import Finding, Template
from competency_dx.kernels.grid import standard_nodes
from competency_dx.models import FAMILIES

CYCLES = 400
SETTLED = 1e-7  # relative change of the log-likelihood
LEAST_MASS = 1e-12


def fit_histogram(start: Marginal, families: list[str], method: Control) -> tuple[Marginal, Maximised, Finding]:
    """Return the likelihood with its histogram, the fit, and what is to be said of it.

    Raises `CalibrationError` for families other than those whose predictor is a θ + d.
    """
    strange = sorted({f for f in families if FAMILIES[f].steps in {"category", "location"}})
    if strange:
        raise CalibrationError("engine.histogram_families", strange=strange)
    z, log_weight = standard_nodes(method.points)
    held = start.population._replace(free=np.zeros_like(start.population.free))
    likelihood = replace(_with(start, Histogram(z, log_weight)), population=held)
    phi, before = likelihood.start, -np.inf
    for _ in range(CYCLES):
        now = likelihood.evaluate(phi, method.points)
        mass = now.step.kept.expected.nodes
        mass = mass / mass.sum()
        phi = likelihood.em_step(now)
        likelihood = _with(likelihood, Histogram(z, np.log(np.maximum(mass, LEAST_MASS))))
        if abs(now.log_likelihood - before) <= SETTLED * abs(now.log_likelihood):
            break
        before = now.log_likelihood
    if not held.regressors:  # anchored items set location and scale
        likelihood, phi = _standardised(likelihood, phi, families)
    best = fit(likelihood, method, phi)
    theta, weight = likelihood.integral.weights
    mean = float(weight @ theta)
    variance = float(weight @ (theta - mean) ** 2)
    z = (theta - mean) / np.sqrt(variance)
    note = Template("engine.empirical_histogram").of(points=len(z), skewness=float(weight @ z**3), kurtosis=float(weight @ z**4) - 3)
    middle = np.array([*[mean] * len(held.regressors), variance])
    return replace(likelihood, population=held._replace(start=middle)), best, note


def _with(likelihood: Marginal, histogram: Histogram) -> Marginal:
    """Return the likelihood with another histogram."""
    assert isinstance(likelihood.integral, OneDimension)
    return replace(likelihood, integral=replace(likelihood.integral, histogram=histogram))


def _standardised(likelihood: Marginal, phi: Floats, families: list[str]) -> tuple[Marginal, Floats]:
    """Return likelihood and φ with the histogram at mean 0, and variance 1 where slopes are free."""
    theta, weight = likelihood.integral.weights
    mean = float(weight @ theta)
    scaled = all(FAMILIES[f].free_slope for f in families)
    sd = float(np.sqrt(weight @ (theta - mean) ** 2)) if scaled else 1.0
    items = likelihood.items
    beta = beta_of(items, phi)
    K = items.allowed.shape[1]
    steps = np.array([FAMILIES[f].steps == "cumulative" for f in families])
    times = np.where(steps[:, None], 1.0, np.arange(1, K))
    beta[:, 1:K] += np.where(items.place[:, 1:K] >= 0, times * beta[:, :1] * mean, 0.0)
    beta[:, 0] *= sd
    out = phi.copy()
    out[items.place[items.free]] = beta[items.free]
    return _with(likelihood, Histogram((theta - mean) / sd, np.log(weight))), out
