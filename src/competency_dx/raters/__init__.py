"""Experts who mark: what they gave, how far they agree, and when a third one is called."""

from competency_dx.raters.agreement import Agreement, ThirdExpert, check_agreement
from competency_dx.raters.ratings import Ratings, load_ratings

__all__ = ["Agreement", "Ratings", "ThirdExpert", "check_agreement", "load_ratings"]
