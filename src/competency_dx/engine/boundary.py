"""Asymptotes that run to 0 or 1, and variances that run to 0: held there, named, and the rest estimated."""

from dataclasses import replace

import numpy as np

from competency_dx.engine.items import beta_of, holding
from competency_dx.engine.items_setup import Known
from competency_dx.engine.marginal import Marginal
from competency_dx.engine.maximise import Control, Maximised, best_of
from competency_dx.engine.populations import holding_variances, vanishing
from competency_dx.findings import Finding, Template, gathered
from competency_dx.models import extras_of

FAR = 5.5  # logit beyond which an asymptote is on its bound: c < .004
BOUND = 30.0
ROUNDS = 4
FIRST_ITERATIONS = 150
LEAST_VARIANCE = 0.01


def within_bounds(likelihood: Marginal, known: Known, method: Control) -> tuple[Marginal, Maximised, tuple[Finding, ...]]:
    """Return likelihood, fit and findings, with what runs to its bound held there.

    Where few persons differ no more than chance has it, the likelihood falls with the variance of the population all the way
    to 0, and there is no maximum inside: variances below `LEAST_VARIANCE` are then held there.
    """
    population, budgets = likelihood.population, {method.max_iterations}
    if not population.held.all():
        budgets.add(min(method.max_iterations, FIRST_ITERATIONS))
    for most in sorted(budgets):
        likelihood, found, notes = _asymptotes_held(likelihood, known, method._replace(max_iterations=most))
        low = vanishing(population, likelihood.psi(found.phi), LEAST_VARIANCE)
        if found.converged:
            return likelihood, found, notes
        if low.any():
            break
    else:
        return likelihood, found, notes
    likelihood = replace(likelihood, population=holding_variances(population, low, LEAST_VARIANCE))
    likelihood, found, more = _asymptotes_held(likelihood, known, method)
    several = len(population.groups) > 1
    names = [population.groups[g] if several else population.dimensions[d] for g, d in np.argwhere(low).tolist()]
    return likelihood, found, gathered(notes, more, Template("engine.vanished_variance").about(names, least=np.sqrt(LEAST_VARIANCE)))


def _asymptotes_held(likelihood: Marginal, known: Known, method: Control) -> tuple[Marginal, Maximised, tuple[Finding, ...]]:
    """Return likelihood, fit and findings, with asymptotes without a prior held at 0 or 1 where they run there."""
    items = likelihood.items
    loose, first = np.zeros(items.place.shape, dtype=np.bool_), items.n_slopes + items.allowed.shape[1] - 1
    by_beta = {tuple(at) for at in items.prior.beta.tolist()}
    for i, j, extra in extras_of(known.families, known.n_categories):
        penalised = items.prior.precision[i, first + j, first + j] > 0 or (i, first + j) in by_beta
        loose[i, first + j] = extra.kind in {"c", "u"} and items.place[i, first + j] >= 0 and not penalised
    if not loose.any():
        return likelihood, *best_of(likelihood, method)
    held = np.zeros_like(loose)
    short = method._replace(max_iterations=min(method.max_iterations, FIRST_ITERATIONS))
    for _ in range(ROUNDS):
        found, notes = best_of(likelihood, short)
        beta = beta_of(likelihood.items, found.phi)
        far = loose & ~held & (np.abs(beta) > FAR) & (likelihood.items.place >= 0)
        if not far.any():
            break
        held |= far
        likelihood = replace(likelihood, items=holding(likelihood.items, far, np.where(far, np.sign(beta) * BOUND, beta)))
    if not found.converged:
        found, notes = best_of(likelihood, method)
    ids = [item for item, row in zip(known.ids, held, strict=True) if row.any()]
    return likelihood, found, notes + Template("engine.boundary").about(ids)
