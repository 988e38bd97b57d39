"""The result of a calibration: parameters, their covariance, the certificate and everything to know about them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Z95, Count, Floats, Ids, Ints, NotNegative, held_to, value
from competency_dx.bank import BankPopulation, CorrelationMatrix, ParameterRecord, parse
from competency_dx.calibration import pictures
from competency_dx.calibration.pictures import asymptote_errors, parameter_frame, threshold_frame
from competency_dx.display import Chart, result_words, setting_word
from competency_dx.engine import ParameterTable
from competency_dx.errors import CalibrationError
from competency_dx.findings import worth_a_line
from competency_dx.kernels.rotation import Method
from competency_dx.models import ItemParameters, NormalPopulation
from competency_dx.result import DataFrame, Outcome, digest_arrays, digest_document, frame

KEPT = 64  # digests remembered
HIGHEST, WIDEST_SD = 0.99, 1.0  # of a correlation in a bank, and of the relative standard error of an SD


@value
class Certificate:
    """Proof that the reported estimates are a maximum and the support grid suits the test.

    `gradient` is its largest component times the standard error of the parameter, `last_step` the largest last move in standard errors,
    `smallest_eigenvalue` that of the observed information, positive at a maximum. `points` of support are `spacing` apart, in
    population SD, which must not exceed `narrowest`, the SD of the narrowest posterior. `integration` over competencies is "grid" (one,
    exact), "product grid" (exact), "dimension reduction" (exact, for general and specific competencies) or "propagation" (approximate);
    then `log_likelihood_error` per person (mean absolute value; the log-likelihood of the calibration is corrected for it to leading
    order) and `theta_error`, RMS of the posterior means, are estimated, None where it is exact.
    """

    gradient: float = float("nan")
    last_step: float = float("nan")
    smallest_eigenvalue: float = float("nan")
    points: Count
    spacing: NotNegative
    narrowest: NotNegative
    integration: str = "grid"
    log_likelihood_error: float | None = None
    theta_error: float | None = None

    @property
    def grid_suits(self) -> bool:
        """Return whether the points lie closer than the narrowest posterior is wide."""
        return self.spacing <= self.narrowest


@value
class Calibration(Outcome):
    """Calibrated item parameters with covariance, population and certificate.

    Attributes
    ----------
    parameters : Struct of arrays, items in the order of the responses.
    population, populations : NormalPopulation, one for each group
        Mean (D,) and covariance (D, D) of the competencies, fixed or estimated; of the reference group where there are several;
        over the persons' covariates in a latent regression, whose residual variance is in `population_frame`, or 1.
    groups, grouping : tuple of str, str or None
        Names of the groups, the reference first, one empty name where there is one; the background column that told them, if any.
    table : What each free parameter is: slopes a and step intercepts d_k by item (logits of asymptotes), then those of the population.
        Of parameters that are equal by constraint it has the first.
    estimates, covariance : (F,) and (F, F) Their values; the covariance is the inverse of the observed information, or the sandwich.
    log_likelihood : Marginal log-likelihood at the estimates, priors not included.
    n_persons, n_answers : Persons with at least one answer; answers that each item's parameters rest on (I,).
    item_rest, share : (I,) Correlation of the item score with the mean score on the other items answered; mean points as a share of the
        maximum, empty in documents of earlier versions.
    penalised, rotation : Whether parameters have priors; how the loadings of an exploratory calibration are to be rotated.
    """

    schema_version: ClassVar[int] = 3
    oldest: ClassVar[int] = 2
    model: str
    parameters: ItemParameters
    population: NormalPopulation
    populations: Annotated[tuple[NormalPopulation, ...], held_to(by="groups")]
    groups: Ids
    grouping: str | None
    table: ParameterTable
    estimates: Annotated[Floats, held_to("table.kind")]
    covariance: Annotated[Floats, held_to("table.kind", "table.kind", covariance=True)]
    log_likelihood: float
    converged: bool
    iterations: Count
    n_persons: Annotated[int, held_to(minimum=1)]
    n_answers: Annotated[Ints, held_to("parameters.items", minimum=0)]
    item_rest: Annotated[Floats, held_to("parameters.items", minimum=-1, maximum=1)]
    certificate: Certificate
    penalised: bool
    rotation: Method | None
    share: Annotated[Floats, held_to("parameters.items?", minimum=0, maximum=1)] = field(default_factory=lambda: np.empty(0))

    @property
    def digest(self) -> str:
        """Return the digest of model, parameters, population, estimates and covariance: what a calibration is called by."""
        return _digest(self)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Return the names (F,) for display, as ``item.a``, ``item.d1``; ``e2`` for ``d2`` where a score below was never earned."""
        return self.table.names(self.parameters.items, self.parameters.dimensions, self.groups)

    @property
    def n_parameters(self) -> int:
        """Return the number of free parameters F."""
        return len(self.estimates)

    @property
    def aic(self) -> float:
        """Return Akaike's criterion, -2 log L + 2 F."""
        return -2 * self.log_likelihood + 2 * self.n_parameters

    @property
    def bic(self) -> float:
        """Return Schwarz's criterion, -2 log L + F log P."""
        return -2 * self.log_likelihood + self.n_parameters * float(np.log(self.n_persons))

    @property
    def standard_errors(self) -> Floats:
        """Return standard errors of the estimates (F,)."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.covariance), 0.0)))

    def population_frame(self) -> DataFrame:
        """Return free parameters of population and regression: name, estimate, se, 95 % interval, of correlations by Fisher's z."""
        at = np.flatnonzero(~self.table.of_items)
        x, se = self.estimates[at], self.standard_errors[at]
        names, inside = [self.parameter_names[i] for i in at], self.table.is_kind("correlation")[at] & (np.abs(x) < 1)
        half = Z95 * se / (1 - (r := np.where(inside, x, 0.0)) ** 2)
        low = np.where(inside, np.tanh(np.arctanh(r) - half), x - Z95 * se)
        high = np.where(inside, np.tanh(np.arctanh(r) + half), x + Z95 * se)
        return frame(parameter=names, estimate=x, se=se, ci_low=low, ci_high=high)

    def to_frame(self) -> DataFrame:
        """Return one row per item: item, family, dimension, a, b, b1 …, d, d1 …, c, u and se_ of what is estimated.

        Dichotomous items fill b and d (logit = a θ + d, b = -d / a), polytomous ones b1 … and d1 … (logit of k against k - 1 =
        a (θ - b_k) = a θ + d_k). Slopes of several competencies are in ``a_<competency>``. Nominal items fill d1 … and slope1 …;
        standard errors of b, c and u are by the delta method. Where items differ between groups, a column says whose the row is.
        """
        return parameter_frame(self.parameters)

    def thresholds(self) -> DataFrame:
        """Return location and centred thresholds of each item with standard errors: b_k = location + tau_k."""
        return threshold_frame(self.parameters)

    def bank_records(self) -> tuple[ParameterRecord, ...]:
        """Return the parameters as records of a bank; items with a category never observed are left out."""
        p = self.parameters
        if not p.between and self.certificate.integration == "dimension reduction":  # one item of each set, the sharpest, may stay
            sets = [np.flatnonzero(of) for of in p.loads[:, 1:].T]
            rest = [p.items[i] for at in sets for i in at if i != at[p.slopes[at, 0].argmax()]]
            raise CalibrationError("calibration.bank_testlets", rest=rest)
        if not p.between:
            raise CalibrationError("calibration.bank_one_competency")
        if own := dict.fromkeys(item for item, group in zip(p.items, p.item_groups, strict=False) if group):
            raise CalibrationError("calibration.bank_one_set", own=own)
        if np.isnan(self.covariance).any():
            raise CalibrationError("calibration.bank_errors")
        return bank_records(p.single(), f"{self.model}-{self.digest[7:19]}", self.n_answers)

    def bank_population(self) -> BankPopulation:
        """Return the population for the header of a bank, the reference group's where there are several.

        Its errors are those of drawing so many persons, or those estimated where larger, of an SD at most what a bank states.
        """
        table, mean, V = self.table, self.population.mean, self.population.covariance
        sd = np.sqrt(np.diag(V))
        if not (sd > 0).all():
            raise CalibrationError("calibration.bank_spread")
        errors, of_group, n = self.standard_errors, table.group <= 0, self.n_persons
        of_means = errors[table.is_kind("mean") & of_group]
        variances = np.flatnonzero(table.is_kind("variance") & of_group)
        of_sds = errors[variances] / (2 * sd[table.dimension[variances]] ** 2)
        mean_se = float(max(sd.max() / np.sqrt(n), of_means.max(initial=0.0)))
        stated: dict[str, Any] = {"mean_se": mean_se, "group": self.groups[0], "n": n}
        stated["sd_se"] = float(min(WIDEST_SD, max(1 / np.sqrt(2 * n), of_sds.max(initial=0.0))))
        if len(mean) == 1:
            return parse(BankPopulation, stated | {"mean": float(mean[0]), "variance": float(V[0, 0]), "status": "scale"}, self.kind)
        r, lower = np.clip(V / np.outer(sd, sd), -HIGHEST, HIGHEST), np.tril_indices(len(mean), -1)
        se, leaves = _fisher_errors(r, V, table, self.covariance)[lower], self.population.dimensions
        if np.isnan(se).any():
            raise CalibrationError("calibration.bank_errors")
        stated |= {"mean": float(mean.mean()), "variance": float(np.diag(V).mean()), "status": "estimated"}
        stated["leaves"] = {code: {"mean": float(m), "sd": float(s)} for code, m, s in zip(leaves, mean, sd, strict=True)}
        values = {"leaves": leaves, "values": r[lower].tolist(), "se": se.tolist()}
        stated["correlations"] = parse(CorrelationMatrix, values, self.kind)
        return parse(BankPopulation, stated, self.kind)

    def bank_dimensions(self) -> Mapping[str, str]:
        """Return the competency that each item measures; empty where there is one for all."""
        p = self.parameters
        return {item: p.dimensions[d] for item, d in zip(p.items, p.dimension_index, strict=True)} if len(p.dimensions) > 1 else {}

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return model, fit, certificate and the number of findings."""
        say, c = result_words("calibration", language), self.certificate
        ends = {"gradient": c.gradient, "step": c.last_step, "eigenvalue": c.smallest_eigenvalue}
        model, items = say("mixed") if self.model == "mixed" else self.model, len(set(self.parameters.items))
        return [
            say("head", model=model, items=items, persons=self.n_persons),
            say("fit", ll=self.log_likelihood, n=self.n_parameters, aic=self.aic, bic=self.bic),
            say("priors", priors=setting_word(self.provenance.settings["priors"], language)),
            _population_line(self, say),
            say("converged" if self.converged else "not_converged", n=self.iterations, **ends),
            say("support", points=c.points, spacing=c.spacing, narrowest=c.narrowest),
            *worth_a_line(self.findings, language=language),
        ]

    def curves(self, theta: ArrayLike | None = None, items: Sequence[str] | None = None) -> DataFrame:
        """Return the curves of the items as a long table: item, category, theta, probability, expected, information.

        `theta` (Q,) are points in logits, along the direction of each item's slopes where items measure several competencies;
        without them, 0.1 apart over the population. `items` are those to tabulate, all without them. `expected` (points expected)
        and `information` (Fisher information of the item, 1/logit²) are the same for all categories. Of items whose categories are
        options, category k is ``parameters.options[i][k]``, the key being the last.
        """
        at = pictures.scale_of(self.populations) if theta is None else np.asarray(theta, dtype=np.float64)
        return pictures.curve_frame(self.parameters, at, items)

    def chart_kinds(self) -> tuple[str, ...]:
        """Return the kinds of picture: difficulties, curves, information, Wright map, correlations of several competencies."""
        return pictures.chart_kinds(self.parameters)

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return one of the pictures named by `chart_kinds`."""
        D = len(self.parameters.dimensions)
        errors, t = np.full((D, D), np.nan), self.table
        for f in np.flatnonzero(t.is_kind("correlation") & (t.group == 0)):
            errors[t.dimension[f], t.other[f]] = errors[t.other[f], t.dimension[f]] = self.standard_errors[f]
        return pictures.chart(kind, pictures.Shown(self.parameters, self.populations, self.groups, errors, language))


