"""The verb of this room: calibrate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args, overload

from competency_dx.bank import ItemBank
from competency_dx.calibration.calibration import Calibration
from competency_dx.calibration.choices import MarginalML
from competency_dx.calibration.estimation import Request, estimate
from competency_dx.calibration.girth_engine import Girth, estimate_by_girth
from competency_dx.classification import ClassCalibration, ClassificationML, classify
from competency_dx.engine import Priors, resolve
from competency_dx.errors import CalibrationError, checked
from competency_dx.responses import answers_to_tests

Source = Any  # Responses, or any table that load_responses reads
Dimensions = Any  # a level of the bank, a mapping of item to competency, or a frame of items by competencies
DEFAULT_METHOD = MarginalML()
Classification = Literal["DINA", "DINO", "ACDM", "LLM", "GDINA"]
CLASSIFICATION = frozenset(get_args(Classification))


@overload
def calibrate(
    responses: Source,
    *,
    model: Classification,
    dimensions: Dimensions,
    bank: ItemBank | None = None,
    anchors: None = None,
    priors: str | None = "weak",
    method: MarginalML | ClassificationML = DEFAULT_METHOD,
) -> ClassCalibration: ...


@overload
def calibrate(
    responses: Source,
    *,
    model: str | Mapping[str, str] = "2PL",
    dimensions: Dimensions = None,
    bank: ItemBank | None = None,
    anchors: ItemBank | Calibration | None = None,
    priors: Priors | str | None = "weak",
    method: MarginalML | Girth = DEFAULT_METHOD,
) -> Calibration: ...


@checked(CalibrationError)
def calibrate(
    responses: Source,
    *,
    model: str | Mapping[str, str] = "2PL",
    dimensions: Dimensions = None,
    bank: ItemBank | None = None,
    anchors: ItemBank | Calibration | None = None,
    priors: Priors | str | None = "weak",
    method: MarginalML | Girth | ClassificationML = DEFAULT_METHOD,
) -> Calibration | ClassCalibration:
    """Calibrate items on responses by marginal maximum likelihood.

    The normal population has mean 0 and variance 1, fixed; for Rasch, PCM and RSM slopes are 1 and the variance is free. A diagnostic
    classification model gives a ClassCalibration.
    Raises `CalibrationError` when the data cannot support the model: too few items, constant items without priors, unconnected
    booklets. Raises `ConvergenceError` when the maximum was not reached; `state` carries the unconverged Calibration.

    Parameters
    ----------
    responses : Responses, data frame, array or path
        Persons by items; whatever `load_responses` reads.
    model : {"Rasch", "1PL", "2PL", "3PL", "4PL", "PCM", "RSM", "GPCM", "GRM", "NRM"} or mapping of item to one of them
        GPCM and GRM take dichotomous items too, as 2PL; PCM and RSM as Rasch. "2PLNRM", "3PLNRM", "4PLNRM" are nested logits of
        keyed multiple choice and need raw answers. "DINA", "DINO", "ACDM", "LLM", "GDINA" are diagnostic classification models
        and need a Q-matrix in `dimensions`.
    dimensions : {"competencies", "clusters", "testlets"}, mapping, Q-matrix frame, sets of items or Exploratory, optional
        ``"competencies"``: each item measures the domain that the bank counts it for (``bank.leaves``); ``"clusters"``: the
        node above that; ``"testlets"``: all measure a general competency, those on one stimulus of the bank a specific one too.
        Or the competency of each item; or a frame of items by competencies with 1 where an item measures one; or sets of items
        to be testlets (``fit.testlets``).
        None is one competency for all. ``Exploratory(n=2)`` lets the data show dimensions; see `rotated`.
    bank : ItemBank, optional
        Keys for raw answers, the score categories of every item, and what items measure.
    anchors : ItemBank or Calibration, optional
        Items whose parameters stay fixed; mean and variance of the population are then estimated.
    priors : "weak", None or Priors
        ``"weak"``: a ~ N(1, 0.75²), d_k ~ N(0, 3²), logit c ~ N(-1.4, 0.7²) …, stated in the result. None: plain maximum
        likelihood.
    method : MarginalML, Girth or ClassificationML
        Support points, tolerance, population, survey design, constraints, executor, progress; `Girth` estimates by the
        package girth, for a second opinion without standard errors.
    """
    data = answers_to_tests(responses, bank)
    names = {model} if isinstance(model, str) else set(model.values())
    if diagnostic := sorted(names & CLASSIFICATION):
        if others := sorted(names - CLASSIFICATION):
            raise CalibrationError("calibration.mixed_models", mixed=diagnostic, mixed2=others)
        if isinstance(method, Girth):
            raise CalibrationError("calibration.girth_classes")
        if isinstance(method, MarginalML):
            method = ClassificationML(executor=method.executor, missing=method.missing)
        return classify(data, dimensions, model=model, method=method)
    request = Request(model, dimensions, bank, anchors, resolve(priors))
    if isinstance(method, ClassificationML):
        raise CalibrationError("calibration.class_method")
    return estimate_by_girth(data, request, method) if isinstance(method, Girth) else estimate(data, request, method)
