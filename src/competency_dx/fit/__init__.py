"""Fit of items, models and persons, and what it does to conclusions; calibrations of the same answers beside each other."""

from competency_dx.fit.api import check_fit
from competency_dx.fit.model_fit import Fit
from competency_dx.fit.whole_model import compare

__all__ = ["Fit", "check_fit", "compare"]
