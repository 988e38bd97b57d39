"""Checks of an instrument against the data and against other programs."""

from competency_dx.quality.cross_check import CrossCheck, cross_check

__all__ = ["CrossCheck", "cross_check"]
