"""Which likelihood a calibration maximises: one dimension, expectation propagation, a product grid, or dimension reduction."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats
from competency_dx.calibration.choices import MarginalML
from competency_dx.calibration.exploratory import exploratory_likelihood
from competency_dx.calibration.findings import INSEPARABLE, UNSETTLED
from competency_dx.calibration.report import EXACT, Accuracy
from competency_dx.calibration.sample import Sample, population_design
from competency_dx.engine import (
    Fit,
    Items,
    Known,
    Marginal,
    Populations,
    Propagation,
    Reduction,
    Univariate,
    axis_points,
    bifactor_points,
    inseparable,
    populations_of,
    product_grid_likelihood,
    propagation_likelihood,
    reduction_likelihood,
)
from competency_dx.errors import CalibrationError
from competency_dx.findings import Finding
from competency_dx.kernels.grid.e_step import Answers, with_indicators
from competency_dx.models import FAMILIES

Kind = Literal["univariate", "propagation", "quadrature", "bifactor", "exploratory"]
MOST = 4  # dimensions of a product grid
CONCENTRATION = 1.0  # of the prior of correlation matrices where priors are wanted

AnyLikelihood = Univariate | Marginal


class Scene(NamedTuple):
    """What a likelihood is made of besides items and answers."""

    known: Known
    dimensions: tuple[str, ...]
    sample: Sample
    anchored: Bools
    penalised: bool


def kind_of(known: Known, method: MarginalML, *, exploring: bool = False) -> Kind:
    """Return how the integral over competencies is taken.

    Raises
    ------
    CalibrationError
        When the wish does not fit the items.
    """
    D = known.loads.shape[1]
    single = bool((known.loads.sum(axis=1) == 1).all())
    if D == 1:
        return "univariate"
    if exploring:
        return "exploratory"
    if method.integration == "bifactor":
        return "bifactor"
    if method.integration == "propagation" and not single:
        raise CalibrationError(
            "Expectation propagation takes items that measure one competency each; some measure several: use "
            'MarginalML(integration="quadrature") for up to three competencies, or "bifactor"'
        )
    if method.integration == "quadrature" or not single:
        return "quadrature"
    return "propagation"


def likelihood_of(kind: Kind, items: Items, answers: Answers, scene: Scene, method: MarginalML) -> AnyLikelihood:
    """Return the likelihood to maximise."""
    if kind == "univariate":
        scaled = any(FAMILIES[f].free_slope for f in scene.known.families)
        linked = method.population.free_items != "all"
        design = population_design(scene.sample, anchored=bool(scene.anchored.any()), scaled=scaled, linked=linked)
        kept = with_indicators(answers) if method.executor is None else answers
        return Univariate(items=items, answers=kept, design=design, executor=method.executor)
    if kind == "exploratory":
        if len(scene.sample.groups) > 1 or scene.sample.covariate_names:
            raise CalibrationError("An exploratory calibration is for one population; leave out Population(by=…, on=…)")
        return exploratory_likelihood(items, answers, dimensions=scene.dimensions, executor=method.executor)
    population, regressors = _populations(scene, method)
    if kind == "propagation":
        return propagation_likelihood(
            items,
            answers,
            dimension=np.asarray(scene.known.loads.argmax(axis=1)),
            population=population,
            group=scene.sample.group,
            regressors=regressors,
            executor=method.executor,
        )
    make = reduction_likelihood if kind == "bifactor" else product_grid_likelihood
    return make(
        items,
        answers,
        population=population,
        group=scene.sample.group,
        regressors=regressors,
        executor=method.executor,
    )


def _populations(scene: Scene, method: MarginalML) -> tuple[Populations, Floats]:
    """Return the populations of several competencies and the regressors of each person (P, R).

    In the reference group a competency has a free variance where none of its slopes is estimated or some of its items are
    anchored, and a free mean where some are anchored; other groups have free means and covariances.
    """
    known, sample = scene.known, scene.sample
    P, D, G = len(sample.covariates), len(scene.dimensions), len(sample.groups)
    sloped = np.array([FAMILIES[f].free_slope for f in known.families])
    held = np.array([bool((known.loads[:, d] & scene.anchored).any()) for d in range(D)])
    loose = held | ~np.array([bool((known.loads[:, d] & sloped & ~scene.anchored).any()) for d in range(D)])
    linked = method.population.free_items != "all"
    moving = [g for g in range(G) if (held.any() and g == 0) or (g > 0 and (linked or held.any()))]
    group = np.zeros(P, dtype=np.int64) if sample.group is None else sample.group
    columns: list[Floats] = [(group == g).astype(float) for g in moving]
    weight = np.ones(P) if sample.weight is None else sample.weight
    if sample.covariate_names:
        columns += list((sample.covariates - np.average(sample.covariates, axis=0, weights=weight)).T)
    names = ("",) * len(moving) + sample.covariate_names
    reference = np.zeros((G, len(names)))
    reference[moving, np.arange(len(moving))] = 1.0
    free = np.ones((len(names), D), dtype=np.bool_)
    if 0 in moving:
        free[moving.index(0)] = held
    return (
        populations_of(
            scene.dimensions,
            groups=sample.groups,
            regressors=names,
            reference=reference,
            free_variance=loose,
            free_coefficients=free,
            concentration=CONCENTRATION if scene.penalised else 0.0,
        ),
        np.stack(columns, axis=1) if columns else np.zeros((P, 0)),
    )


def accuracy(likelihood: AnyLikelihood, found: Fit) -> Accuracy:
    """Return how the integral was taken and the estimated error of it."""
    if isinstance(likelihood, Univariate):
        return EXACT
    if isinstance(likelihood.integral, Propagation):
        error, design = likelihood.integral.error(found.at), likelihood.integral.design
        weight = np.ones(len(error.log_likelihood)) if design.weight is None else design.weight
        own = np.abs(error.log_likelihood).mean()
        return Accuracy("propagation", float(weight @ error.log_likelihood), float(own), error.rms_mean)
    return Accuracy("dimension reduction" if isinstance(likelihood.integral, Reduction) else "product grid")


def points_for(kind: Kind, points: int, n_dimensions: int) -> int:
    """Return the points on each axis to begin with."""
    if kind == "bifactor":
        return bifactor_points(points)
    return axis_points(points, min(n_dimensions, MOST)) if kind in {"quadrature", "exploratory"} else points


def doubts(likelihood: AnyLikelihood, found: Fit) -> tuple[Finding, ...]:
    """Return what is to be said of competencies that the data do not tell apart, and of persons who did not settle."""
    integral = None if isinstance(likelihood, Univariate) else likelihood.integral
    unsettled = integral.unsettled(found.at) if isinstance(integral, Propagation) else 0
    if not unsettled:
        return _inseparable(likelihood, found.phi)
    return (UNSETTLED.of(persons=unsettled), *_inseparable(likelihood, found.phi))


def _inseparable(likelihood: AnyLikelihood, phi: Floats) -> tuple[Finding, ...]:
    """Return what is to be said of competencies that the data do not tell apart."""
    if isinstance(likelihood, Univariate):
        return ()
    pairs = inseparable(likelihood.population, likelihood.psi(phi))
    if not pairs:
        return ()
    return (INSEPARABLE.of((name for a, b, _ in pairs for name in (a, b)), pairs=pairs),)
