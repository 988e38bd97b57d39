"""The population of a cohort: correlations stay proper, their derivatives hold everywhere, and priors are as stated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import competency_dx as cdx
from competency_dx.bank import ItemBank
from competency_dx.competencies import plan_of
from competency_dx.competencies.population import Pattern

MakeBank = Callable[..., ItemBank]
NEAR = np.kron(np.eye(3), np.ones((3, 3))) - np.eye(9)  # leaves of one cluster
FAR = 1 - NEAR - np.eye(9)


@pytest.mark.parametrize("steps", [(0.3, -0.5), (-1.0, 1.5), (-0.2, 0.8), (0.5, -6.0)], ids=str)
def test_derivatives_of_correlations_are_those_of_the_matrix_that_is_taken(steps: tuple[float, float]) -> None:
    pattern = Pattern(np.arctanh(0.8 * NEAR + 0.75 * FAR), (0.5 * NEAR, 0.5 * FAR))
    at, slopes = pattern.with_slopes(steps)
    assert np.linalg.eigvalsh(at)[0] > 0
    np.testing.assert_array_equal(np.diag(at), 1.0)
    for m, unit in enumerate(1e-6 * np.eye(2)):
        difference = (pattern.with_slopes(steps + unit)[0] - pattern.with_slopes(steps - unit)[0]) / 2e-6
        np.testing.assert_allclose(slopes[m], difference, atol=1e-7)


def test_the_error_of_a_difficulty_does_not_depend_on_the_steps_of_other_items(scored_bank: MakeBank) -> None:
    rows = [("A1", 1.0, (-1.0,), "S.1.1"), ("A2", 1.2, (0.2,), "S.1.1"), ("B1", 1.0, (0.5,), "S.1.2")]
    short = plan_of(scored_bank(rows, se=0.8), cdx.R201()).judged_se()
    long = plan_of(scored_bank([*rows, ("C1", 1.0, (-0.9, 0.1, 0.8), "S.2.1")], se=0.8), cdx.R201()).judged_se()
    np.testing.assert_allclose(long[:3], short)
    assert (short > 0.5).all()
    assert not plan_of(scored_bank(rows), cdx.R201()).judged_se().any()
