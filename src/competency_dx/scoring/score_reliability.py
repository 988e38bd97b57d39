"""How precisely a test measures: information and errors along the scale, reliability coefficients, accuracy and consistency at cuts.

With I(θ) the test information and N(μ, σ²) the population, reliability is one less the mean error variance over σ²:

- `posterior`, error variance of the posterior of each answer pattern: E[Var(θ | answers)];
- `sum_score`, of the posterior given the sum of points alone: E[Var(θ | sum)], exact by Lord & Wingersky's recursion;
- `marginal`, of a normal approximation of the posterior: E[1 / (I(θ) + 1/σ²)];
- `likelihood`, of maximum likelihood: E[1 / I(θ)] (Green, Bock, Humphreys, Linn & Reckase 1984,
  doi:10.1111/j.1745-3984.1984.tb01039.x, eq. 6), negative where the test hardly measures.

R mirt 1.47 defines ``marginal_rxx`` as the mean of I / (I + σ²) over N(0, 1). At σ² = 1 that is `marginal`; at any
other variance (every Rasch, PCM or RSM model) it is no ratio of variances, because I is in units of 1/σ².

With several competencies, N(μ, Σ) and the information matrix J(θ), competency d has the same coefficients from the joint
posterior: the mean of [(J(θ) + Σ⁻¹)⁻¹]_dd stands for that of 1 / (I(θ) + 1/σ²), and [J(θ)⁻¹]_dd for 1 / I(θ).

How accurately and how consistently a test sorts persons at cuts is told by the indices of Rudner and Lee.
"""

from collections.abc import Sequence
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from competency_dx import models, persons
from competency_dx.arrays import Bools, Floats, Ids, blocks, evenly, held_to, names, value
from competency_dx.bank import ItemBank
from competency_dx.display import Chart, Series, result_words
from competency_dx.errors import ScoringError, checked
from competency_dx.findings import Finding, announce, findings_of, gathered, worth_a_line
from competency_dx.kernels.persons import sum_score_likelihood
from competency_dx.models import ItemParameters
from competency_dx.persons import DEFAULT_METHOD, EAP, WLE, Matched, as_responses, match, parameters_of, posterior_of, scoring_grid
from competency_dx.responses import Layout, Reason, load_responses
from competency_dx.result import DataFrame, Provenance, Result, frame, provenance
from competency_dx.scoring.api import scored

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

BLOCK = 512  # persons whose information is evaluated at once
GRID = 481  # points on ±6 SD, spacing SD / 40
SHOWN = 4.0  # SD on either side that the table and pictures show
SIMULATED = 20_000
SEED = 20_240_901
LEAST = 1e-12
SEVERAL = 4096  # simulated persons for several competencies
MOST_SETS, MOST_TABLES = 256, 16  # of items that persons got, and of these for tables of sum scores
STEP = 1e-4  # of the difference quotients of log-probabilities, logits
Coefficient = Annotated[float | Floats, held_to("dimensions", maximum=1)]
Variance = Annotated[float | Floats, held_to("dimensions", exclusiveMinimum=0)]
REACH, POINTS = 6.0, 121