@lru_cache(maxsize=KEPT)
def _digest(c: Calibration) -> str:
    """Return the digest of what a calibration says; documents read back give the same."""
    p, t, groups = c.parameters, c.table, [(q.dimensions, q.mean, q.covariance) for q in c.populations]
    words = [c.model, c.groups, c.grouping, p.items, p.families, p.statuses, p.options, p.item_groups, t.kind, t.term]
    words += [dimensions for dimensions, _, _ in groups]
    numbers = [p.n_categories, t.item, t.column, t.group, t.dimension, t.other, t.below]
    reals = [c.estimates, c.covariance, p.slopes, p.intercepts, p.extras, p.covariance]
    reals += [x for _, mean, covariance in groups for x in (mean, covariance)]
    reals += [q.histogram for q in c.populations if q.histogram.size]
    return digest_document([words, digest_arrays(*numbers, *(np.where(np.isfinite(x), x, np.nan) for x in reals))])


def bank_records(p: ItemParameters, calibration: str, n: Ints) -> tuple[ParameterRecord, ...]:
    """Return items of one slope each, of n (I,) answers, as records of a bank; those with a category never observed are left out."""
    se_a, se_b, difficulties = np.sqrt(p.covariance[:, 0, 0]), p.difficulty_se(), p.difficulties
    bounds, se_bounds = p.asymptotes, asymptote_errors(p)
    steps, out = [slice(int(m) - 1) for m in p.n_categories], list[ParameterRecord]()
    for i in np.flatnonzero([np.isfinite(b[at]).all() for b, at in zip(difficulties, steps, strict=True)]):
        model, (c, u) = p.families[i], bounds[i].tolist()
        said: dict[str, Any] = {"item": p.items[i], "model": model, "status": p.statuses[i], "n": int(n[i])}
        said |= {"a": float(p.slope[i]), "b": tuple(difficulties[i, steps[i]].tolist()), "se_a": _positive(se_a[i])}
        said |= {"c": c if model in {"3PL", "4PL"} else None, "u": u if model == "4PL" else None}
        said |= {"se_c": _positive(se_bounds[i, 0]), "se_u": _positive(se_bounds[i, 1])}
        said["se_b"] = tuple(x if np.isfinite(x) else None for x in se_b[i, steps[i]].tolist())
        out.append(parse(ParameterRecord, said | {"calibration": calibration}, calibration))
    return tuple(out)


