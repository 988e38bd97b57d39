"""Calibration by girth: a second opinion on item parameters from somebody else's program.

girth 0.8 (MIT) shares no line with this library, which is what its agreement is worth. ``twopl_mml``, ``grm_mml``, ``onepl_mml``
search the slope only and set thresholds by observed shares: near the maximum with complete answers, off by up to 28 SE after routing.
``pcm_mml`` is the *generalized* partial credit model; its common location may drift (`LikelihoodCheck.drift`). Other functions fail on
present numpy and scipy. Slopes (0.2-5, 0.25-4, 0.25-10) and thresholds (±6) are bounded; an estimate at a bound is none.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np

from competency_dx import engine
from competency_dx.arrays import Bools, Codes, Floats, Ints, choice, value
from competency_dx.calibration.calibration import Calibration, Certificate
from competency_dx.calibration.choices import Population, sample_of
from competency_dx.calibration.item_setup import families_of, highest_scores, left_out, loadings, refuse
from competency_dx.calibration.report import Request, Scene, assembled, before, digest_answers
from competency_dx.engine import Known, Maximised, build_items, category_counts, items_at, one_dimension_likelihood, populations_of
from competency_dx.errors import LANGUAGES, CalibrationError, ConvergenceError, MissingDependencyError
from competency_dx.findings import Finding, Template, announce, gathered
from competency_dx.kernels.grid import points_needed, prepare
from competency_dx.models import FAMILIES, ItemParameters, moved
from competency_dx.responses import MissingPolicy, Responses, item_rest, suspected_keys, tail_findings, zero_tails
from competency_dx.result import provenance

FUNCTIONS = {"Rasch": "onepl_mml", "1PL": "onepl_mml", "2PL": "twopl_mml", "GRM": "grm_mml", "GPCM": "pcm_mml"}
SLOPE_BOUNDS = {"onepl_mml": (0.25, 10.0), "twopl_mml": (0.2, 5.0), "grm_mml": (0.2, 5.0), "pcm_mml": (0.25, 4.0)}
FAR_THRESHOLD, NEAR = 5.75, 1e-3  # near the bound of thresholds, 6, where girth's table is blurred, and near those of slopes
DRIFT = 0.5  # standard errors by which the population may be off its place before an estimate counts as unfinished
LEAST_POINTS, MOST_POINTS = 61, 1201
FAULTS = (ValueError, IndexError, TypeError, AssertionError, ArithmeticError)


@choice(CalibrationError)
class Girth:
    """How to let girth estimate the items: normal population, no priors, no standard errors.

    `points` are Gauss-Legendre points (girth's own default is 41) over ±`reach` SD of the population (its own default is 4.5). After
    `max_iterations` rounds over the items girth gives up (its own default is 25); it does not say that it did, this library does.
    `missing` says which missing answers count as wrong and which are left out.
    """

    points: int = 61
    reach: float = 6.0
    max_iterations: int = 100
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        self.missing.check_scored()
        if self.points < 11 or self.reach < 3 or self.max_iterations < 2:
            points, reach, most = self.points, self.reach, self.max_iterations
            raise CalibrationError("calibration.girth_settings", points=points, reach=reach, max_iterations=most)


DEFAULT_METHOD = Girth()


class LikelihoodCheck(NamedTuple):
    """What the answers say of given parameters: marginal log-likelihood, drift, and the support in SD of the population.

    `drift` is by how many of its standard errors the mean of the population that the answers ask for lies from the one assumed.
    """

    log_likelihood: float
    drift: float
    points: int
    spacing: float
    narrowest: float


class GirthEstimates(NamedTuple):
    """What girth found, in the metric of this library's kernels for a population N(0, 1).

    `slope` (I,); `intercepts` (I, K): 0, then e_k of log P(X = k) = k a θ + e_k + const, for GRM d_k of logit P(X >= k) = a θ + d_k,
    NaN for categories never earned. `by_shares`: thresholds are from shares of incomplete answers; `stopped`: by girth's criterion.
    """

    function: str
    slope: Floats
    intercepts: Floats
    at_bound: Bools
    iterations: int
    stopped: bool
    by_shares: bool

    def placed(self, like: ItemParameters) -> ItemParameters:
        """Return the estimates as parameters on the scale of others: same items and families, no covariance."""
        fixed = all(FAMILIES[f].slope == "fixed" for f in like.families)
        sd = float(self.slope[0]) if fixed else float(np.sqrt(like.variance))
        population = replace(like.population, mean=np.zeros(1), covariance=np.eye(1))
        covariance, slopes = np.zeros_like(like.covariance), self.slope[:, None]
        there = replace(like, slopes=slopes, intercepts=self.intercepts, covariance=covariance, population=population)
        return moved(there, sd, like.mean)

    def settled(self, seen: LikelihoodCheck) -> bool:
        """Return whether the estimates may be called converged."""
        return self.stopped and not self.at_bound.any() and abs(seen.drift) <= DRIFT

    def described(self, method: Girth) -> str:
        """Return what was called, in words."""
        return f"girth {version('girth')} {self.function}, {method.points} Gauss-Legendre points on ±{method.reach:g} SD"

    def doubts(self, seen: LikelihoodCheck, items: Sequence[str]) -> tuple[Finding, ...]:
        """Return what speaks against the estimates."""
        out = [Template("calibration.girth_shares").of(function=self.function)] if self.by_shares else []
        out += Template("calibration.girth_at_bound").about(item for item, at in zip(items, self.at_bound, strict=True) if at)
        if not self.stopped or abs(seen.drift) > DRIFT:
            out.append(Template("calibration.girth_unsettled").of(iterations=self.iterations, drift=seen.drift))
        return tuple(out)


def girth_family(families: Sequence[str]) -> str:
    """Return the one family as which girth can estimate these together; raises `CalibrationError` where there is none."""
    asked = set(families)
    beside = asked - {"2PL"}  # 2PL items are GRM and GPCM items of two categories
    if len(beside) <= 1 and beside <= {"GRM", "GPCM"}:
        return next(iter(beside), "2PL")
    if len(asked) == 1 and asked <= {"Rasch", "1PL"}:
        return next(iter(asked))
    if "PCM" in asked:
        raise CalibrationError("calibration.girth_pcm")
    code = "calibration.girth_together" if len(asked) > 1 else "calibration.girth_alone"
    raise CalibrationError(code, asked=sorted(asked))


def girth_estimates(
    codes: Codes, observed: Bools, n_categories: Ints, family: str, *, items: Sequence[str] = (), method: Girth = DEFAULT_METHOD
) -> GirthEstimates:
    """Let girth estimate items of one family.

    Scores (P, I) are 0 … K_i - 1, `observed` (P, I) says which of them enter, `n_categories` (I,) are the K_i. 2PL with missing
    answers goes by ``pcm_mml``, which does not set thresholds from shares. `items` are ids for the sentences of errors.
    Raises `CalibrationError` when girth has no function for the family, an item lacks variation, or girth fails.
    """
    girth_family([family])
    present = category_counts(codes, observed, int(n_categories.max())) > 0
    earned, ids = present.sum(axis=1), np.array(items or range(len(n_categories)), dtype=object)
    if (constant := ids[earned < 2]).size:
        raise CalibrationError("calibration.girth_constant", constant=constant)
    # categories that nobody earned would make girth answer another question
    if (gaps := ids[earned < n_categories] if family == "GPCM" else ids[~present[:, 0]]).size:
        raise CalibrationError("calibration.girth_gaps", gaps=gaps, family=family)
    complete = bool(observed.all())
    function = "pcm_mml" if family == "2PL" and not complete else FUNCTIONS[family]
    returned, iterations = _called(function, codes, observed, method)
    slope = np.broadcast_to(np.asarray(returned["Discrimination"], dtype=np.float64), len(n_categories)).copy()
    thresholds = np.asarray(returned["Difficulty"], dtype=np.float64).reshape(len(n_categories), -1)
    if not (np.isfinite(slope).all() and np.isfinite(thresholds[:, 0]).all()):
        raise CalibrationError("calibration.girth_no_numbers", function=function)
    (low, high), far = SLOPE_BOUNDS[function], np.nanmax(np.abs(thresholds), axis=1) > FAR_THRESHOLD
    at_bound = np.asarray((slope < low + NEAR) | (slope > high - NEAR) | far)
    intercepts = np.where(np.arange(present.shape[1]) == 0, 0.0, np.full(present.shape, np.nan))
    for i, row in enumerate(present):  # of the categories present, in their order
        above = np.flatnonzero(row)[1:]
        steps = -slope[i] * thresholds[i, : len(above)]
        intercepts[i, above] = steps if family == "GRM" else np.cumsum(steps)
    stopped, by_shares = iterations < method.max_iterations, not complete and function != "pcm_mml"
    return GirthEstimates(function, slope, intercepts, at_bound, iterations, stopped, by_shares)


@value
class _Density:
    """The population density at girth's points (Q,); girth multiplies it by its weights once an iteration, which is counted."""

    at: Floats
    uses: list[int]

    def __mul__(self, weights: Floats) -> Floats:
        self.uses.append(1)
        return self.at * weights


def _called(function: str, codes: Codes, observed: Bools, method: Girth) -> tuple[dict[str, Any], int]:
    """Return what a function of girth returns, and after how many iterations, which it does not tell; its warnings stay inside."""
    try:
        with warnings.catch_warnings():  # the import may warn or, beside a new scipy, fail
            warnings.simplefilter("ignore")
            import girth
    except ImportError as fault:
        raise MissingDependencyError("calibration.girth_missing", fault=fault) from fault
    answered = observed.any(axis=1)
    tagged = np.where(observed[answered], codes[answered].astype(np.int64), girth.INVALID_RESPONSE)
    table = np.ascontiguousarray(tagged.T, dtype=np.int64)
    densities: list[_Density] = []

    def density(theta: Floats) -> _Density:
        densities.append(_Density(at=np.exp(-0.5 * theta**2) / np.sqrt(2 * np.pi), uses=[]))
        return densities[-1]

    options = {"max_iteration": method.max_iterations, "quadrature_n": method.points, "distribution": density}
    options["quadrature_bounds"] = (-method.reach, method.reach)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            returned: dict[str, Any] = getattr(girth, function)(table, options=options)
        except FAULTS as fault:
            raise CalibrationError("calibration.girth_failed", function=function, fault=fault) from fault
    return returned, max(1, max(len(d.uses) for d in densities) - 1)  # its result needs one more multiplication than iterations


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
    unknown, at = engine.Information(np.full((1, 1), np.nan), None), likelihood.evaluate(phi, LEAST_POINTS)
    settings = {"model": model, "method": opinion.described(method)}
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
    doubtful, done = opinion.doubts(seen, data.items), opinion.settled(seen)
    return replace(out, log_likelihood=seen.log_likelihood, certificate=certificate, converged=done, findings=notes + doubtful)


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
