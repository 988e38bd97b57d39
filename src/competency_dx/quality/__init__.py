"""Checks of an instrument against the data and against other programs."""

from competency_dx.quality.cross_check import CrossCheck, cross_check
from competency_dx.quality.dependence import Dependence, local_dependence

__all__ = ["CrossCheck", "Dependence", "cross_check", "local_dependence"]
