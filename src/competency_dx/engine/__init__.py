"""From item parameters to the maximum of a marginal likelihood and its certificate."""

from competency_dx.engine.boundary import within_bounds
from competency_dx.engine.choices import Constraints, Control, Progress
from competency_dx.engine.histogram import fit_histogram
from competency_dx.engine.items import Items, beta_of
from competency_dx.engine.items_setup import (
    Fixed,
    Known,
    build_items,
    category_counts,
    extra_width,
    parameters_of_items,
)
from competency_dx.engine.likelihood import Likelihood
from competency_dx.engine.marginal import Marginal
from competency_dx.engine.maximise import Fit, best_of
from competency_dx.engine.one_dimension import PopulationDesign, Univariate
from competency_dx.engine.parameter_table import Parameter, ParameterTable, parameter_table
from competency_dx.engine.populations import Populations, inseparable, populations_of
from competency_dx.engine.prior_terms import PriorTerms
from competency_dx.engine.priors import Beta, LogitNormal, LogNormal, Normal, PooledNormal, Priors, resolve
from competency_dx.engine.product_grid import axis_points, product_grid_likelihood
from competency_dx.engine.propagation import Propagation, propagation_likelihood
from competency_dx.engine.reduction import Reduction, bifactor_points, orthogonal, reduction_likelihood

__all__ = [
    "Beta",
    "Constraints",
    "Control",
    "Fit",
    "Fixed",
    "Items",
    "Known",
    "Likelihood",
    "LogNormal",
    "LogitNormal",
    "Marginal",
    "Normal",
    "Parameter",
    "ParameterTable",
    "PooledNormal",
    "PopulationDesign",
    "Populations",
    "PriorTerms",
    "Priors",
    "Progress",
    "Propagation",
    "Reduction",
    "Univariate",
    "axis_points",
    "best_of",
    "beta_of",
    "bifactor_points",
    "build_items",
    "category_counts",
    "extra_width",
    "fit_histogram",
    "inseparable",
    "orthogonal",
    "parameter_table",
    "parameters_of_items",
    "populations_of",
    "product_grid_likelihood",
    "propagation_likelihood",
    "reduction_likelihood",
    "resolve",
    "within_bounds",
]
