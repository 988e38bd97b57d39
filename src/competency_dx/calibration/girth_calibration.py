"""A calibration by girth: what `calibrate(..., method=Girth())` returns."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import NamedTuple

import numpy as np

from competency_dx import engine
from competency_dx.arrays import Bools, Codes
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.choices import Population
from competency_dx.calibration.estimation import Request
from competency_dx.calibration.girth_engine import Girth, GirthEstimates, girth_estimates, girth_family
from competency_dx.calibration.item_setup import families_of, highest_scores, left_out, loadings, refuse
from competency_dx.calibration.report import Scene, assembled, before
from competency_dx.calibration.sample import sample_of
from competency_dx.engine import Known, Maximised, build_items, category_counts, items_at, one_dimension_likelihood, populations_of
from competency_dx.errors import LANGUAGES, CalibrationError, ConvergenceError
from competency_dx.findings import Finding, Template, announce, gathered
from competency_dx.kernels.grid import points_needed, prepare
from competency_dx.models import FAMILIES, ItemParameters, moved
from competency_dx.provenance import digest_answers, provenance
from competency_dx.responses import Responses, item_rest, suspected_keys, tail_findings, zero_tails


def estimate_by_girth(data: Responses, request: Request, method: Girth) -> Calibration:
    """Calibrate by girth, for one competency and a population N(0, 1), without priors and anchors."""
    if request.anchors is not None:
        raise CalibrationError("calibration.girth_anchors")
    _, observed = data.effective(method.missing)
    top = highest_scores(data, request.bank)
    kept, families = families_of(data, observed, request.model, top)
    if len(loadings(tuple(data.items[i] for i in kept), request.dimensions, request.bank)[0]) > 1:
        raise CalibrationError("calibration.girth_dimensions")
    chosen = replace(data.select(items=[data.items[i] for i in kept]), max_scores=np.maximum(top[kept], 1))
    out = girth_calibration(chosen, families, method, model=request.model_name)
    out = replace(out, findings=gathered(data.findings, left_out(data, chosen.items), out.findings))
    announce(out.findings, known=data.findings)
    if not out.converged:
        told = [f for f in out.findings if f.code in {"calibration.girth_at_bound", "calibration.girth_unsettled"}]
        reasons = {language: " ".join(f.text(language) for f in told) for language in LANGUAGES}
        raise ConvergenceError("calibration.girth_unfinished", state=out, reasons=reasons)
    return out


def girth_calibration(data: Responses, families: Sequence[str], method: Girth, *, model: str = "mixed") -> Calibration:
    """Return a calibration by girth of items with answers, and with this library's log-likelihood at its estimates.

    All covariances are NaN. `converged`: girth stopped by itself, away from its bounds, and the population stayed in its place.
    """
    codes, observed = data.effective(method.missing)
    n_categories, family = data.max_scores + 1, girth_family(families)
    counts = category_counts(codes, observed, int(n_categories.max()))
    known = Known(data.items, list(families), n_categories, counts, np.ones((len(families), 1), bool))
    refuse(data, known, None, anchored=False)
    opinion = girth_estimates(codes, observed, n_categories, family, items=data.items, method=method)
    items = build_items(known, priors=None, constraints=engine.Constraints())
    sd = opinion.slope[0] if family == "Rasch" else 1.0
    population = populations_of(("theta",), free_variance=np.array([family == "Rasch"]))
    likelihood = one_dimension_likelihood(items, prepare(codes, observed, n_categories), population=population)
    base = np.concatenate([(opinion.slope / sd)[:, None], np.nan_to_num(opinion.intercepts[:, 1:])], axis=1)
    phi = np.concatenate([items._replace(base=base).start, np.full(population.free.sum(), sd**2)])
    rest = item_rest(codes, observed, data.max_scores)
    notes = before(known, rest, suspected_keys(data, policy=method.missing, rest=rest))
    notes += (
        *tail_findings(data.items, zero_tails(codes, observed)),
        Template("calibration.second_opinion").of(function=opinion.function),
    )
    unknown, at = engine.Information(np.zeros((0, 0)), None, np.nan), likelihood.evaluate(phi, LEAST_POINTS)
    settings = {"model": model, "method": described(opinion, method)}
    settings |= {"priors": "none (maximum likelihood)", "missing": method.missing.describe("en")}
    out = assembled(
        Scene(known, ("theta",), sample_of(data, Population(), None), None, None, exploring=False),
        likelihood,
        Maximised(phi, at, opinion.iterations, LEAST_POINTS, np.nan, np.nan, unknown, converged=False),
        None,
        model=model,
        grouping=None,
        item_rest=rest,
        penalised=False,
        rotation=None,
        findings=notes,
        provenance=provenance("calibrate", {"responses": digest_answers(codes, observed)}, settings),
    )
    seen = evidence(codes, observed, out.parameters)
    certificate = Certificate(points=seen.points, spacing=seen.spacing, narrowest=seen.narrowest)
    doubtful, done = doubts(opinion, seen, data.items), settled(opinion, seen)
    return replace(out, log_likelihood=seen.log_likelihood, certificate=certificate, converged=done, findings=notes + doubtful)


DRIFT = 0.5  # standard errors by which the population may be off its place before an estimate counts as unfinished
LEAST_POINTS, MOST_POINTS = 61, 1201


class LikelihoodCheck(NamedTuple):
    """What the answers say of given parameters: marginal log-likelihood, drift, and the support in SD of the population.

    `drift` is by how many of its standard errors the mean of the population that the answers ask for lies from the one assumed.
    """

    log_likelihood: float
    drift: float
    points: int
    spacing: float
    narrowest: float


def evidence(codes: Codes, observed: Bools, parameters: ItemParameters, *, points: int = LEAST_POINTS) -> LikelihoodCheck:
    """Return the marginal log-likelihood of item parameters and population, on a grid refined as their posteriors need.

    The drift is the score test of the population mean: its gradient over the root of its information, with all else fixed.
    """
    answers, of = prepare(codes, observed, parameters.n_categories), parameters.population
    moving = populations_of(of.dimensions, regressors=("",), reference=np.ones((1, 1)))
    moving = moving._replace(start=np.concatenate([of.mean, of.covariance.ravel()]))
    likelihood = one_dimension_likelihood(items_at(parameters), answers, population=moving, origin=(None, np.ones((1, 1))))
    now = likelihood.evaluate(likelihood.start, points)
    if (needed := min(points_needed(now.narrowest), MOST_POINTS)) > points:
        return evidence(codes, observed, parameters, points=needed)
    drift = float(likelihood.gradient(now)[0]) / np.sqrt(max(float(likelihood.information(now).matrix[0, 0]), 1e-12))
    return LikelihoodCheck(now.log_likelihood, drift, points, now.spacing, now.narrowest)


def placed(found: GirthEstimates, like: ItemParameters) -> ItemParameters:
    """Return girth's estimates as parameters on the scale of others: same items and families, no covariance."""
    fixed = all(FAMILIES[f].slope == "fixed" for f in like.families)
    sd = float(found.slope[0]) if fixed else float(np.sqrt(like.variance))
    population = replace(like.population, mean=np.zeros(1), covariance=np.eye(1))
    covariance, slopes = np.zeros_like(like.covariance), found.slope[:, None]
    there = replace(like, slopes=slopes, intercepts=found.intercepts, covariance=covariance, population=population)
    return moved(there, sd, like.mean)


def settled(found: GirthEstimates, seen: LikelihoodCheck) -> bool:
    """Return whether girth's estimates may be called converged."""
    return found.stopped and not found.at_bound.any() and abs(seen.drift) <= DRIFT


def described(found: GirthEstimates, method: Girth) -> str:
    """Return what was called, in words."""
    return f"girth {version('girth')} {found.function}, {method.points} Gauss-Legendre points on ±{method.reach:g} SD"


def doubts(found: GirthEstimates, seen: LikelihoodCheck, items: Sequence[str]) -> tuple[Finding, ...]:
    """Return what speaks against girth's estimates."""
    out = [Template("calibration.girth_shares").of(function=found.function)] if found.by_shares else []
    out += Template("calibration.girth_at_bound").about(item for item, at in zip(items, found.at_bound, strict=True) if at)
    if not found.stopped or abs(seen.drift) > DRIFT:
        out.append(Template("calibration.girth_unsettled").of(iterations=found.iterations, drift=seen.drift))
    return tuple(out)
