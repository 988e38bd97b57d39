"""Simulated answers: scores drawn from the model at given or drawn abilities."""

from typing import Protocol

import numpy as np

from competency_dx.arrays import Floats, blocks
from competency_dx.bank import ItemBank
from competency_dx.errors import ModelError, checked
from competency_dx.models.curves import log_probabilities
from competency_dx.models.item_parameters import ItemParameters, bank_parameters
from competency_dx.provenance import provenance
from competency_dx.responses import Reason, Responses

BLOCK = 4096


class Parametrised(Protocol):
    """What has item parameters, as a calibration."""

    @property
    def parameters(self) -> ItemParameters:
        """Return the item parameters."""


@checked(ModelError)
def simulate(parameters: ItemBank | Parametrised | ItemParameters, persons: int | Floats, *, rng: np.random.Generator) -> Responses:
    """Draw complete scored answers from the model.

    Persons are "1", "2" …; the abilities are not kept in the result.
    Raises `ModelError` when abilities have the wrong shape or are not finite, or the population has no density.

    Parameters
    ----------
    parameters : ItemBank or Calibration
        Item parameters and population.
    persons : int or ndarray, shape (P,) or (P, D)
        Number of persons, drawn from the population, or their abilities θ in logits on D competencies.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same answers, on every machine: abilities are drawn first, person by
        person, from standard normal draws z (P, D) as mean + z Lᵀ with the Cholesky factor L of the covariance; then come
        uniform draws, one for each answer, in blocks of persons.
    """
    source = bank_parameters(parameters) if isinstance(parameters, ItemBank) else parameters
    known = (source if isinstance(source, ItemParameters) else source.parameters).in_group()
    theta = abilities(known, persons, rng)
    codes = np.empty((len(theta), len(known.items)), dtype=np.int8)
    for block in blocks(len(theta), BLOCK):
        # the number of categories whose cumulative probability lies below a uniform draw
        cumulative = np.cumsum(np.exp(log_probabilities(known, theta[block])), axis=1)[:, :-1]
        draws = rng.random((len(theta[block]), len(known.items))).T
        codes[block] = (draws[:, None, :] > cumulative).sum(axis=1).T
    several = len(known.dimensions) > 1
    population = f"{len(known.dimensions)} competencies" if several else f"N({known.mean:g}, {known.variance:g})"
    settings = {"persons": str(len(theta)), "items": str(len(known.items)), "population": population}
    return Responses(
        persons=np.arange(1, len(theta) + 1).astype(str).astype(object),
        items=known.items,
        scores=codes,
        reasons=np.full(codes.shape, Reason.ANSWERED, dtype=np.uint8),
        max_scores=known.n_categories - 1,
        background={},
        answers=None,
        findings=(),
        provenance=provenance("simulate", {}, settings),
    )


def abilities(known: ItemParameters, persons: int | Floats, rng: np.random.Generator) -> Floats:
    """Return θ in logits as given, or drawn: (P,) for one competency, (P, D) for several; raises `ModelError` as `simulate`."""
    D, population = len(known.dimensions), known.population
    if isinstance(persons, int | np.integer):
        if persons < 1:
            raise ModelError("models.too_few", persons=persons)
        if D > 1:
            try:  # a covariance has one triangular root, where roots by eigenvectors are the choice of a LAPACK build
                root = np.linalg.cholesky(population.covariance)
            except np.linalg.LinAlgError:
                raise ModelError("models.covariance") from None
            return population.mean + rng.normal(size=(int(persons), D)) @ root.T
        return np.asarray(rng.normal(known.mean, np.sqrt(known.variance), int(persons)))
    theta = np.asarray(persons, dtype=float)
    if D == 1 and theta.ndim == 2 and theta.shape[1] == 1:
        theta = theta[:, 0]
    wanted = "(P,) or (P, 1) for one competency" if D == 1 else f"(P, {D}) for {D} competencies"
    if theta.ndim != min(D, 2) or (D > 1 and theta.shape[1] != D) or not np.isfinite(theta).all():
        raise ModelError("models.abilities", wanted=wanted, shape=np.shape(persons))
    return theta
