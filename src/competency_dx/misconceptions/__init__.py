"""Misconceptions: how probable each is for a person, from the wrong options chosen."""

from competency_dx.misconceptions.api import MisconceptionRule, find_misconceptions
from competency_dx.misconceptions.evidence import MisconceptionEvidence, MisconceptionParameters

__all__ = ["MisconceptionEvidence", "MisconceptionParameters", "MisconceptionRule", "find_misconceptions"]