@value
class Reliability(Result):
    """Precision along the scale and reliability coefficients.

    With several competencies coefficients are arrays (D,), θ is (D, Q) and information (D, I, Q).

    Attributes
    ----------
    posterior, posterior_se : 1 - E[Var(θ | answers)] / σ² for complete answers, by 20,000 simulated persons (4,096 for several
        competencies), with its Monte Carlo error.
    sum_score : The same given the sum of points alone, or the sums on each competency; NaN where items measure several.
    marginal : 1 - E[1 / (I(θ) + 1/σ²)] / σ².
    likelihood : 1 - E[1 / I(θ)] / σ² (Green et al. 1984).
    empirical_eap, empirical_wle : In the persons given: var(θ̂) / (var(θ̂) + mean SE²) for EAP, 1 - mean SE² / var(θ̂) for WLE, which
        items that measure several competencies do not have.
    theta : (Q,) or (D, Q) Points of the scale within 4 SD of the population's mean, in logits.
    information : (I, Q) or (D, I, Q) Of each item; where item uncertainty is carried, of its averaged curve. With several competencies
        about one of them, the others at their mean given it.
    variance : σ² of the population.
    dimensions : D names.
    """

    pictures: ClassVar[tuple[str, ...]] = ("information", "standard_error")
    items: Ids
    posterior: Coefficient
    posterior_se: Variance
    sum_score: Coefficient
    marginal: Coefficient
    likelihood: Coefficient
    empirical_eap: Coefficient | None = None
    empirical_wle: Coefficient | None = None
    theta: Annotated[Floats, held_to("Q")] | Annotated[Floats, held_to("dimensions", "Q")]
    information: Annotated[Floats, held_to("items", "Q", minimum=0)] | Annotated[Floats, held_to("dimensions", "items", "Q", minimum=0)]
    variance: Variance
    findings: tuple[Finding, ...]
    provenance: Provenance
    dimensions: Ids = field(default_factory=lambda: ("theta",))

    @property
    def test_information(self) -> Floats:
        """Return I(θ) = Σ_i I_i(θ) (Q,) or (D, Q)."""
        return np.asarray(self.information.sum(axis=-2))

    @property
    def se(self) -> Floats:
        """Return the conditional standard error 1 / √I(θ) (Q,) of ML and WLE."""
        return np.asarray(1 / np.sqrt(np.maximum(self.test_information, LEAST)))

    @property
    def posterior_sd(self) -> Floats:
        """Return 1 / √(I(θ) + 1/σ²) (Q,), about the standard error of EAP and MAP; of several, without what the others tell."""
        return np.asarray(1 / np.sqrt(self.test_information + 1 / np.asarray(self.variance)[..., None]))

    def to_frame(self) -> DataFrame:
        """Return one row per point of the scale: dimension, theta, information, se, posterior_sd, reliability."""
        reached = 1 - self.posterior_sd**2 / np.asarray(self.variance)[..., None]
        columns = {"theta": self.theta, "information": self.test_information, "se": self.se, "posterior_sd": self.posterior_sd}
        flat = {name: x.ravel() for name, x in (columns | {"reliability": reached}).items()}
        return frame(dimension=np.repeat(np.array(self.dimensions, dtype=object), self.theta.shape[-1]), **flat)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the coefficients and where the test measures best."""
        say = result_words("scoring", language)
        if len(self.dimensions) > 1:
            each = zip(self.dimensions, *np.array([self.posterior, self.marginal, self.likelihood]).tolist(), strict=True)
            rows = [say("several", name=d, patterns=p, marginal=m, ml=ml) for d, p, m, ml in each]
            lines = [say("reliability", items=len(self.items)), *rows[:8], *(["…"] if len(rows) > 8 else [])]
            return [*lines, *worth_a_line(self.findings, 2, language=language)]
        best, given = int(self.test_information.argmax()), {"EAP": self.empirical_eap, "WLE": self.empirical_wle}
        empirical = tuple(say("value", name=name, x=x) for name, x in given.items() if x is not None)
        at = {"information": self.test_information, "theta": self.theta, "se": self.se}
        return [
            say("reliability", items=len(self.items)),
            say("patterns", patterns=self.posterior, sums=self.sum_score),
            say("marginal", marginal=self.marginal, ml=self.likelihood),
            *([say("empirical", values=empirical)] if empirical else []),
            say("best", **{name: float(x[best]) for name, x in at.items()}),
            *worth_a_line(self.findings, 4, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return I(θ), or the standard errors of ML and of the posterior along the scale."""
        rows = (np.atleast_2d(x) for x in (self.theta, self.test_information, self.se, self.posterior_sd))
        lines, errors, several = [], [], len(self.dimensions) > 1
        for name, theta, information, se, sd, variance in zip(self.dimensions, *rows, np.atleast_1d(self.variance), strict=True):
            seen, of = se <= np.sqrt(variance) * SHOWN, f"{name}, " if several else ""
            lines.append(Series(name=name if several else "", mark="line", x=theta, y=information))
            errors.append(Series(name=f"{of}ML, WLE: 1/√I", mark="line", x=theta[seen], y=se[seen]))
            errors.append(Series(name=f"{of}EAP, MAP: 1/√(I + 1/σ²)", mark="line", x=theta, y=sd))
        say = result_words("scoring", language)
        if kind == "information":
            return Chart(title=say("information"), x_label="θ", y_label=say("information_axis"), series=tuple(lines))
        return Chart(title=say("standard_error"), x_label="θ", y_label="SE", series=tuple(errors))


