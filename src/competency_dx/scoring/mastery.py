"""Mastery of attributes as scores: the posterior probability of each attribute under a diagnostic classification model."""

from __future__ import annotations

import numpy as np

from competency_dx.classification import ClassCalibration, attribute_posteriors
from competency_dx.errors import ScoringError
from competency_dx.persons import EAP, Method
from competency_dx.provenance import provenance
from competency_dx.responses import Responses
from competency_dx.scoring.scores import Scores


def mastery_scores(data: Responses, calibration: ClassCalibration, method: Method) -> Scores:
    """Return P(mastery) of each person and attribute (P, A) with the posterior covariance of the attributes.

    Raises
    ------
    ScoringError
        When these are no parameters at all, or another method than EAP is asked for.
    """
    if not isinstance(calibration, ClassCalibration):
        raise ScoringError("persons.not_parameters", given=type(calibration).__name__)
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
