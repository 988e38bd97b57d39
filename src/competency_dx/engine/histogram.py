"""An empirical histogram as population: weights of the support points estimated with the items.

EM with the posterior mass at each point as its new weight (Bock & Aitkin 1981; Woods 2007, doi:10.1177/0146621606292228).
Location and scale of the histogram are not identified beside free items: it is standardised at the end, points and items
together, which leaves the likelihood as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from competency_dx.arrays import Floats
from competency_dx.engine.choices import Control
from competency_dx.engine.findings import EMPIRICAL_HISTOGRAM
from competency_dx.engine.items import beta_of
from competency_dx.engine.maximise import Fit, fit
from competency_dx.engine.one_dimension import Histogram, Univariate
from competency_dx.errors import CalibrationError, listed
from competency_dx.findings import Finding
from competency_dx.kernels.grid import support
from competency_dx.models import FAMILIES

CYCLES = 400
SETTLED = 1e-7  # relative change of the log-likelihood
LEAST_MASS = 1e-12


def fit_histogram(start: Univariate, families: list[str], method: Control) -> tuple[Univariate, Fit, Finding]:
    """Return the likelihood with its histogram, the fit, and what is to be said of it.

    Raises
    ------
    CalibrationError
        For families other than those whose predictor is a θ + d.
    """
    strange = sorted({f for f in families if FAMILIES[f].steps in {"category", "location"}})
    if strange:
        raise CalibrationError(
            f'Population(shape="empirical") is for families with a predictor a θ + d, not for {listed(strange)}; use '
            'shape="normal"'
        )
    z, log_weight = support.standard_nodes(method.points)
    likelihood = replace(start, histogram=Histogram(z, log_weight), design=start.design.held())
    phi, before = likelihood.start, -np.inf
    for _ in range(CYCLES):
        now = likelihood.evaluate(phi, method.points)
        mass = now.detail.expected.nodes / now.detail.expected.nodes.sum()
        phi = likelihood.em_step(now)
        likelihood = replace(likelihood, histogram=Histogram(z, np.log(np.maximum(mass, LEAST_MASS))))
        if abs(now.log_likelihood - before) <= SETTLED * abs(now.log_likelihood):
            break
        before = now.log_likelihood
    scaled = all(FAMILIES[f].free_slope for f in families)
    likelihood, phi = _standardised(likelihood, phi, families, scaled=scaled)
    found = fit(likelihood, method, phi)
    return likelihood, found, _said(likelihood)


def _standardised(
    likelihood: Univariate, phi: Floats, families: list[str], *, scaled: bool
) -> tuple[Univariate, Floats]:
    """Return likelihood and φ with the histogram at mean 0, and variance 1 where slopes are free."""
    assert likelihood.histogram is not None
    theta, log_weight = likelihood.histogram
    mean, variance = moments(likelihood.histogram)
    sd = float(np.sqrt(variance)) if scaled else 1.0
    items = likelihood.items
    beta = beta_of(items, phi)
    K = items.allowed.shape[1]
    steps = np.array([FAMILIES[f].steps == "cumulative" for f in families])
    times = np.where(steps[:, None], 1.0, np.arange(1, K))
    beta[:, 1:K] += np.where(items.place[:, 1:K] >= 0, times * beta[:, :1] * mean, 0.0)
    beta[:, 0] *= sd
    out = phi.copy()
    out[items.place[items.free]] = beta[items.free]
    return replace(likelihood, histogram=Histogram((theta - mean) / sd, log_weight)), out


def moments(histogram: Histogram) -> tuple[float, float]:
    """Return mean and variance of a histogram."""
    weight = np.exp(histogram.log_weight)
    weight = weight / weight.sum()
    mean = float(weight @ histogram.theta)
    return mean, float(weight @ (histogram.theta - mean) ** 2)


def _said(likelihood: Univariate) -> Finding:
    assert likelihood.histogram is not None
    theta = likelihood.histogram.theta
    weight = np.exp(likelihood.histogram.log_weight)
    weight = weight / weight.sum()
    mean, variance = moments(likelihood.histogram)
    z = (theta - mean) / np.sqrt(variance)
    skew, kurtosis = float(weight @ z**3), float(weight @ z**4) - 3
    return EMPIRICAL_HISTOGRAM.of(points=len(theta), skewness=skew, kurtosis=kurtosis)
