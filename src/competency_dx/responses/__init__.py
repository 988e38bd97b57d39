"""Answers of persons to items: tables in any usual form, scored by the bank's rules, with a reason for every gap."""

from competency_dx.responses.api import (
    Answers,
    Explanation,
    Layout,
    MissingPolicy,
    Reason,
    Responses,
    check_design,
    load_responses,
    score_answers,
)

__all__ = [
    "Answers",
    "Explanation",
    "Layout",
    "MissingPolicy",
    "Reason",
    "Responses",
    "check_design",
    "load_responses",
    "score_answers",
]
