"""The posterior of persons: what their answers, the item parameters and the population say of their competencies.

Every statement about persons is one about this posterior. `posterior_of` chooses how it is integrated: on one grid for one
competency; for several by expectation propagation where each item measures one, by dimension reduction where all measure a
general one, else on a lattice for each person. Grids are decided by items and population, lattices by the answers of the person:
nobody's numbers depend on who else is in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Bools, Floats, Ints, Names, value
from competency_dx.errors import ScoringError
from competency_dx.kernels.grid import Tables, prepare
from competency_dx.models import ItemParameters
from competency_dx.persons.choices import EAP
from competency_dx.persons.draws import MarginalDensity, PersonIntegral, PosteriorMoments, cdf, even_uniforms, inverse_cdf
from competency_dx.persons.exact_posterior import ExactPosterior
from competency_dx.persons.grids import scoring_grid, uncertain_items
from competency_dx.persons.lattice_posterior import FINE, LatticePosterior, lattice_settings
from competency_dx.persons.matching import Matched
from competency_dx.persons.propagated_posterior import propagated_posterior
from competency_dx.persons.reduced_posterior import reduced_posterior, reduces

DEFAULT_METHOD = EAP()
DRAWS = 1024  # a power of two, as Sobol points like it


@value
class Posterior:
    """Posterior of P persons on D competencies.

    Attributes
    ----------
    persons : ndarray of str, shape (P,)
    dimensions : tuple of str
        D names.
    integral : PersonIntegral
        The way of integrating.
    """

    persons: Names
    dimensions: tuple[str, ...]
    integral: PersonIntegral

    def moments(self) -> PosteriorMoments:
        """Return mean (P, D), covariance (P, D, D), log marginal probability of the answers (P,), mass at the ends (P,)."""
        return self.integral.moments()

    def below(self, cuts: ArrayLike) -> Floats:
        """Return P(θ_d < cut) (P, D) for cuts of the competencies (D,), or of each person (P, D)."""
        P, D = len(self.persons), len(self.dimensions)
        at, out = np.broadcast_to(np.asarray(cuts, dtype=np.float64), (P, D)), np.empty((P, D))

        def one(d: int, block: slice, marginal: MarginalDensity) -> None:
            out[block, d] = cdf(marginal.log_density, marginal.theta, at[block, d])

        self._over_marginals(one)
        return out

    def quantiles(self, probabilities: Sequence[float]) -> Floats:
        """Return the quantiles of each competency (P, D, N) at N probabilities."""
        out = np.empty((len(self.persons), len(self.dimensions), len(probabilities)))

        def one(d: int, block: slice, marginal: MarginalDensity) -> None:
            for n, probability in enumerate(probabilities):
                level = np.full(block.stop - block.start, probability)
                out[block, d, n] = inverse_cdf(marginal.log_density, marginal.theta, level)

        self._over_marginals(one)
        return out

    def _over_marginals(self, function: Callable[[int, slice, MarginalDensity], None]) -> None:
        for d in range(len(self.dimensions)):
            self.integral.marginals(d, lambda block, marginal, d=d: function(d, block, marginal))  # type: ignore[misc]

    def draws(self, n: int = DRAWS, *, key: bytes = b"") -> Floats:
        """Return n draws of every person (P, n, D), evenly spread: averages over them are near expectations.

        They follow from the key, the person's id and answers alone; a power of two serves best.
        """
        return self.integral.transformed(even_uniforms(key, self.persons, n, len(self.dimensions)))

    def transformed(self, uniform: Floats) -> Floats:
        """Return points (P, n, D) of the posterior for uniforms (P, n, D)."""
        return self.integral.transformed(uniform)

    def expected(self, function: Callable[[Floats], Floats], n: int = DRAWS) -> Floats:
        """Return E[f(θ)] (P, F) for ``function``, which maps points (P, n, D) to values (P, n, F), by draws."""
        return np.asarray(function(self.draws(n)).mean(axis=1))

    def probability(self, region: Callable[[Floats], Bools], n: int = DRAWS) -> Floats:
        """Return P(θ in region) (P,) for ``region``, which maps points (P, n, D) to truth (P, n), by draws."""
        return np.asarray(region(self.draws(n)).mean(axis=1))

    def half_space(self, direction: ArrayLike, cut: float, n: int = DRAWS) -> Floats:
        """Return P(Σ_d direction_d θ_d < cut) (P,), by draws."""
        along = np.asarray(direction, dtype=np.float64)
        return self.probability(lambda theta: theta @ along < cut, n)


def posterior_of(matched: Matched, known: ItemParameters, method: EAP = DEFAULT_METHOD) -> Posterior:
    """Return the posterior of matched persons under the population of the item parameters.

    Raises `ScoringError` when items measure several of more than three competencies and no dimension reduction fits.
    """
    D, points, choice, executor = len(known.dimensions), method.points, method.item_uncertainty, method.executor
    integral: PersonIntegral
    if D == 1:
        integral = posterior_on(matched, known.n_categories, scoring_grid(known, points, choice), executor=executor)
    elif known.between:
        integral = propagated_posterior(matched, known, points, choice, executor)
    elif reduces(known):
        integral = reduced_posterior(matched, known, points, choice, executor)
    elif D in FINE:
        settings = lattice_settings(known, uncertain_items(known, choice))
        integral = LatticePosterior(codes=matched.codes, observed=matched.observed, settings=settings, executor=executor)
    else:
        raise ScoringError("persons.lattice_too_large", d=D, dimensions=known.dimensions)
    return Posterior(persons=matched.persons, dimensions=known.dimensions, integral=integral)


def posterior_on(matched: Matched, n_categories: Ints, grid: Tables, *, executor: Executor | None = None) -> ExactPosterior:
    """Return the posterior of one competency on given tables, for items with these numbers of categories (I,)."""
    answers = prepare(matched.codes, matched.observed, n_categories)
    return ExactPosterior(answers=answers, tables=grid, executor=executor)