@checked(ScoringError)
def reliability(parameters: "ItemBank | Calibration", *, responses: object = None, method: EAP = DEFAULT_METHOD) -> Reliability:
    """Return how precisely the items of a bank or a calibration measure their population.

    Without `responses` all items count, as if everybody answered every one. Persons give the empirical coefficients; the others are
    then averages over the sets of items these persons got, of which at most 256 stand for all (16 for sum scores). `method` has the
    support points, carried item uncertainty and, for the persons, the policy for missing answers.
    """
    known = parameters_of(parameters)
    several = len(known.dimensions) > 1
    data = None if responses is None else as_responses(responses, parameters)
    eap = None if data is None else scored(data, parameters, method)
    warm = WLE(item_uncertainty=method.item_uncertainty, missing=method.missing)
    wle = None if data is None or not known.between else scored(data, parameters, warm)
    every = np.ones((1, len(known.items)), dtype=np.bool_)
    sets = every if data is None else persons.reasons_of(data, known.items) != Reason.NOT_ADMINISTERED
    sets = sets[sets.any(axis=1)]
    sets = sets[np.lexsort(sets.T)]  # whatever the order of persons, of whom some stand for all
    given = every if sets.all() else sets[evenly(len(sets), MOST_SETS)]
    measured: dict[str, Any] = _measured(known, method, given)
    measured |= {f"empirical_{k}": x.reliability for k, x in (("eap", eap), ("wle", wle)) if x is not None}
    if not several:
        measured = {name: x[0] if x.ndim > 1 else float(x[0]) for name, x in measured.items()}
    settings = {"points": str(method.points), "item_uncertainty": method.item_uncertainty, "missing": method.missing.describe("en")}
    settings |= {"simulated": f"{SEVERAL if several else SIMULATED} persons, seed {SEED}"}
    inputs = {"parameters": parameters.digest}
    inputs |= {} if eap is None else {"responses": eap.provenance.inputs.get("responses", "")}
    notes, made = gathered(findings_of(parameters), findings_of(eap), findings_of(wle)), provenance("reliability", inputs, settings)
    dimensions = known.dimensions if several else ("theta",)
    out = Reliability(items=known.items, **measured, findings=notes, provenance=made, dimensions=dimensions)
    announce(out.findings, known=(*findings_of(parameters), *findings_of(data)))
    return out


