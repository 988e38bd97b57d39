"""The persons of a table: matched to item parameters by id, with their posterior."""

from competency_dx.persons.choices import EAP, MAP, ML, WLE, ItemUncertainty, Method, SumScore
from competency_dx.persons.grids import scoring_grid, uncertain_items
from competency_dx.persons.matching import (
    Matched,
    as_responses,
    by_population,
    check_one_dimension,
    match,
    parameters_of,
    source_of,
)
from competency_dx.persons.plain_table import PERSON, plain_points

__all__ = [
    "EAP",
    "MAP",
    "ML",
    "PERSON",
    "WLE",
    "ItemUncertainty",
    "Matched",
    "Method",
    "SumScore",
    "as_responses",
    "by_population",
    "check_one_dimension",
    "match",
    "parameters_of",
    "plain_points",
    "scoring_grid",
    "source_of",
    "uncertain_items",
]
