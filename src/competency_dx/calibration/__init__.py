"""Marginal maximum likelihood calibration of item parameters."""

from competency_dx.calibration.api import calibrate
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.marginal_ml import MarginalML
from competency_dx.calibration.priors import Priors

__all__ = ["Calibration", "Certificate", "MarginalML", "Priors", "calibrate"]
