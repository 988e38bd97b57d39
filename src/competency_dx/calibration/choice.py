"""Which way of integrating a calibration takes: one dimension, propagation, a product grid, or dimension reduction."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from competency_dx.calibration.choices import MarginalML
from competency_dx.calibration.exploratory import exploratory_likelihood
from competency_dx.calibration.item_setup import Anchors
from competency_dx.calibration.sample import Sample, populations_in
from competency_dx.engine import (
    Known,
    Marginal,
    Priors,
    build_items,
    one_dimension_likelihood,
    product_grid_likelihood,
    propagation_likelihood,
    reduction_likelihood,
)
from competency_dx.errors import CalibrationError
from competency_dx.findings import Finding
from competency_dx.kernels.grid import Answers
from competency_dx.models import FAMILIES


class Scene(NamedTuple):
    """What a likelihood is made of besides answers: items, competencies, persons, priors, items held, links that are weak."""

    known: Known
    dimensions: tuple[str, ...]
    sample: Sample
    priors: Priors | None
    anchors: Anchors | None
    exploring: bool
    weak_links: tuple[Finding, ...] = ()


def likelihood_of(scene: Scene, answers: Answers, method: MarginalML) -> Marginal:
    """Return the likelihood to maximise.

    Raises `CalibrationError` when the way of integrating asked for does not fit the items.
    """
    known, sample = scene.known, scene.sample
    between = bool((known.loads.sum(axis=1) == 1).all())
    make, propagated = _strategy(scene, method, between=between)
    fixed = None if scene.anchors is None else scene.anchors.fixed
    items = build_items(known, single_slopes=propagated, priors=scene.priors, constraints=method.constraints, fixed=fixed)
    if scene.exploring:
        if len(sample.groups) > 1 or sample.covariate_names:
            raise CalibrationError("calibration.exploratory_one_population")
        return exploratory_likelihood(items, answers, dimensions=scene.dimensions, executor=method.executor)
    held = np.zeros(len(known.ids), dtype=np.bool_) if fixed is None else fixed.items
    free_slope = np.array([FAMILIES[f].free_slope for f in known.families])
    estimated = items.free.any(axis=1)
    placing = held | (~estimated & ~free_slope & (items.allowed.sum(axis=1) > 1))  # an item with one score places nothing
    population, regressors = populations_in(
        sample,
        scene.dimensions,
        anchored=np.asarray(known.loads[placing].any(axis=0)) | ~known.loads[estimated].any(axis=0),
        sloped=np.asarray(known.loads[free_slope & ~held].any(axis=0)),
        linked=method.population.free_items != "all",
        correlation_sd=scene.priors.correlation_sd if scene.priors and len(scene.dimensions) > 1 else None,
    )
    return make(items, answers, population=population, group=sample.group, regressors=regressors, executor=method.executor)


def _strategy(scene: Scene, method: MarginalML, *, between: bool) -> tuple[Callable[..., Marginal], bool]:
    """Return what makes the likelihood, and whether items have one slope each, which is that of propagation."""
    known = scene.known
    if known.loads.shape[1] == 1:
        return one_dimension_likelihood, False
    if method.integration == "bifactor" and not scene.exploring:
        return reduction_likelihood, False
    if method.integration == "propagation" and not between and not scene.exploring:
        raise CalibrationError("calibration.propagation_one_each")
    if method.integration == "quadrature" or not between or scene.exploring:
        return product_grid_likelihood, False
    return partial(propagation_likelihood, dimension=known.dimension), True
