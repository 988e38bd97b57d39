"""Marginal maximum likelihood calibration of item parameters."""

from competency_dx.calibration.api import calibrate
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.choices import MarginalML, Population, SurveyDesign
from competency_dx.calibration.exploratory import Exploratory, FactorSolution, rotated
from competency_dx.calibration.girth_calibration import described, doubts, evidence, placed, settled
from competency_dx.calibration.girth_engine import Girth, GirthEstimates, girth_estimates, girth_family
from competency_dx.engine import Beta, Constraints, LogitNormal, LogNormal, Normal, PooledNormal, Priors
from competency_dx.responses import OptionUse, SuspectedKey, suspected_keys

__all__ = [
    "Beta",
    "Calibration",
    "Certificate",
    "Constraints",
    "Exploratory",
    "FactorSolution",
    "Girth",
    "GirthEstimates",
    "LogNormal",
    "LogitNormal",
    "MarginalML",
    "Normal",
    "OptionUse",
    "PooledNormal",
    "Population",
    "Priors",
    "SurveyDesign",
    "SuspectedKey",
    "calibrate",
    "described",
    "doubts",
    "evidence",
    "girth_estimates",
    "girth_family",
    "placed",
    "rotated",
    "settled",
    "suspected_keys",
]
