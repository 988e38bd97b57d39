"""Answers of persons to items: tables in any usual form, scored by the bank's rules, with a reason for every gap."""

from competency_dx.responses.api import answers_to_tests, load_responses, read_table, settle_layout
from competency_dx.responses.design import check_design, tail_findings, zero_tails
from competency_dx.responses.explanation import Explanation, RawAnswers
from competency_dx.responses.missing import MissingPolicy, Omissions, Reason, Reasons, answers_given
from competency_dx.responses.normalise import fold_code, read_number
from competency_dx.responses.reading.answers import answers_schema, parse_answers
from competency_dx.responses.reading.layout import Layout
from competency_dx.responses.reading.unreadable import USUAL_CODES
from competency_dx.responses.responses import Responses
from competency_dx.responses.rules import ambiguous_options, score_answers
from competency_dx.responses.wrong_keys import (
    FALSE_ALARM,
    LEAST_ANSWERS,
    Options,
    RestScores,
    SuspectedKey,
    chance_of,
    chosen_options,
    item_rest,
    suspected_keys,
)

__all__ = ["Explanation", "Layout", "MissingPolicy", "Omissions", "RawAnswers", "Reason", "Reasons", "Responses"]
__all__ += ["answers_given", "answers_schema", "answers_to_tests", "load_responses", "parse_answers", "read_table", "settle_layout"]
__all__ += ["USUAL_CODES", "ambiguous_options", "fold_code", "read_number", "score_answers"]
__all__ += ["check_design", "tail_findings", "zero_tails"]
__all__ += ["FALSE_ALARM", "LEAST_ANSWERS", "Options", "RestScores", "SuspectedKey"]
__all__ += ["chance_of", "chosen_options", "item_rest", "suspected_keys"]
