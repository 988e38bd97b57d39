"""Choices of a calibration, and the persons they name.

Choices are the method, the population, the survey design, constraints of parameters; groups, covariates, weights, strata and clusters
are read from the responses' background.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Literal, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Floats, Ints, choice
from competency_dx.engine import Constraints, Control, Populations, Progress, populations_of
from competency_dx.errors import CalibrationError, phrase
from competency_dx.responses import MissingPolicy, Responses

Column = str | Mapping[Any, Any] | Iterable[Any]
Shape = Literal["normal", "empirical"]
Errors = Literal["information", "sandwich"]
Integration = Literal["automatic", "propagation", "quadrature", "bifactor"]
LEAST_POINTS = 11
LEAST_IN_GROUP = 10


@choice(CalibrationError)
class Population:
    """Where the persons come from.

    Attributes
    ----------
    by, reference : Groups: a background column of the responses, or a label for each person, by id (a mapping or an index of pandas) or
        in order. The first group in sorted order, or `reference`, is the reference; the others have free means and variances.
    free_items : Items whose parameters differ between groups; the others are equal.
    on : Covariates of a latent regression: numeric background columns, or a frame with one row a person, by id as above. Text columns
        become indicators of their values. Covariates are centred; the residual variance takes the place of the variance.
    shape : Normal, or an empirical histogram on the support points, for one group.
    """

    by: Column | None = None
    reference: str | None = None
    free_items: Literal["none", "all"] | tuple[str, ...] = "none"
    on: Any = None
    shape: Shape = "normal"

    def __post_init__(self) -> None:
        if self.shape == "empirical" and (self.by is not None or self.on is not None):
            raise CalibrationError("calibration.histogram_one_group")


@choice(CalibrationError)
class SurveyDesign:
    """How the persons were sampled; standard errors then follow the design.

    Each field is a background column of the responses or one value for each person, by id or in order as in `Population`: sampling
    `weights`, any positive scale, `strata`, and `clusters`, primary sampling units within them; or replicate weights `replicates` (P,
    R), a frame or columns, instead of strata and clusters. `replicate_factor` is that of the sum of squared deviations over replicates:
    1 for jackknife by pairs, 1 / R for balanced repeated replication, 1 / (R (1 - k)²) for Fay's method.
    """

    weights: Column | None = None
    strata: Column | None = None
    clusters: Column | None = None
    replicates: Any = None
    replicate_factor: float = 1.0


@choice(CalibrationError)
class MarginalML:
    """How to calibrate by marginal maximum likelihood.

    Attributes
    ----------
    points : Support points of the population on ±6 SD to begin with; refined by itself when a posterior is narrower.
    tolerance, max_iterations : float, int
        The last Newton step must move every parameter by less than this share of its standard error; E-steps before giving up.
    population, survey : Population, SurveyDesign or None
        Groups, covariates, shape; weights, strata, clusters or replicate weights: standard errors are then design-consistent.
    standard_errors : From the observed information, or robust to a wrong model. A survey design always takes the sandwich.
    integration : For several competencies: expectation propagation, a product grid (up to three), or dimension reduction with the first
        competency as the general one. Automatic takes propagation where each item measures one competency.
    constraints, starts : Constraints, int
        Fixed, equal and starting values; number of starting points: more than one looks for other maxima and reports them.
    executor, missing : Where blocks of persons are processed, None being threads over the cores; which missing answers count as wrong.
    progress : callable, "bar" or None
        Called as ``progress(iteration, log_likelihood, change)`` after each E-step; "bar" shows a bar of tqdm where it is installed.
    """

    points: int = 61
    tolerance: float = 1e-4
    max_iterations: int = 500
    population: Population = Population()
    survey: SurveyDesign | None = None
    constraints: Constraints = Constraints()
    standard_errors: Errors = "information"
    integration: Integration = "automatic"
    starts: int = 1
    executor: Executor | None = None
    missing: MissingPolicy = MissingPolicy()
    progress: Progress | Literal["bar"] | None = None

    def __post_init__(self) -> None:
        self.missing.check_scored()
        if self.points < LEAST_POINTS:
            raise CalibrationError("calibration.points", least_points=LEAST_POINTS, points=self.points)
        if self.starts < 1:
            raise CalibrationError("calibration.starts", starts=self.starts)

    @property
    def control(self) -> Control:
        """Return what the loop of the engine needs to know."""
        return Control(self.points, self.tolerance, self.max_iterations, self.starts, self.progress)


class Sample(NamedTuple):
    """What is known of P persons: group (P,) with names, covariates (P, R) with names, survey design."""

    group: Ints | None
    groups: tuple[str, ...]
    covariates: Floats
    covariate_names: tuple[str, ...]
    weight: Floats | None = None
    stratum: Ints | None = None
    cluster: Ints | None = None
    replicates: Floats | None = None
    replicate_factor: float = 1.0

    def among(self, persons: Bools) -> "Sample":
        """Return the sample with weights of a mean of 1 among some of the persons, and 0 for the others."""
        if self.weight is None:
            return self
        scale = self.weight[persons].mean()
        replicates = None if self.replicates is None else self.replicates * persons[:, None] / scale
        return self._replace(weight=self.weight * persons / scale, replicates=replicates)


def sample_of(data: Responses, population: Population, survey: SurveyDesign | None) -> Sample:
    """Return what the population and the survey design name; a stratum needs two clusters to tell how much clusters differ."""
    group, groups = _groups(data, population)
    bare = Sample(group, groups, *_covariates(data, population.on))
    if survey is None:
        return bare
    weight = np.ones(len(data.persons))
    if survey.weights is not None:
        weight = numbers(data, survey.weights, "SurveyDesign(weights=…)")
        if low := [str(p) for p, w in zip(data.persons, weight, strict=True) if w <= 0]:
            raise CalibrationError("calibration.weights_positive", low=low)
    clusters = replicates = None
    names = [] if survey.strata is None else column(data, survey.strata, "SurveyDesign(strata=…)")
    strata = _labels(names) if names else None
    if survey.clusters is not None:
        labels = column(data, survey.clusters, "SurveyDesign(clusters=…)")
        clusters = _labels(labels if strata is None else list(zip(strata, labels, strict=True)))
    if survey.replicates is not None:
        replicates = survey.replicates
        if not isinstance(replicates, np.ndarray):
            parts = _columns(replicates).items()
            replicates = np.stack([numbers(data, x, phrase("calibration.what_replicate", name=n)) for n, x in parts], axis=1)
        if len(replicates) != len(weight):
            raise CalibrationError("calibration.replicates", n_replicates=len(replicates), n_weight=len(weight))
    if strata is not None:
        units = np.arange(len(strata)) if clusters is None else clusters
        if lone := {h for h in np.unique(strata) if len(np.unique(units[strata == h])) < 2}:
            words = sorted({str(name) for name, h in zip(names, strata, strict=True) if h in lone})
            raise CalibrationError("calibration.strata", words=words)
    factor = survey.replicate_factor
    return bare._replace(weight=weight, stratum=strata, cluster=clusters, replicates=replicates, replicate_factor=factor)


def _groups(data: Responses, population: Population) -> tuple[Ints | None, tuple[str, ...]]:
    if population.by is None:
        return None, ("",)
    labels = [str(x) for x in column(data, population.by, "Population(by=…)")]
    names = sorted(set(labels))
    reference = names[0] if population.reference is None else population.reference
    if reference not in names:
        raise CalibrationError("calibration.reference_group", reference=reference, names=names)
    names = [reference, *(name for name in names if name != reference)]
    place = {name: g for g, name in enumerate(names)}
    group = np.array([place[x] for x in labels], dtype=np.int64)
    if small := [name for name, size in zip(names, np.bincount(group), strict=True) if size < LEAST_IN_GROUP]:
        raise CalibrationError("calibration.groups_small", small=small, least_in_group=LEAST_IN_GROUP)
    return (None, ("",)) if len(names) == 1 else (group, tuple(names))


def column(data: Responses, source: Any, what: object) -> list[Any]:  # noqa: ANN401 - a name, a mapping or any sequence
    """Return a background column, or one value a person, by id or in order, without gaps."""
    if isinstance(source, str):
        if source not in data.background:
            raise CalibrationError("calibration.no_column", what=what, source=source, known=list(data.background))
        values = list(data.background[source])
    else:
        values = data.of_persons(source)
    if len(values) != len(data.persons):
        raise CalibrationError("calibration.column_length", what=what, n_values=len(values), n_persons=len(data.persons))
    if gaps := [str(p) for p, x in zip(data.persons, values, strict=True) if x is None or x == "" or x != x]:  # noqa: PLR0124 - NaN
        raise CalibrationError("calibration.column_gaps", what=what, gaps=gaps)
    return values


def numbers(data: Responses, source: Any, what: object) -> Floats:  # noqa: ANN401 - a name or any sequence
    """Return a column as numbers (P,)."""
    values = column(data, source, what)
    if bad := [x for x in values if _number(x) is None]:
        raise CalibrationError("calibration.column_not_numbers", what=what, bad=bad)
    if not np.isfinite(out := np.array([_number(x) for x in values], dtype=np.float64)).all():
        raise CalibrationError("calibration.column_not_finite", what=what)
    return out


def _number(x: object) -> float | None:
    try:
        return float(str(x).replace(",", "."))
    except ValueError:
        return None


def _covariates(data: Responses, on: Any) -> tuple[Floats, tuple[str, ...]]:  # noqa: ANN401 - names or a frame
    """Return covariates (P, R); text columns become indicators of all their values but the first."""
    if on is None:
        return np.zeros((len(data.persons), 0)), ()
    out: dict[str, Floats] = {}
    for name, source in _columns(on).items():
        values = column(data, source, phrase("calibration.what_covariate", name=name))
        if all(_number(x) is not None for x in values):
            out[name] = numbers(data, source, phrase("calibration.what_covariate", name=name))
            continue
        labels = np.array([str(x) for x in values], dtype=object)
        out |= {f"{name}={label}": (labels == label).astype(float) for label in sorted(set(labels))[1:]}
    if still := [name for name, x in out.items() if np.ptp(x) == 0]:
        raise CalibrationError("calibration.covariates_constant", still=still)
    table = np.stack(list(out.values()), axis=1)
    if np.linalg.matrix_rank(table - table.mean(axis=0)) < table.shape[1]:
        raise CalibrationError("calibration.covariates_dependent", out=out)
    return table, tuple(out)


def _columns(on: Any) -> dict[str, Any]:  # noqa: ANN401 - names or a frame
    if hasattr(on, "columns"):
        on = on.set_index("person") if "person" in on.columns and hasattr(on, "set_index") else on
        return {str(name): on[name] for name in on.columns}
    if isinstance(on, Sequence):
        return {str(name): str(name) for name in ([on] if isinstance(on, str) else on)}
    raise CalibrationError("calibration.covariates_type", given=type(on).__name__)


def _labels(values: list[Any]) -> Ints:
    """Return whole numbers (P,) for labels, in the order of their first appearance."""
    place = {x: k for k, x in enumerate(dict.fromkeys(values))}
    return np.array([place[x] for x in values], dtype=np.int64)


def populations_in(
    sample: Sample, dimensions: tuple[str, ...], *, anchored: Bools, sloped: Bools, linked: bool, correlation_sd: float | None = None
) -> tuple[Populations, Floats]:
    """Return the populations of D competencies and the regressors of persons, (P, R), or (1, R) where they are all the same.

    A competency has a free mean in the reference group where some of its items are anchored, and a free variance where some are or
    none of its slopes is estimated. In other groups both are free where items link these to the reference group. `anchored` and
    `sloped` (D,) say whether some items of a competency are anchored, or all of them fixed, and whether slopes of it are estimated.
    """
    P, G = len(sample.covariates), len(sample.groups)
    moving = [g for g in range(G) if anchored.any() or (g > 0 and linked)]
    names = ("",) * len(moving) + sample.covariate_names
    regressors = np.ones((1, len(moving)))
    if G > 1 or sample.covariate_names:
        group = np.zeros(P, dtype=np.int64) if sample.group is None else sample.group
        mean = np.average(sample.covariates, axis=0, weights=sample.weight) if sample.covariate_names else 0.0
        centred = sample.covariates - mean
        regressors = np.concatenate([(group[:, None] == np.array(moving, dtype=np.int64)).astype(np.float64), centred], axis=1)
    reference = np.zeros((G, len(names)))
    reference[moving, np.arange(len(moving))] = 1.0
    free = anchored | ((np.arange(G)[:, None] > 0) & linked)  # means (G, D); a covariate moves all competencies
    effects = np.concatenate([free[moving], np.ones((len(sample.covariate_names), len(dimensions)), bool)])
    who: dict[str, Any] = {"groups": sample.groups, "regressors": names, "reference": reference, "correlation_sd": correlation_sd}
    return populations_of(dimensions, free_variance=free | ~sloped, free_coefficients=effects, **who), regressors


def sandwich(covariance: Floats, scores: Floats, sample: Sample) -> Floats:
    """Return the design-consistent covariance (F, F) from the inverse information and unweighted scores of persons (P, F)."""
    weight = np.ones(len(scores)) if sample.weight is None else sample.weight
    if sample.replicates is not None:
        moves = covariance @ (scores.T @ (sample.replicates - weight[:, None]))
        return np.asarray(sample.replicate_factor * moves @ moves.T)
    weighted = scores * weight[:, None]
    cluster = np.arange(len(scores)) if sample.cluster is None else sample.cluster
    stratum = np.zeros(len(scores), dtype=np.int64) if sample.stratum is None else sample.stratum
    return np.asarray(covariance @ meat(weighted, cluster, stratum) @ covariance)


def meat(scores: Floats, cluster: Ints, stratum: Ints) -> Floats:
    """Return Σ_h n_h / (n_h - 1) Σ_c (s_hc - s̄_h)(s_hc - s̄_h)ᵀ (F, F) over clusters c within strata h."""
    totals, of = np.zeros((int(cluster.max()) + 1, scores.shape[1])), np.zeros(int(cluster.max()) + 1, dtype=np.int64)
    np.add.at(totals, cluster, scores)
    of[cluster] = stratum
    out = np.zeros((scores.shape[1],) * 2)
    for h in np.unique(of):
        if len(off := totals[of == h] - totals[of == h].mean(axis=0)) > 1:
            out += len(off) / (len(off) - 1) * off.T @ off
    return out