def _positive(x: float) -> float | None:
    return float(x) if np.isfinite(x) and x > 0 else None


def _fisher_errors(r: Floats, V: Floats, table: ParameterTable, covariance: Floats) -> Floats:
    """Return standard errors (D, D) of Fisher's z = artanh r, r = V_ab / √(V_aa V_bb), by the delta method."""
    D, free = len(r), np.flatnonzero(table.is_kind("correlation", "covariance", "variance") & (table.group <= 0))
    gradient = np.zeros((D, D, len(free)))
    for j, f in enumerate(free):
        a, b = table.dimension[f], table.other[f]
        if b >= 0:
            gradient[a, b, j] = gradient[b, a, j] = 1 / np.sqrt(V[a, a] * V[b, b])
        else:
            gradient[a, :, j] -= r[a] / (2 * V[a, a])
            gradient[:, a, j] -= r[:, a] / (2 * V[a, a])
    spread = np.einsum("abf,fg,abg->ab", gradient, covariance[np.ix_(free, free)], gradient, optimize=True)
    np.fill_diagonal(spread, 0.0)
    return np.asarray(np.sqrt(np.maximum(spread, 0.0)) / np.where(np.eye(D) > 0, 1.0, 1 - r**2))


def _population_line(c: Calibration, say: Callable[..., str]) -> str:
    """Return mean and variance, or the spread of correlations, or groups."""
    if len(c.groups) > 1:
        of = "" if len(c.population.mean) == 1 else say("of_dimension", name=c.population.dimensions[0])
        moments = ((g, float(p.mean[0]), float(p.covariance[0, 0])) for g, p in zip(c.groups, c.populations, strict=True))
        return say("populations", dimension=of, groups=tuple(say("moments", group=g, mean=m, sd=v**0.5) for g, m, v in moments))
    if len(V := c.population.covariance) == 1:
        return say("population", mean=float(c.population.mean[0]), variance=float(V[0, 0]))
    r = (V / np.sqrt(np.outer(np.diag(V), np.diag(V))))[np.triu_indices(len(V), 1)]
    return say("correlated", n=len(V), low=float(r.min()), high=float(r.max())) if r.any() else say("independent", n=len(V))
