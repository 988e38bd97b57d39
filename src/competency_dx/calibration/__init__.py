"""Marginal maximum likelihood calibration of item parameters."""

from competency_dx.calibration.api import calibrate
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.cross_check import CrossCheck, cross_check
from competency_dx.calibration.girth_engine import Girth
from competency_dx.calibration.priors import Beta, LogitNormal, LogNormal, Normal, Priors
from competency_dx.calibration.strategies import Constraints, MarginalML, Population, SurveyDesign

__all__ = [
    "Beta",
    "Calibration",
    "Certificate",
    "Constraints",
    "CrossCheck",
    "Girth",
    "LogNormal",
    "LogitNormal",
    "MarginalML",
    "Normal",
    "Population",
    "Priors",
    "SurveyDesign",
    "calibrate",
    "cross_check",
]
