"""The verb of this room: calibrate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from competency_dx.bank import ItemBank
from competency_dx.calibration.calibration import Calibration
from competency_dx.calibration.estimation import Request, estimate
from competency_dx.calibration.girth_calibration import estimate_by_girth
from competency_dx.calibration.girth_engine import Girth
from competency_dx.calibration.priors import Priors, resolve
from competency_dx.calibration.sources import remember
from competency_dx.calibration.strategies import MarginalML
from competency_dx.responses import Responses, load_responses

DEFAULT_METHOD = MarginalML()


def calibrate(
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    *,
    model: str | Mapping[str, str] = "2PL",
    dimensions: Any = None,  # noqa: ANN401 - a mapping or a frame
    bank: ItemBank | None = None,
    anchors: ItemBank | Calibration | None = None,
    priors: Priors | str | None = "weak",
    method: MarginalML | Girth = DEFAULT_METHOD,
) -> Calibration:
    """Calibrate items on responses by marginal maximum likelihood.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Persons by items; whatever `load_responses` reads.
    model : {"Rasch", "1PL", "2PL", "3PL", "4PL", "PCM", "RSM", "GPCM", "GRM", "NRM"} or mapping of item to one of them
        GPCM and GRM take dichotomous items too, as 2PL; PCM as Rasch.
    dimensions : mapping or Q-matrix frame, optional
        The competency of each item, or a frame of items by competencies with 1 where an item measures one; None is one
        competency for all.
    bank : ItemBank, optional
        Keys for raw answers, and the score categories of every item.
    anchors : ItemBank or Calibration, optional
        Items whose parameters stay fixed; mean and variance of the population are then estimated.
    priors : "weak", None or Priors
        ``"weak"``: a ~ N(1, 0.75²), d_k ~ N(0, 3²), logit c ~ N(-1.4, 0.7²) …, stated in the result. None: plain maximum
        likelihood.
    method : MarginalML or Girth
        Support points, tolerance, population, survey design, constraints, executor, progress; `Girth` estimates by the
        package girth, for a second opinion without standard errors.

    Returns
    -------
    Calibration
        Normal population with mean 0 and variance 1 fixed; slope 1 and variance free for Rasch, PCM and RSM.

    Raises
    ------
    CalibrationError
        When the data cannot support the model: too few items, constant items without priors, unconnected booklets.
    ConvergenceError
        When the maximum was not reached; `state` carries the unconverged Calibration.
    """
    data = responses if isinstance(responses, Responses) else load_responses(responses, bank=bank)
    request = Request(model, dimensions, bank, anchors, resolve(priors))
    out = estimate_by_girth(data, request, method) if isinstance(method, Girth) else estimate(data, request, method)
    remember(out, responses, bank=bank, missing=method.missing)
    return out
