"""The entrance of this sub-package: calibrate a diagnostic classification model."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from competency_dx.arrays import Bools, Codes
from competency_dx.classification.class_calibration import ClassCalibration
from competency_dx.classification.inference import calibrated, check_q_matrix
from competency_dx.classification.maximise_classes import fit
from competency_dx.classification.problem import FAMILIES, ClassificationML, QMatrix, build, read_q_matrix
from competency_dx.errors import CalibrationError, ConvergenceError, checked
from competency_dx.findings import Template, announce, gathered
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.responses import answers_to_tests
from competency_dx.result import DataFrame

DEFAULT_METHOD = ClassificationML()


@checked(CalibrationError)
def classify(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    q_matrix: DataFrame,
    *,
    model: str | Mapping[str, str] = "GDINA",
    method: ClassificationML = DEFAULT_METHOD,
) -> ClassCalibration:
    """Calibrate a diagnostic classification model by marginal maximum likelihood.

    Standard errors are from the observed information of all parameters together.
    Raises `CalibrationError` when items have more than one point, the Q-matrix does not fit, or there are too many profiles. Raises
    `ConvergenceError` when no maximum could be certified; `state` carries the unconverged ClassCalibration.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Items of 0 and 1 point; missing answers are allowed.
    q_matrix : pandas.DataFrame
        Items x attributes of 0 and 1; item ids in the index or in a column `item`. Rows of items that are not in the
        data are left aside.
    model : {"DINA", "DINO", "ACDM", "LLM", "GDINA"} or mapping of item to one of them
    method : ClassificationML
        Distribution of the attributes, hierarchy, order, starts, tolerance.
    """
    data = answers_to_tests(responses)
    codes, observed = data.effective(method.missing)
    if not len(kept := np.flatnonzero(observed.any(axis=0))):
        raise CalibrationError("classification.no_answers", n_items=len(data.items))
    ids = [data.items[i] for i in kept]
    q = read_q_matrix(q_matrix).take(ids)
    named = _families(model, ids)
    codes, observed = codes[:, kept], np.ascontiguousarray(observed[:, kept])
    _refuse(codes, observed, q)
    with one_blas_thread():
        problem = build(codes, observed, q=q, families=named, method=method)
        out = calibrated(problem, fit(problem, method), q, (codes, observed), method)
    left_out = Template("classification.no_answers").about(item for item in data.items if item not in set(ids))
    notes = gathered(data.findings, left_out, () if method.hierarchy else check_q_matrix(q, named))
    out = replace(out, findings=notes + out.findings)
    announce(out.findings, known=data.findings)
    if not out.converged:
        n, gain, least = out.iterations, out.certificate.promised_gain, out.certificate.smallest_eigenvalue
        raise ConvergenceError("classification.no_maximum", state=out, iterations=n, promised_gain=gain, smallest_eigenvalue=least)
    return out


def _families(families: Mapping[str, str] | str, ids: list[str]) -> list[str]:
    """Return the family of each item by its name in `FAMILIES`; "G-DINA" is "GDINA"."""
    asked = dict.fromkeys(ids, families) if isinstance(families, str) else families
    if bare := [item for item in ids if item not in asked]:
        raise CalibrationError("classification.no_family", bare=bare)
    out = [asked[item].upper().replace("-", "") for item in ids]
    if odd := [f"{item} ({name})" for item, name in zip(ids, out, strict=True) if name not in FAMILIES]:
        raise CalibrationError("classification.not_families", odd=odd, families=FAMILIES)
    return out


def _refuse(codes: Codes, observed: Bools, q: QMatrix) -> None:
    """Raise where no honest calibration exists."""
    if high := [item for i, item in enumerate(q.items) if codes[:, i].max(initial=0) > 1]:
        raise CalibrationError("classification.scores_above_one", high=high)
    right, answers = ((codes > 0) & observed).sum(axis=0), observed.sum(axis=0)
    if constant := [item for i, item in enumerate(q.items) if right[i] in {0, answers[i]}]:
        raise CalibrationError("classification.constant", constant=constant)
    if bare := [a for a, n in zip(q.attributes, q.entries.sum(axis=0), strict=True) if not n]:
        raise CalibrationError("classification.attribute_without_items", bare=bare)
