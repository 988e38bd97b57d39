"""Item families, their parameters as a struct of arrays, populations, curves, simulation."""

from competency_dx.models.curves import (
    abilities,
    averaged_log_probabilities,
    cubature,
    curve_information,
    expected_scores,
    informed_scores,
    log_probabilities,
    score_information,
    simulate,
    uncertain_scores,
)
from competency_dx.models.families import FAMILIES, Family, Steps, extras_of, family, family_for, kernel_groups
from competency_dx.models.item_parameters import CALIBRATED_FROM, ItemParameters, NormalPopulation, bank_parameters, measuring, moved
