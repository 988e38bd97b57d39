"""The persons of a table: matched to item parameters by id, with their posterior."""

from competency_dx.persons.draws import MarginalDensity, Posterior, PosteriorMoments, even_uniforms, inverse_cdf, uniforms
from competency_dx.persons.grids import DEFAULT_METHOD, EAP, END_MASS, MAP, ML, WLE, Method, SumScore, scoring_grid, uncertain_items
from competency_dx.persons.joint_posteriors import EPPosterior, curves_of, propagated_given_sums
from competency_dx.persons.matching import (
    PERSON,
    Matched,
    as_calibration,
    as_responses,
    by_population,
    check_one_dimension,
    match,
    parameters_of,
    plain_points,
    reasons_of,
)
from competency_dx.persons.posterior import ExactPosterior, given_sums, modes, posterior_of, posterior_on, sum_score_table
