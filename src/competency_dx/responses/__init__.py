"""Answers of persons to items: tables in any usual form, scored by the bank's rules, with a reason for every gap."""

from competency_dx.responses.api import load_responses, settle_layout
from competency_dx.responses.design import check_design
from competency_dx.responses.explanation import Explanation, RawAnswers
from competency_dx.responses.missing import MissingPolicy, Omissions, Reason, Reasons
from competency_dx.responses.reading.layout import Layout
from competency_dx.responses.responses import Options, Responses, chosen_options
from competency_dx.responses.rules import ambiguous_options, score_answers

__all__ = [
    "Explanation",
    "Layout",
    "MissingPolicy",
    "Omissions",
    "Options",
    "RawAnswers",
    "Reason",
    "Reasons",
    "Responses",
    "ambiguous_options",
    "check_design",
    "chosen_options",
    "load_responses",
    "score_answers",
    "settle_layout",
]
