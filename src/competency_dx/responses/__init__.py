"""Answers of persons to items: tables in any usual form, scored by the bank's rules, with a reason for every gap."""

from competency_dx.responses.api import (
    Explanation,
    Layout,
    MissingPolicy,
    RawAnswers,
    Reason,
    Responses,
    check_design,
    load_responses,
    score_answers,
    settle_layout,
)
from competency_dx.responses.missing import Reasons
from competency_dx.responses.responses import Options, chosen_options

__all__ = [
    "Explanation",
    "Layout",
    "MissingPolicy",
    "Options",
    "RawAnswers",
    "Reason",
    "Reasons",
    "Responses",
    "check_design",
    "chosen_options",
    "load_responses",
    "score_answers",
    "settle_layout",
]
