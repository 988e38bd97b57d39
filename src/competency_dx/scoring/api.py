"""The verb of this room: score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Floats
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
from competency_dx.errors import Finding, ScoringError, announce, listed
from competency_dx.kernels.marginal import prepare
from competency_dx.kernels.posterior import summarise
from competency_dx.kernels.sum_scores import row_sums
from competency_dx.models import ItemParameters
from competency_dx.provenance import digest_arrays, provenance
from competency_dx.scoring.likelihood_based import REACH, point_estimates
from competency_dx.scoring.matching import Matched, as_responses, match, parameters_of
from competency_dx.scoring.methods import EAP, MAP, ML, WLE, Method, SumScore
from competency_dx.scoring.scores import Scores
from competency_dx.scoring.sum_scores import sum_score_estimates
from competency_dx.scoring.support import scoring_grid, uncertain_items

END_MASS = 1e-4
EDGE = 1e-6
DEFAULT_METHOD = EAP()


def score(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    parameters: ItemBank | Calibration,
    *,
    method: Method = DEFAULT_METHOD,
) -> Scores:
    """Estimate each person's competency from the answers, given item parameters.

    Items are matched by id: any subset of the items, in any order, with extra columns, for one person or a million,
    gives the same digits. Persons keep their order; a person without answers keeps a row (the population's mean and SD,
    status ``no_responses``).

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Raw answers are scored with the keys of the bank when one is given.
    parameters : ItemBank or Calibration
        Where the item parameters and the population come from.
    method : EAP, MAP, ML, WLE or SumScore, default EAP()

    Returns
    -------
    Scores

    Raises
    ------
    ScoringError
        When no item matches or a score is outside an item's categories.
    """
    if not isinstance(method, Method):
        raise ScoringError(f"method={method!r} is not known; choose EAP(), MAP(), ML(), WLE() or SumScore()")
    known = parameters_of(parameters)
    matched = match(as_responses(responses, parameters), known, method.missing)
    theta, se, notes = _estimates(matched, known, method)
    n_items = row_sums(matched.observed)
    status = _status(matched, known, n_items)
    if not isinstance(method, EAP | SumScore):
        status = _at_bounds(status, theta, known)
    out = Scores(
        method=type(method).__name__,
        persons=matched.data.persons,
        dimensions=("theta",),
        theta=theta[:, None],
        covariance=(se**2)[:, None, None],
        n_items=n_items,
        status=status,
        reliability=np.array([_reliability(theta, se, status, method)]),
        findings=matched.findings + notes,
        provenance=provenance("score", _inputs(matched, parameters), _settings(method)),
    )
    announce(out.findings)
    return out


def _estimates(matched: Matched, known: ItemParameters, method: Method) -> tuple[Floats, Floats, tuple[Finding, ...]]:
    if isinstance(method, MAP | ML | WLE):
        uncertain = uncertain_items(known, method.item_uncertainty)
        theta, se = point_estimates(matched, known, type(method).__name__, uncertain)
        return theta, se, ()
    grid = scoring_grid(known, method.points, method.item_uncertainty)
    if isinstance(method, SumScore):
        theta, se = sum_score_estimates(matched, known, grid)
        return theta, se, ()
    answers = prepare(matched.codes, matched.observed, known.n_categories)
    found = summarise(answers, grid, method.executor)
    return found.mean, found.sd, _end_note(matched, found.end_mass)


def _status(matched: Matched, known: ItemParameters, n_items: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return the index into `STATUSES` of every person (P,)."""
    earned, top = row_sums(matched.codes), known.n_categories - 1
    possible = top.min() * n_items
    for points in np.unique(top)[1:]:
        possible += (points - top.min()) * row_sums(matched.observed[:, top == points])
    return np.select([n_items == 0, earned == 0, earned == possible], [3, 1, 2], 0).astype(np.int8)


def _at_bounds(status: NDArray[np.int8], theta: Floats, known: ItemParameters) -> NDArray[np.int8]:
    """Return the statuses with estimates on a bound of the scale marked as extreme, whatever the points."""
    sd = float(np.sqrt(known.variance))
    far = (theta - known.mean) / (REACH * sd)
    edge = np.where(far > 1 - EDGE, 2, np.where(far < EDGE - 1, 1, status))
    return np.where(status == 3, status, edge).astype(np.int8)


def _reliability(theta: Floats, se: Floats, status: NDArray[np.int8], method: Method) -> float:
    scored = status != 3
    if isinstance(method, ML | WLE):
        scored = scored & ((status == 0) | isinstance(method, WLE))
    if scored.sum() < 2:
        return float("nan")
    spread, error = float(theta[scored].var(ddof=1)), float((se[scored] ** 2).mean())
    if isinstance(method, ML | WLE):
        return 1 - error / spread if spread > 0 else float("nan")
    return spread / (spread + error)


def _end_note(matched: Matched, end_mass: Floats) -> tuple[Finding, ...]:
    far = np.flatnonzero(end_mass > END_MASS)
    if not far.size:
        return ()
    who = [str(matched.data.persons[p]) for p in far]
    return (
        Finding(
            code="scoring.end_of_grid",
            severity="warning",
            ru=f"Оценки {len(who)} участников упираются в край шкалы (6 SD); их величина занижена по модулю.",
            en=f"The estimates of {len(who)} persons press against the end of the scale (6 SD) and are understated in "
            f"size: {listed(who)}.",
            scope=tuple(who),
        ),
    )


def _inputs(matched: Matched, parameters: ItemBank | Calibration) -> dict[str, str]:
    source = parameters.digest if isinstance(parameters, ItemBank) else parameters.provenance.inputs["responses"]
    return {"responses": digest_arrays(matched.codes, np.packbits(matched.observed)), "parameters": source}


def _settings(method: Method) -> dict[str, str]:
    out = {"method": type(method).__name__, "item_uncertainty": method.item_uncertainty}
    out["missing"] = method.missing.describe("en")
    return out | ({"points": str(method.points)} if isinstance(method, EAP | SumScore) else {})
