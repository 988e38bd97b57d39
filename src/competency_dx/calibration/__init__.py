"""Marginal maximum likelihood calibration of item parameters."""

from competency_dx.calibration.api import calibrate
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.classification import (
    AttributePosteriors,
    ClassCalibration,
    ClassificationAccuracy,
    ClassificationML,
    QValidation,
    attribute_posteriors,
    classification_accuracy,
    validate_q_matrix,
)
from competency_dx.calibration.exploratory import Exploratory, rotated
from competency_dx.calibration.factor_solution import FactorSolution
from competency_dx.calibration.misconceptions import (
    MISCONCEPTION_MODEL,
    MisconceptionEstimate,
    MisconceptionEstimates,
    estimate_misconceptions,
)
from competency_dx.calibration.priors import Beta, LogitNormal, LogNormal, Normal, PooledNormal, Priors
from competency_dx.calibration.second_opinion.cross_check import CrossCheck, cross_check
from competency_dx.calibration.second_opinion.girth_engine import Girth
from competency_dx.calibration.strategies import Constraints, MarginalML, Population, SurveyDesign

__all__ = [
    "MISCONCEPTION_MODEL",
    "AttributePosteriors",
    "Beta",
    "Calibration",
    "Certificate",
    "ClassCalibration",
    "ClassificationAccuracy",
    "ClassificationML",
    "Constraints",
    "CrossCheck",
    "Exploratory",
    "FactorSolution",
    "Girth",
    "LogNormal",
    "LogitNormal",
    "MarginalML",
    "MisconceptionEstimate",
    "MisconceptionEstimates",
    "Normal",
    "PooledNormal",
    "Population",
    "Priors",
    "QValidation",
    "SurveyDesign",
    "attribute_posteriors",
    "calibrate",
    "classification_accuracy",
    "cross_check",
    "estimate_misconceptions",
    "rotated",
    "validate_q_matrix",
]
