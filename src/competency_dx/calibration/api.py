"""The verb of this room, calibrate: from responses to a Calibration by marginal maximum likelihood.

Setting up, choosing how to integrate, fitting, assembling.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal, get_args, overload

import numpy as np

from competency_dx import engine
from competency_dx.arrays import Bools, Codes
from competency_dx.bank import ItemBank
from competency_dx.calibration.calibration import Calibration
from competency_dx.calibration.choices import MarginalML, Sample, populations_in, sample_of, sandwich
from competency_dx.calibration.exploratory import Exploratory, exploratory_likelihood
from competency_dx.calibration.girth_engine import Girth, estimate_by_girth
from competency_dx.calibration.item_setup import anchored, by_option, families_of, highest_scores, left_out, loadings, refuse
from competency_dx.calibration.report import Request, Scene, assembled, before, digest_answers, near_duplicates, remarks, unfinished
from competency_dx.classification import ClassCalibration, ClassificationML, classify
from competency_dx.engine import Known, Marginal, Maximised, Priors, build_items, category_counts, fit_histogram, resolve, within_bounds
from competency_dx.errors import CalibrationError, ConvergenceError, checked
from competency_dx.findings import Finding, Template, announce, findings_of, gathered
from competency_dx.kernels.blocks import one_blas_thread
from competency_dx.kernels.grid import Answers, prepare
from competency_dx.models import FAMILIES
from competency_dx.responses import Responses, answers_to_tests, item_rest, suspected_keys, tail_findings, zero_tails
from competency_dx.result import provenance

Source = Any  # Responses, or any table that load_responses reads
Dimensions = Any  # a level of the bank, a mapping of item to competency, or a frame of items by competencies
DEFAULT_METHOD = MarginalML()
Classification = Literal["DINA", "DINO", "ACDM", "LLM", "GDINA"]
CLASSIFICATION = frozenset(get_args(Classification))


def estimate(data: Responses, request: Request, method: MarginalML) -> Calibration:
    """Calibrate by marginal maximum likelihood; raises what `calibrate` raises."""
    if request.testlets:
        method = replace(method, integration="bifactor")
    codes, observed = data.effective(method.missing)
    top = highest_scores(data, request.bank)
    kept, families = families_of(data, observed, request.model, top)
    codes, observed, top, options = by_option(data, (kept, families), (codes, observed, top))
    sample = sample_of(data, method.population, method.survey)
    columns, groups = _columns_of([data.items[i] for i in kept], sample, method)
    at = kept[columns]
    codes, observed = codes[:, at], observed[:, at]
    if sample.group is not None and groups:
        observed = observed & ((np.array(groups) < 0) | (sample.group[:, None] == groups))
        codes = np.where(observed, codes, np.int8(0))
    ids, families, top = tuple(data.items[i] for i in at), [families[i] for i in columns], np.maximum(top[at], 1)
    dimensions, loads = loadings(ids, request.dimensions, request.bank)
    counts, options = category_counts(codes, observed, int(top.max()) + 1), tuple(options[i] for i in columns) if options else ()
    known = Known(ids, families, top + 1, counts, loads, options, groups, sample.groups)
    weak = refuse(data, known, request.priors, anchored=request.anchors is not None)
    anchors = None
    if request.anchors is not None:
        anchors, known = anchored(request.anchors, known, dimensions)
    sample, exploring = sample.among(np.asarray(observed.any(axis=1))), isinstance(request.dimensions, Exploratory)
    scene = Scene(known, dimensions, sample, request.priors, anchors, exploring, weak)
    return _estimated(data, (codes, observed), scene, request, method)


def _columns_of(ids: list[str], sample: Sample, method: MarginalML) -> tuple[list[int], tuple[int, ...]]:
    """Return the item of each column and its group, -1 for all groups; no groups where no parameters differ."""
    free = method.population.free_items
    split = set(ids) if free == "all" else set() if free == "none" else set(free)
    if sample.group is None or not split:
        return list(range(len(ids))), ()
    columns = [(i, g) for i, item in enumerate(ids) for g in (range(len(sample.groups)) if item in split else (-1,))]
    return [i for i, _ in columns], tuple(g for _, g in columns)


def _estimated(data: Responses, table: tuple[Codes, Bools], scene: Scene, request: Request, method: MarginalML) -> Calibration:
    """Return the calibration of a scene by answers and mask (P, I)."""
    (codes, observed), known, sample = table, scene.known, scene.sample
    with one_blas_thread():
        likelihood = likelihood_of(scene, prepare(codes, observed, known.n_categories)._replace(weight=sample.weight), method)
        method = replace(method, points=likelihood.integral.points(method.points, len(scene.dimensions)))
        likelihood, found, others = _maximised(likelihood, known, method)
        covariance = found.information.covariance
        if covariance is not None and (method.standard_errors == "sandwich" or sample.weight is not None):
            covariance = sandwich(covariance, likelihood.person_scores(found.at), sample)
        rest = item_rest(codes, observed, known.n_categories - 1)
        whole = known.ids == data.items and not known.options and (known.n_categories - 1 == data.max_scores).all()
        suspected = suspected_keys(data, policy=method.missing, rest=rest if whole else None)
        repeats = near_duplicates(known.ids, codes, observed)
        late = tail_findings(data.items, zero_tails(*data.effective(method.missing)))
    carried = gathered(data.findings, findings_of(request.anchors))
    notes = gathered(carried, scene.weak_links, left_out(data, known.ids), repeats, late, others, likelihood.findings(found.at))
    notes += before(known, rest, suspected)
    lone = (known.loads.sum(axis=0) == 1) & (known.loads.shape[1] > 1)
    sloped = likelihood.items.free[:, : likelihood.items.n_slopes].any(axis=1)
    notes += Template("calibration.lone_slope").about(known.ids[i] for i in np.flatnonzero(known.loads[:, lone].any(axis=1) & sloped))
    sets = [tuple(np.array(known.ids, dtype=object)[column]) for column in known.loads.T[1:]] if request.testlets else []
    notes += Template("calibration.testlets").about((item for tied in sets for item in tied), sets=sets, n_sets=len(sets))
    by, given = method.population.by, {"bank": request.bank, "anchors": request.anchors}
    inputs = {"responses": digest_answers(codes, observed)}
    inputs |= {name: source.digest for name, source in given.items() if source is not None}
    with one_blas_thread():
        out = assembled(
            scene,
            likelihood,
            found,
            covariance,
            findings=notes,
            model=request.model_name,
            grouping=by if isinstance(by, str) and len(sample.groups) > 1 else None,
            item_rest=rest,
            penalised=request.priors is not None and (likelihood.items.n_slopes > 1 or not request.priors.flat),
            rotation=request.dimensions.rotation if isinstance(request.dimensions, Exploratory) else None,
            provenance=provenance("calibrate", inputs, _settings(request, method, found, likelihood)),
        )
    out = replace(out, findings=notes + remarks(out, likelihood.items))
    announce(out.findings, known=carried)
    if not out.converged:
        facts = unfinished(out, likelihood, found, priors=request.priors is not None, most=method.max_iterations)
        raise ConvergenceError("calibration.no_maximum", state=out, **facts)
    return out


def likelihood_of(scene: Scene, answers: Answers, method: MarginalML) -> Marginal:
    """Return the likelihood to maximise; raises `CalibrationError` when the way of integrating does not fit the items."""
    known, sample = scene.known, scene.sample
    make, propagated = _strategy(scene, method, between=bool((known.loads.sum(axis=1) == 1).all()))
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
    return make(items, answers, population=population, origin=(sample.group, regressors), executor=method.executor)


def _strategy(scene: Scene, method: MarginalML, *, between: bool) -> tuple[Callable[..., Marginal], bool]:
    """Return what makes the likelihood, and whether items have one slope each, which is that of propagation."""
    known = scene.known
    if known.loads.shape[1] == 1:
        return engine.one_dimension_likelihood, False
    if method.integration == "bifactor" and not scene.exploring:
        return engine.reduction_likelihood, False
    if method.integration == "propagation" and not between and not scene.exploring:
        raise CalibrationError("calibration.propagation_one_each")
    if method.integration == "quadrature" or not between or scene.exploring:
        return engine.product_grid_likelihood, False
    return partial(engine.propagation_likelihood, dimension=known.dimension), True


def _maximised(likelihood: Marginal, known: Known, method: MarginalML) -> tuple[Marginal, Maximised, tuple[Finding, ...]]:
    """Return the likelihood with its maximum and what is to be said of the way there."""
    if method.population.shape == "normal":
        return within_bounds(likelihood, known, method.control)
    if len(likelihood.population.dimensions) > 1:
        raise CalibrationError("calibration.histogram_one_competency")
    shaped, found, note = fit_histogram(likelihood, known.families, method.control)
    return shaped, found, (note,)


def _settings(request: Request, method: MarginalML, found: Maximised, likelihood: Marginal) -> dict[str, str]:
    priors = "none (maximum likelihood)" if request.priors is None else request.priors.describe()
    out = {"model": request.model_name, "priors": priors, "missing": method.missing.describe("en")}
    out |= {"tolerance": f"{method.tolerance:g} SE", "points": str(found.points)}
    if (correlation_sd := likelihood.population.correlation_sd) is not None:
        out["priors"] += f", correlations ~ N(r, {correlation_sd:g}²) around a common r"
    robust = method.standard_errors == "sandwich" or method.survey is not None
    if isinstance(request.dimensions, Exploratory):
        out["rotation"] = request.dimensions.rotation
        if request.priors is not None:
            out["priors"] += "; slopes around 0 where they were normal, so that no rotation is favoured"
    return out | ({"standard errors": "sandwich"} if robust else {})


@overload
def calibrate(
    responses: Source,
    *,
    model: Classification,
    dimensions: Dimensions,
    bank: ItemBank | None = None,
    anchors: None = None,
    priors: str | None = "weak",
    method: MarginalML | ClassificationML = DEFAULT_METHOD,
) -> ClassCalibration: ...


@overload
def calibrate(
    responses: Source,
    *,
    model: str | Mapping[str, str] = "2PL",
    dimensions: Dimensions = None,
    bank: ItemBank | None = None,
    anchors: ItemBank | Calibration | None = None,
    priors: Priors | str | None = "weak",
    method: MarginalML | Girth = DEFAULT_METHOD,
) -> Calibration: ...


@checked(CalibrationError)
def calibrate(
    responses: Source,
    *,
    model: str | Mapping[str, str] = "2PL",
    dimensions: Dimensions = None,
    bank: ItemBank | None = None,
    anchors: ItemBank | Calibration | None = None,
    priors: Priors | str | None = "weak",
    method: MarginalML | Girth | ClassificationML = DEFAULT_METHOD,
) -> Calibration | ClassCalibration:
    """Calibrate items on responses by marginal maximum likelihood.

    The normal population has mean 0 and variance 1, fixed; for Rasch, PCM and RSM slopes are 1 and the variance is free. A diagnostic
    classification model gives a ClassCalibration.
    Raises `CalibrationError` when the data cannot support the model: too few items, constant items without priors, unconnected
    booklets. Raises `ConvergenceError` when the maximum was not reached; `state` carries the unconverged Calibration.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Persons by items; whatever `load_responses` reads.
    model : {"Rasch", "1PL", "2PL", "3PL", "4PL", "PCM", "RSM", "GPCM", "GRM", "NRM"} or mapping of item to one of them. GPCM and GRM
        take dichotomous items too, as 2PL; PCM and RSM as Rasch. "2PLNRM", "3PLNRM", "4PLNRM" are nested logits of keyed multiple
        choice and need raw answers. "DINA", "DINO", "ACDM", "LLM", "GDINA" are diagnostic classification models and need a Q-matrix in
        `dimensions`.
    dimensions : {"competencies", "clusters", "testlets"}, mapping, Q-matrix frame, sets of items or Exploratory. ``"competencies"``:
        each item measures the domain that the bank counts it for (``bank.leaves``); ``"clusters"``: the node above that;
        ``"testlets"``: all measure a general competency, those on one stimulus of the bank a specific one too. Or the competency of
        each item; or a frame of items by competencies with 1 where an item measures one; or sets of items to be testlets
        (``fit.testlets``). None is one competency for all. ``Exploratory(n=2)`` lets the data show dimensions; see `rotated`.
    bank : Keys for raw answers, the score categories of every item, and what items measure.
    anchors : Items whose parameters stay fixed; mean and variance of the population are then estimated.
    priors : "weak", None or Priors. ``"weak"``: a ~ N(1, 0.75²), d_k ~ N(0, 3²), logit c ~ N(-1.4, 0.7²) …, stated in the result. None:
        plain maximum likelihood.
    method : MarginalML, Girth or ClassificationML. Support points, tolerance, population, survey design, constraints, executor,
        progress; `Girth` estimates by the package girth, for a second opinion without standard errors.
    """
    data = answers_to_tests(responses, bank)
    names = {model} if isinstance(model, str) else set(model.values())
    if diagnostic := sorted(names & CLASSIFICATION):
        if others := sorted(names - CLASSIFICATION):
            raise CalibrationError("calibration.mixed_models", mixed=diagnostic, mixed2=others)
        if isinstance(method, Girth):
            raise CalibrationError("calibration.girth_classes")
        if isinstance(method, MarginalML):
            method = ClassificationML(executor=method.executor, missing=method.missing)
        return classify(data, dimensions, model=model, method=method)
    request = Request(model, dimensions, bank, anchors, resolve(priors))
    if isinstance(method, ClassificationML):
        raise CalibrationError("calibration.class_method")
    return estimate_by_girth(data, request, method) if isinstance(method, Girth) else estimate(data, request, method)
