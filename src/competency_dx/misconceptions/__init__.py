"""Misconceptions: how probable each is for a person, from the wrong options chosen."""

from competency_dx.misconceptions.api import MisconceptionRule, find_misconceptions
from competency_dx.misconceptions.estimation import (
    MISCONCEPTION_MODEL,
    MisconceptionEstimate,
    MisconceptionEstimates,
    estimate_misconceptions,
)
from competency_dx.misconceptions.evidence import MisconceptionEvidence, MisconceptionParameters

__all__ = [
    "MISCONCEPTION_MODEL",
    "MisconceptionEstimate",
    "MisconceptionEstimates",
    "MisconceptionEvidence",
    "MisconceptionParameters",
    "MisconceptionRule",
    "estimate_misconceptions",
    "find_misconceptions",
]
