"""Standard errors against the spread of estimates over replications: slow, run by ``pytest -m recovery``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from competency_dx.classification import classify

Simulate = Callable[..., Any]
REPLICATIONS = 150


@pytest.mark.recovery
@pytest.mark.parametrize("family", ["DINA", "DINO", "GDINA", "ACDM"])
def test_standard_errors_are_the_spread_of_estimates(simulate: Simulate, quiet: Callable[[], Any], family: str) -> None:
    """Root mean square SE over SD of estimates within 5 % over items; 95 % intervals cover 93 to 97 %."""
    estimates, errors = [], []
    for seed in range(REPLICATIONS):
        data = simulate(family, persons=1500, seed=seed, profiles=_profiles(seed))
        with quiet():
            found = classify(data.frame, data.q, model=family)
        frame = found.to_frame()
        estimates.append(np.concatenate([frame["guessing"], frame["slip"], found.prevalence]))
        errors.append(np.concatenate([frame["se_guessing"], frame["se_slip"], found.prevalence_se]))
    E, S = np.array(estimates), np.array(errors)
    ratio = np.sqrt(np.nanmean(S**2, axis=0)) / E.std(axis=0, ddof=1)
    truth = np.concatenate([np.full(30, 0.15), [0.5, 0.4, 0.6]])
    cover = np.abs(E - truth) < 1.96 * S
    assert np.exp(np.log(ratio[:30]).mean()) == pytest.approx(1, abs=0.05)
    assert np.exp(np.log(ratio[30:]).mean()) == pytest.approx(1, abs=0.12)
    assert 0.93 < cover[:, :30].mean() < 0.97


def _profiles(seed: int) -> np.ndarray:
    rng = np.random.default_rng(10_000 + seed)
    return (rng.random((1500, 3)) < [0.5, 0.4, 0.6]).astype(int)
