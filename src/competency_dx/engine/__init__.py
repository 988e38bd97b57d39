"""From item parameters to the maximum of a marginal likelihood and its certificate."""

from competency_dx.engine.items import ItemErrors, Items, ParameterTable, beta_of, holding, items_at, table_of
from competency_dx.engine.items_setup import Constraints, Fixed, Known, build_items, category_counts, extra_width, parameters_of_items
from competency_dx.engine.marginal import Accuracy, Information, Marginal
from competency_dx.engine.maximise import Control, Maximised, Progress, fit, within_bounds
from competency_dx.engine.one_dimension import fit_histogram, one_dimension_likelihood
from competency_dx.engine.populations import Populations, populations_of
from competency_dx.engine.priors import Beta, LogitNormal, LogNormal, Normal, PooledNormal, Priors, PriorTerms, resolve
from competency_dx.engine.several_dimensions import orthogonal, product_grid_likelihood, propagation_likelihood, reduction_likelihood