def _measured(known: ItemParameters, method: EAP, given: Bools) -> dict[str, Floats]:
    """Return the coefficients (D,) of sets of items (N, I), and points of the scale (D, Q) with the items' information there."""
    choice, mean, V = method.item_uncertainty, known.population.mean, known.population.covariance
    uncertain, s2, D = persons.uncertain_items(known, choice), np.diag(V), len(known.dimensions)
    matched, points, sets = _simulated(known, method, uncertain, given)
    variances = np.einsum("pdd->dp", posterior_of(matched, known, method).moments().covariance)
    z = np.linspace(-6, 6, GRID)
    shown, theta = np.abs(z) <= SHOWN * (1 + LEAST), mean[:, None] + np.sqrt(s2)[:, None] * z
    lines = [mean + (theta[d] - mean[d])[:, None] * V[d] / s2[d] for d in range(D)]
    along = [_information(known, at, uncertain)[:, :, d, d] for d, at in enumerate(lines)]
    sums = np.full(D, np.nan)
    if D == 1:
        grid, few = scoring_grid(known, method.points, choice), given[:: max(1, len(given) // MOST_TABLES)]
        tables = (persons.sum_score_table(known, grid, np.flatnonzero(one))[1:] for one in few)
        sums = np.array([np.mean([probability @ sd**2 for sd, probability in tables])])
        weight = np.tile(np.exp(-0.5 * z**2), len(given))
        J = (given.astype(float) @ along[0]).reshape(-1, 1, 1)
    else:
        if known.between:
            sums = np.einsum("pdd->pd", persons.propagated_given_sums(matched, known, method.points, choice)[1]).mean(axis=0)
        weight, parts = np.ones(len(points)), blocks(len(points), BLOCK)
        each = ((_information(known, points[b], uncertain), sets[b].astype(float)) for b in parts)
        J = np.concatenate([np.einsum("ipde,pi->pde", information, given_to) for information, given_to in each])
    errors = [np.einsum("pdd->pd", np.linalg.inv(J + more)) for more in (np.linalg.inv(V), LEAST * np.eye(D))]
    marginal, likelihood = (1 - weight / weight.sum() @ error / s2 for error in errors)
    return {
        "posterior": 1 - variances.mean(axis=1) / s2,
        "posterior_se": variances.std(axis=1, ddof=1) / np.sqrt(variances.shape[1]) / s2,
        "sum_score": 1 - sums / s2,
        "marginal": marginal,
        "likelihood": likelihood,
        "variance": s2,
        "theta": theta[:, shown],
        "information": np.stack(along)[:, :, shown],
    }


def _simulated(known: ItemParameters, method: EAP, uncertain: Bools, given: Bools) -> tuple[Matched, Floats, Bools]:
    """Return simulated persons with answers, their points (P, D), those of the grid or evenly spread, and their items (P, I)."""
    D, V, rng = len(known.dimensions), known.population.covariance, np.random.default_rng(SEED)
    if D == 1:
        grid = scoring_grid(known, method.points, method.item_uncertainty)
        theta, p = grid.theta[:, None], np.exp(grid.log_weight)
        place, log_prob = rng.choice(len(p), size=SIMULATED, p=p / p.sum()), grid.log_prob
    else:
        even = persons.even_uniforms(b"reliability", names(["population"]), SEVERAL, D)[0]
        theta, place = known.population.mean + ndtri(even) @ np.linalg.cholesky(V).T, np.arange(SEVERAL)
        log_prob = models.averaged_log_probabilities(known, theta, uncertain)
    cumulative, codes = np.cumsum(np.exp(log_prob), axis=1), np.empty((len(known.items), len(place)))
    for i, K in enumerate(known.n_categories):
        codes[i] = (rng.random(len(place)) > cumulative[i, : K - 1, place].T).sum(axis=0)
    sets = given[np.arange(len(place)) % len(given)]
    answers = np.where(sets, codes.T, np.nan)
    return match(load_responses(answers, layout=Layout(items=known.items)), known, method.missing), theta, sets


def _information(known: ItemParameters, theta: Floats, uncertain: Bools) -> Floats:
    """Return information matrices Σ_k P_k ∂_d log P_k ∂_e log P_k (I, Q, D, D) of the curves at points (Q, D)."""
    if theta.shape[1] == 1:
        out = models.score_information(known, theta[:, 0])
        if uncertain.any():
            curves = models.averaged_log_probabilities(known, theta[:, 0], uncertain)
            out = np.where(uncertain[:, None], models.curve_information(curves, theta[:, 0]), out)
        return np.asarray(out[:, :, None, None])
    at = partial(models.averaged_log_probabilities, known, uncertain=uncertain)
    slope = np.stack([at(theta + h) - at(theta - h) for h in STEP * np.eye(theta.shape[1])]) / (2 * STEP)
    return np.asarray(np.einsum("ikq,dikq,eikq->iqde", np.exp(at(theta)), slope, slope, optimize=True))


class CutAccuracy(NamedTuple):
    """Accuracy and consistency (C + 1,): of each of C cuts by itself, then of all together."""

    accuracy: Floats
    consistency: Floats


@checked(ScoringError)
def cut_accuracy(
    parameters: "ItemBank | Calibration | ItemParameters",
    cuts: Sequence[float],
    *,
    by: Literal["sum", "theta"] = "sum",
    theta: Floats | Sequence[float] | None = None,
) -> CutAccuracy:
    """Return how often a test puts persons on the right side of cuts on θ, and on the same side twice.

    With ``by="sum"`` persons are sorted by the sum of points, whose distribution given θ is exact (Lee 2010, doi:10.1111/
    j.1745-3984.2009.00096.x; cuts are carried over by the test characteristic curve); with ``by="theta"`` by an estimate that is
    normal around θ with 1/√information (Rudner 2005). Consistency is Σ P(category | θ)². A θ at a cut belongs above it.
    Raises `ScoringError` for several competencies, or cuts that do not rise.

    Parameters
    ----------
    parameters : ItemBank, Calibration or ItemParameters. Of one competency.
    cuts : Rising, on θ.
    by : {"sum", "theta"}
    theta : array of float, shape (P,). Persons to average over; without them the normal population of the parameters, on 121 points
        over ±6 SD.
    """
    known = parameters if isinstance(parameters, ItemParameters) else parameters_of(parameters)
    at = np.asarray(cuts, dtype=np.float64)
    empty = not len(at) * np.size(0.0 if theta is None else theta)
    if len(known.dimensions) > 1 or empty or not np.isfinite(at).all() or (np.diff(at) <= 0).any():
        raise ScoringError("scoring.cuts", cuts=at.tolist(), dimensions=known.dimensions)
    mean, sd = known.mean, float(np.sqrt(known.variance))
    points = mean + sd * np.linspace(-REACH, REACH, POINTS) if theta is None else np.asarray(theta, dtype=np.float64).ravel()
    weight = np.exp(-0.5 * ((points - mean) / sd) ** 2) if theta is None else np.ones(len(points))
    inside = _inside(known, at, points, by)
    rows = [*((at[c : c + 1], np.stack([inside[: c + 1].sum(axis=0), inside[c + 1 :].sum(axis=0)])) for c in range(len(at)))]
    rows.append((at, inside))
    true = [p[np.searchsorted(cut, points, side="right"), np.arange(len(points))] for cut, p in rows]  # P of the true category
    same = [np.average((p**2).sum(axis=0), weights=weight) for _, p in rows]
    return CutAccuracy(np.array([np.average(p, weights=weight) for p in true]), np.array(same))


def _inside(known: ItemParameters, cuts: Floats, theta: Floats, by: str) -> Floats:
    """Return P(category | θ) (C + 1, Q) of the sum of points, or of an estimate that is normal with the error of the information."""
    if by == "sum":
        likelihood = sum_score_likelihood(np.exp(models.log_probabilities(known, theta)), known.n_categories)
        from_sum = np.ceil(models.expected_scores(known, cuts).sum(axis=0) - 1e-9)
        category = np.searchsorted(from_sum, np.arange(len(likelihood)), side="right")
        return np.stack([likelihood[category == c].sum(axis=0) for c in range(len(cuts) + 1)])
    se = 1 / np.sqrt(models.score_information(known, theta).sum(axis=0))
    return np.diff(np.vstack([np.zeros(len(theta)), ndtr((cuts[:, None] - theta) / se), np.ones(len(theta))]), axis=0)
