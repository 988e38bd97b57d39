"""Experts who mark: how far they agree, how severe each is, and what persons would have got from an expert of mean severity."""

from competency_dx.raters.agreement import Agreement, ThirdExpert, check_agreement
from competency_dx.raters.api import AdjustedAnswers, adjust_marks, calibrate_raters
from competency_dx.raters.rater_calibration import Facets, RaterCalibration
from competency_dx.raters.ratings import Ratings, load_ratings

__all__ = ["Agreement", "Ratings", "ThirdExpert", "check_agreement", "load_ratings"]
__all__ += ["AdjustedAnswers", "Facets", "RaterCalibration", "adjust_marks", "calibrate_raters"]
