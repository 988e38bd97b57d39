"""Person estimates with their errors, matched by item id."""

from competency_dx.scoring.api import score
from competency_dx.scoring.matching import Matched, as_responses, match, parameters_of
from competency_dx.scoring.methods import EAP, MAP, ML, WLE, Method, SumScore
from competency_dx.scoring.scores import Scores
from competency_dx.scoring.support import scoring_grid, uncertain_items

__all__ = [
    "EAP",
    "MAP",
    "ML",
    "WLE",
    "Matched",
    "Method",
    "Scores",
    "SumScore",
    "as_responses",
    "match",
    "parameters_of",
    "score",
    "scoring_grid",
    "uncertain_items",
]
