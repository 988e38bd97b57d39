"""Misconceptions: how probable each is for a person, from the wrong options chosen."""

from competency_dx.misconceptions.api import MisconceptionEvidence, MisconceptionParameters, MisconceptionRule, find_misconceptions

__all__ = ["MisconceptionEvidence", "MisconceptionParameters", "MisconceptionRule", "find_misconceptions"]
