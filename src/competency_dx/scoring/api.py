"""The verb of this room: score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from competency_dx.bank import ItemBank
from competency_dx.errors import ModelError, ScoringError, checked
from competency_dx.findings import announce, findings_of, gathered
from competency_dx.persons import DEFAULT_METHOD, EAP, ML, WLE, Method, SumScore, as_calibration, as_responses, by_population, match
from competency_dx.provenance import provenance
from competency_dx.responses import Responses
from competency_dx.scoring.estimation import NO_RESPONSES, Estimates, estimates, joined, shared_errors
from competency_dx.scoring.scores import Scores

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration
    from competency_dx.classification import ClassCalibration


@checked(ScoringError)
def score(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    parameters: ItemBank | Calibration | ClassCalibration,
    *,
    method: Method = DEFAULT_METHOD,
) -> Scores:
    """Estimate each person's competencies from the answers, given item parameters.

    Items are matched by id: any subset of the items, in any order, with extra columns, for one person or a million,
    gives the same digits. Persons keep their order; a person without answers keeps a row (the population's mean and SD,
    status ``no_responses``). Several competencies are estimated together with their joint covariance; persons of groups that
    the calibration knows, by the background column it was told, are scored with their group's population.
    Raises `ScoringError` when no item matches or a score is outside an item's categories.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Raw answers are scored with the keys of the bank when one is given.
    parameters : ItemBank, Calibration or ClassCalibration
        Where the item parameters and the population come from. With a ClassCalibration scores are probabilities of mastery.
    method : EAP, MAP, ML, WLE or SumScore, default EAP()
    """
    data = as_responses(responses, parameters)
    out = scored(data, parameters, method)
    known = () if isinstance(parameters, ItemBank) else parameters.findings
    announce(out.findings, known=(*data.findings, *known))
    return out


def scored(data: Responses, parameters: ItemBank | Calibration | ClassCalibration, method: Method) -> Scores:
    """Return the scores with their findings, none of which is a Python warning yet."""
    source = parameters if isinstance(parameters, ItemBank) else as_calibration(parameters)
    if source is None:
        return _mastery(data, parameters, method)
    parts: list[Estimates] = []
    findings, rows = gathered(data.findings, findings_of(parameters)), []
    calibration, whole = as_calibration(source), isinstance(method, EAP) and method.item_uncertainty == "all"
    shared = shared_errors(calibration) if whole and calibration is not None and len(calibration.groups) == 1 else None
    for persons, known in by_population(data, source):
        matched = match(data, known, method.missing)
        part, notes = estimates(matched if persons is None else matched.rows(persons), known, method, shared)
        parts.append(part)
        rows.append(persons)
        findings = gathered(findings, matched.findings, notes)
    found = parts[0] if len(parts) == 1 and rows[0] is None else joined(parts, rows)
    if not np.isfinite(found.theta[found.status != NO_RESPONSES]).all():
        raise ModelError("scoring.not_finite", dimensions=known.dimensions)
    settings = {"method": type(method).__name__, "item_uncertainty": method.item_uncertainty, "missing": method.missing.describe("en")}
    settings |= {"points": str(method.points)} if isinstance(method, EAP | SumScore) else {}
    return Scores(
        method=type(method).__name__,
        persons=data.persons,
        dimensions=known.dimensions,
        theta=found.theta,
        covariance=found.covariance,
        n_items=found.n_items,
        status=found.status,
        reliability=np.array([_reliability(found, d, method) for d in range(found.theta.shape[1])]),
        findings=findings,
        provenance=provenance("score", {"responses": found.digest, "parameters": source.digest}, settings),
    )


def _mastery(data: Responses, calibration: Any, method: Method) -> Scores:  # noqa: ANN401 - of that room
    """Return P(mastery) of each person and attribute (P, A) with the posterior covariance of the attributes."""
    from competency_dx.classification import attribute_posteriors

    if not isinstance(method, EAP):
        raise ScoringError("scoring.mastery_method", given=type(method).__name__)
    found = attribute_posteriors(data, calibration, missing=method.missing)
    spread = found.theta.var(axis=0, ddof=1) if len(found.theta) > 1 else np.full(found.theta.shape[1], np.nan)
    error = np.einsum("paa->pa", found.covariance).mean(axis=0)
    n_items = np.repeat(found.n_items[:, None], found.theta.shape[1], axis=1)
    return Scores(
        method="EAP",
        persons=data.persons,
        dimensions=calibration.population.dimensions,
        theta=found.theta,
        covariance=found.covariance,
        n_items=n_items,
        status=np.where(n_items == 0, 3, 0).astype(np.int8),
        reliability=spread / (spread + error),
        findings=found.findings,
        provenance=provenance("score", dict(found.provenance.inputs), dict(found.provenance.settings)),
    )


def _reliability(found: Estimates, d: int, method: Method) -> float:
    """Return the empirical reliability of dimension d."""
    counted = found.status[:, d] == 0 if isinstance(method, ML) else found.status[:, d] != 3
    if counted.sum() < 2:
        return float("nan")
    spread, error = float(found.theta[counted, d].var(ddof=1)), float(found.covariance[counted, d, d].mean())
    if isinstance(method, ML | WLE):
        return 1 - error / spread if spread > 0 else float("nan")
    return spread / (spread + error)
