"""How accurately and how consistently a test sorts persons at cuts: Rudner's and Lee's indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr

from competency_dx.arrays import Floats
from competency_dx.bank import ItemBank
from competency_dx.errors import ScoringError, checked
from competency_dx.kernels.persons import sum_score_likelihood
from competency_dx.models import ItemParameters, expected_scores, log_probabilities, score_information
from competency_dx.persons import parameters_of

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

REACH, POINTS = 6.0, 121


class CutAccuracy(NamedTuple):
    """Accuracy and consistency (C + 1,): of each of C cuts by itself, then of all together."""

    accuracy: Floats
    consistency: Floats


@checked(ScoringError)
def cut_accuracy(
    parameters: ItemBank | Calibration | ItemParameters,
    cuts: Sequence[float],
    *,
    by: Literal["sum", "theta"] = "sum",
    theta: Floats | Sequence[float] | None = None,
) -> CutAccuracy:
    """Return how often a test puts persons on the right side of cuts on θ, and on the same side twice.

    With ``by="sum"`` persons are sorted by the sum of points, whose distribution given θ is exact (Lee 2010, doi:10.1111/
    j.1745-3984.2009.00096.x; cuts are carried over by the test characteristic curve); with ``by="theta"`` by an estimate that is
    normal around θ with 1/√information (Rudner 2005). Consistency is Σ P(category | θ)². A θ at a cut belongs above it.
    Raises `ScoringError` for several competencies, or cuts that do not rise.

    Parameters
    ----------
    parameters : ItemBank, Calibration or ItemParameters
        Of one competency.
    cuts : sequence of float
        Rising, on θ.
    by : {"sum", "theta"}
    theta : array of float, shape (P,), optional
        Persons to average over; without them the normal population of the parameters, on 121 points over ±6 SD.
    """
    known = parameters if isinstance(parameters, ItemParameters) else parameters_of(parameters)
    at = np.asarray(cuts, dtype=np.float64)
    empty = not len(at) * np.size(0.0 if theta is None else theta)
    if len(known.dimensions) > 1 or empty or not np.isfinite(at).all() or (np.diff(at) <= 0).any():
        raise ScoringError("scoring.cuts", cuts=at.tolist(), dimensions=known.dimensions)
    mean, sd = known.mean, float(np.sqrt(known.variance))
    points = mean + sd * np.linspace(-REACH, REACH, POINTS) if theta is None else np.asarray(theta, dtype=np.float64).ravel()
    weight = np.exp(-0.5 * ((points - mean) / sd) ** 2) if theta is None else np.ones(len(points))
    inside = _inside(known, at, points, by)
    rows = [*((at[c : c + 1], np.stack([inside[: c + 1].sum(axis=0), inside[c + 1 :].sum(axis=0)])) for c in range(len(at)))]
    rows.append((at, inside))
    true = [p[np.searchsorted(cut, points, side="right"), np.arange(len(points))] for cut, p in rows]  # P of the true category
    same = [np.average((p**2).sum(axis=0), weights=weight) for _, p in rows]
    return CutAccuracy(np.array([np.average(p, weights=weight) for p in true]), np.array(same))


def _inside(known: ItemParameters, cuts: Floats, theta: Floats, by: str) -> Floats:
    """Return P(category | θ) (C + 1, Q) of the sum of points, or of an estimate that is normal with the error of the information."""
    if by == "sum":
        likelihood = sum_score_likelihood(np.exp(log_probabilities(known, theta)), known.n_categories)
        from_sum = np.ceil(expected_scores(known, cuts).sum(axis=0) - 1e-9)
        category = np.searchsorted(from_sum, np.arange(len(likelihood)), side="right")
        return np.stack([likelihood[category == c].sum(axis=0) for c in range(len(cuts) + 1)])
    se = 1 / np.sqrt(score_information(known, theta).sum(axis=0))
    return np.diff(np.vstack([np.zeros(len(theta)), ndtr((cuts[:, None] - theta) / se), np.ones(len(theta))]), axis=0)
