"""From item parameters to the maximum of a marginal likelihood and its certificate."""

from competency_dx.engine.boundary import within_bounds
from competency_dx.engine.choices import Constraints, Control, Progress
from competency_dx.engine.histogram import fit_histogram
from competency_dx.engine.items import Items, beta_of
from competency_dx.engine.items_setup import Fixed, Known, build_items, category_counts, extra_width
from competency_dx.engine.likelihood import Likelihood
from competency_dx.engine.maximise import Fit, best_of
from competency_dx.engine.one_dimension import PopulationDesign, Univariate
from competency_dx.engine.populations import Populations, inseparable, populations_of
from competency_dx.engine.prior_terms import PriorTerms
from competency_dx.engine.priors import Beta, LogitNormal, LogNormal, Normal, PooledNormal, Priors, resolve
from competency_dx.engine.product_grid import ProductGrid, axis_points, product_grid_likelihood
from competency_dx.engine.propagation import Between, between
from competency_dx.engine.reduction import Bifactor, bifactor_likelihood, bifactor_points, orthogonal

__all__ = [
    "Beta",
    "Between",
    "Bifactor",
    "Constraints",
    "Control",
    "Fit",
    "Fixed",
    "Items",
    "Known",
    "Likelihood",
    "LogNormal",
    "LogitNormal",
    "Normal",
    "PooledNormal",
    "PopulationDesign",
    "Populations",
    "PriorTerms",
    "Priors",
    "ProductGrid",
    "Progress",
    "Univariate",
    "axis_points",
    "best_of",
    "beta_of",
    "between",
    "bifactor_likelihood",
    "bifactor_points",
    "build_items",
    "category_counts",
    "extra_width",
    "fit_histogram",
    "inseparable",
    "orthogonal",
    "populations_of",
    "product_grid_likelihood",
    "resolve",
    "within_bounds",
]
