"""Several starting points: whether the maximum found is the highest that is met."""

from __future__ import annotations

import numpy as np

from competency_dx.calibration.likelihood import Likelihood
from competency_dx.calibration.marginal_ml import Fit, fit
from competency_dx.calibration.strategies import MarginalML
from competency_dx.errors import Finding

SPREAD = 0.5
SAME = 0.01
SEED = 20_071_969


def best_of(likelihood: Likelihood, method: MarginalML) -> tuple[Fit, tuple[Finding, ...]]:
    """Return the fit with the highest objective over `method.starts` starting points, and what is to be said of the others.

    The first start is the usual one; the others lie around it, the same ones in every run.
    """
    fits = [fit(likelihood, method)]
    rng = np.random.default_rng(SEED)
    for _ in range(method.starts - 1):
        start = likelihood.start
        n = likelihood.items.size
        moved = likelihood.moved(start, np.concatenate([SPREAD * rng.normal(size=n), np.zeros(len(start) - n)]))
        fits.append(fit(likelihood, method, moved))
    done = [f for f in fits if f.converged] or fits
    best = max(done, key=lambda f: f.at.objective)
    return best, () if method.starts == 1 else (_said(best, fits),)


def _said(best: Fit, fits: list[Fit]) -> Finding:
    lower = [f for f in fits if f.converged and f.at.objective < best.at.objective - SAME]
    failed = sum(not f.converged for f in fits)
    gap = max((best.at.objective - f.at.objective for f in lower), default=0.0)
    return Finding(
        code="calibration.starts",
        severity="warning" if lower else "info",
        ru=f"Начальных точек: {len(fits)}; к наибольшему максимуму пришли {len(fits) - len(lower) - failed}, к более низким "
        f"{len(lower)}{f' (ниже не более чем на {gap:.2f})' if lower else ''}, не сошлись {failed}.",
        en=f"Of {len(fits)} starting points {len(fits) - len(lower) - failed} led to the highest maximum, {len(lower)} to lower "
        f"ones{f' (by {gap:.2f} at most)' if lower else ''}, {failed} did not converge.",
    )
