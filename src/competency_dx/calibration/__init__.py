"""Marginal maximum likelihood calibration of item parameters."""

from competency_dx.calibration.api import calibrate
from competency_dx.calibration.calibration import Calibration, Certificate, bank_records
from competency_dx.calibration.choices import MarginalML, Population, SurveyDesign
from competency_dx.calibration.exploratory import Exploratory, FactorSolution, rotated
from competency_dx.calibration.girth_engine import Girth, GirthEstimates, evidence, girth_estimates, girth_family
from competency_dx.calibration.report import digest_answers, near_duplicates
from competency_dx.engine import Beta, Constraints, LogitNormal, LogNormal, Normal, PooledNormal, Priors
from competency_dx.responses import SuspectedKey, suspected_keys

__all__ = ["Calibration", "Certificate", "MarginalML", "Population", "SurveyDesign", "bank_records", "calibrate"]
__all__ += ["Beta", "Constraints", "LogNormal", "LogitNormal", "Normal", "PooledNormal", "Priors"]
__all__ += ["Exploratory", "FactorSolution", "rotated"]
__all__ += ["Girth", "GirthEstimates", "evidence", "girth_estimates", "girth_family"]
__all__ += ["digest_answers", "near_duplicates"]
__all__ += ["SuspectedKey", "suspected_keys"]
