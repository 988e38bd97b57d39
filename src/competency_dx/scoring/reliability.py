"""How precisely a test measures: information and standard errors along the scale, and reliability coefficients.

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
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import ndtri

from competency_dx.arrays import Bools, Floats, blocks, names, value
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
from competency_dx.display import Chart, Series
from competency_dx.errors import ScoringError
from competency_dx.findings import Finding, announce, findings_of, gathered, worth_a_line
from competency_dx.kernels.grid.e_step import Tables, prepare
from competency_dx.models import (
    ItemParameters,
    averaged_log_probabilities,
    curve_information,
    score_information,
)
from competency_dx.persons import (
    EAP,
    WLE,
    ExactPosterior,
    as_responses,
    even_uniforms,
    match,
    parameters_of,
    posterior_of,
    propagated_given_sums,
    scoring_grid,
    source_of,
    sum_score_table,
    uncertain_items,
)
from competency_dx.provenance import Provenance, provenance
from competency_dx.responses import Layout, Responses, load_responses
from competency_dx.result import Result
from competency_dx.scoring.api import scored
from competency_dx.scoring.scores import Scores

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_METHOD = EAP()
BLOCK = 512  # persons whose information is evaluated at once
GRID = 481  # points on ±6 SD, spacing SD / 40
SHOWN = 4.0  # SD on either side that the table and pictures show
SIMULATED = 20_000
SEED = 20_240_901
LEAST = 1e-12
SEVERAL = 4096  # simulated persons for several competencies
STEP = 1e-4  # of the difference quotients of log-probabilities, logits


@value
class Reliability(Result):
    """Precision along the scale and reliability coefficients.

    With several competencies coefficients are arrays (D,), θ is (D, Q) and information (D, I, Q).

    Attributes
    ----------
    posterior, posterior_se : float or ndarray, shape (D,)
        1 - E[Var(θ | answers)] / σ² for complete answers, by 20,000 simulated persons (4,096 for several competencies), with
        its Monte Carlo error.
    sum_score : float or ndarray, shape (D,)
        The same given the sum of points alone, or the sums on each competency; NaN where items measure several.
    marginal : float or ndarray, shape (D,)
        1 - E[1 / (I(θ) + 1/σ²)] / σ².
    likelihood : float or ndarray, shape (D,)
        1 - E[1 / I(θ)] / σ² (Green et al. 1984).
    empirical_eap, empirical_wle : float, ndarray of shape (D,) or None
        In the persons given: var(θ̂) / (var(θ̂) + mean SE²) for EAP, 1 - mean SE² / var(θ̂) for WLE, which items that
        measure several competencies do not have.
    theta : ndarray, shape (Q,) or (D, Q)
        Points of the scale within 4 SD of the population's mean, in logits.
    information : ndarray, shape (I, Q) or (D, I, Q)
        Of each item; where item uncertainty is carried, of its averaged curve. With several competencies about one of them,
        the others at their mean given it.
    variance : float or ndarray, shape (D,)
        σ² of the population.
    dimensions : tuple of str
        D names.
    """

    kind: ClassVar[str] = "reliability"
    pictures: ClassVar[tuple[str, ...]] = ("information", "standard_error")

    items: tuple[str, ...]
    posterior: float | Floats
    posterior_se: float | Floats
    sum_score: float | Floats
    marginal: float | Floats
    likelihood: float | Floats
    empirical_eap: float | Floats | None
    empirical_wle: float | Floats | None
    theta: Floats
    information: Floats
    variance: float | Floats
    findings: tuple[Finding, ...]
    provenance: Provenance
    dimensions: tuple[str, ...] = ("theta",)

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

    def to_frame(self) -> pd.DataFrame:
        """Return one row per point of the scale: dimension, theta, information, se, posterior_sd, reliability."""
        import pandas as pd

        reached = 1 - self.posterior_sd**2 / np.asarray(self.variance)[..., None]
        return pd.DataFrame(
            {
                "dimension": np.repeat(np.array(self.dimensions, dtype=object), self.theta.shape[-1]),
                "theta": self.theta.ravel(),
                "information": self.test_information.ravel(),
                "se": self.se.ravel(),
                "posterior_sd": self.posterior_sd.ravel(),
                "reliability": reached.ravel(),
            }
        )

    def summary(self) -> Sequence[str]:
        """Return the coefficients and where the test measures best."""
        if len(self.dimensions) > 1:
            values = np.array([self.posterior, self.marginal, self.likelihood]).T
            rows = [
                f"{d}: patterns {x[0]:.3f}, marginal {x[1]:.3f}, ML {x[2]:.3f}"
                for d, x in zip(self.dimensions, values, strict=True)
            ]
            return [
                f"Reliability of {len(self.items)} items",
                *rows[:8],
                *(["…"] if len(rows) > 8 else []),
                *worth_a_line(self.findings, 2),
            ]
        best = int(self.test_information.argmax())
        given = {"EAP": self.empirical_eap, "WLE": self.empirical_wle}
        empirical = [f"{name} {x:.3f}" for name, x in given.items() if x is not None]
        return [
            f"Reliability of {len(self.items)} items",
            f"of answer patterns (EAP) {self.posterior:.3f}, of sum scores {self.sum_score:.3f}",
            f"marginal, by information {self.marginal:.3f}; of ML, Green et al. {self.likelihood:.3f}",
            *([f"empirical: {', '.join(empirical)}"] if empirical else []),
            f"most information {self.test_information[best]:.2f} at θ = {self.theta[best]:.2f}, SE {self.se[best]:.3f}",
            *worth_a_line(self.findings, 4),
        ]

    def chart(self, kind: str) -> Chart:
        """Return I(θ), or the standard errors of ML and of the posterior along the scale."""
        rows = (np.atleast_2d(x) for x in (self.theta, self.test_information, self.se, self.posterior_sd))
        lines, errors, several = [], [], len(self.dimensions) > 1
        for name, theta, information, se, sd, variance in zip(
            self.dimensions, *rows, np.atleast_1d(self.variance), strict=True
        ):
            seen, of = se <= np.sqrt(variance) * SHOWN, f"{name}, " if several else ""
            lines.append(Series(name=name if several else "", mark="line", x=theta, y=information))
            errors.append(Series(name=f"{of}ML, WLE: 1/√I", mark="line", x=theta[seen], y=se[seen]))
            errors.append(Series(name=f"{of}EAP, MAP: 1/√(I + 1/σ²)", mark="line", x=theta, y=sd))
        if kind == "information":
            return Chart(title="Test information", x_label="θ", y_label="information", series=tuple(lines))
        return Chart(title="Conditional standard error", x_label="θ", y_label="SE", series=tuple(errors))


def reliability(
    parameters: ItemBank | Calibration,
    *,
    responses: Any = None,  # noqa: ANN401 - Responses, or any table that load_responses reads
    method: EAP = DEFAULT_METHOD,
) -> Reliability:
    """Return how precisely the items of a bank or a calibration measure their population.

    Parameters
    ----------
    parameters : ItemBank or Calibration
        Item parameters and population; all items count, as if everybody answered every one.
    responses : Responses, data frame, array or path, optional
        Persons for the empirical coefficients.
    method : EAP
        Support points, carried item uncertainty and, for the persons, the policy for missing answers.

    Returns
    -------
    Reliability
    """
    if not isinstance(method, EAP):
        raise ScoringError(f"method={method!r} has no support points; give EAP()")
    known = parameters_of(parameters)
    several = len(known.dimensions) > 1
    data = None if responses is None else as_responses(responses, parameters)
    eap, wle = (None, None) if data is None else _empirical(data, parameters, method, known.between)
    out = Reliability(
        items=known.items,
        **(_of_several(known, method) if several else _of_one(known, method)),
        empirical_eap=None if eap is None else eap.reliability if several else float(eap.reliability[0]),
        empirical_wle=None if wle is None else wle.reliability if several else float(wle.reliability[0]),
        variance=np.diag(known.population.covariance) if several else known.variance,
        findings=gathered(findings_of(parameters), findings_of(eap), findings_of(wle)),
        provenance=provenance(
            "reliability", _inputs(parameters, eap), _settings(method, SEVERAL if several else SIMULATED)
        ),
        dimensions=known.dimensions if several else ("theta",),
    )
    announce(out.findings, known=(*findings_of(parameters), *findings_of(data)))
    return out


def _of_one(known: ItemParameters, method: EAP) -> dict[str, Any]:
    """Return the coefficients and the information of one competency."""
    grid = scoring_grid(known, method.points, method.item_uncertainty)
    theta, information, weight = _information(known, method)
    total = information.sum(axis=0)
    variances = _posterior_variances(grid, known)
    s2 = known.variance
    _, sd, probability = sum_score_table(known, grid, np.arange(len(known.items)))
    shown = np.abs(theta - known.mean) <= SHOWN * np.sqrt(s2) * (1 + LEAST)
    return {
        "posterior": float(1 - variances.mean() / s2),
        "posterior_se": float(variances.std(ddof=1) / np.sqrt(SIMULATED) / s2),
        "sum_score": float(1 - probability @ sd**2 / s2),
        "marginal": float(weight @ (total / (total + 1 / s2))),
        "likelihood": float(1 - weight @ (1 / np.maximum(total, LEAST)) / s2),
        "theta": theta[shown],
        "information": information[:, shown],
    }


def _of_several(known: ItemParameters, method: EAP) -> dict[str, Any]:
    """Return the coefficients (D,) and the information of several competencies, from persons spread evenly over N(μ, Σ)."""
    D, mean, V, choice = (
        len(known.dimensions),
        known.population.mean,
        known.population.covariance,
        method.item_uncertainty,
    )
    uncertain, s2, rng = uncertain_items(known, choice), np.diag(V), np.random.default_rng(SEED)
    persons = (
        mean + ndtri(even_uniforms(b"reliability", names(["population"]), SEVERAL, D)[0]) @ np.linalg.cholesky(V).T
    )
    cumulative = np.cumsum(np.exp(averaged_log_probabilities(known, persons, uncertain)), axis=1)
    codes = np.minimum((rng.random((len(known.items), 1, SEVERAL)) > cumulative).sum(axis=1).T, known.n_categories - 1)
    data = load_responses(codes.astype(np.float64), layout=Layout(items=known.items))
    matched = match(data, known, method.missing)
    variances = np.einsum("pdd->pd", posterior_of(matched, known, method).moments().covariance)
    sums = (
        propagated_given_sums(matched, known, method.points, choice)[1] if known.between else np.full((1, D, D), np.nan)
    )
    J = np.concatenate([_item_information(known, persons[b], uncertain).sum(axis=0) for b in blocks(SEVERAL, BLOCK)])
    z = np.linspace(-SHOWN, SHOWN, 2 * int(SHOWN * GRID / 12) + 1)
    theta = mean[:, None] + np.sqrt(s2)[:, None] * z
    given = [mean + (theta[d] - mean[d])[:, None] * V[d] / s2[d] for d in range(D)]
    return {
        "posterior": 1 - variances.mean(axis=0) / s2,
        "posterior_se": variances.std(axis=0, ddof=1) / np.sqrt(SEVERAL) / s2,
        "sum_score": 1 - np.einsum("pdd->pd", sums).mean(axis=0) / s2,
        "marginal": 1 - np.einsum("pdd->d", np.linalg.inv(J + np.linalg.inv(V))) / SEVERAL / s2,
        "likelihood": 1 - np.einsum("pdd->d", np.linalg.inv(J + LEAST * np.eye(D))) / SEVERAL / s2,
        "theta": theta,
        "information": np.stack([_item_information(known, at, uncertain)[:, :, d, d] for d, at in enumerate(given)]),
    }


def _item_information(known: ItemParameters, theta: Floats, uncertain: Bools) -> Floats:
    """Return information matrices Σ_k P_k ∂_d log P_k ∂_e log P_k (I, Q, D, D) of the curves at points (Q, D)."""
    step = STEP * np.eye(theta.shape[1])
    rise = [
        averaged_log_probabilities(known, theta + h, uncertain)
        - averaged_log_probabilities(known, theta - h, uncertain)
        for h in step
    ]
    prob, slope = np.exp(averaged_log_probabilities(known, theta, uncertain)), np.stack(rise) / (2 * STEP)
    return np.asarray(np.einsum("ikq,dikq,eikq->iqde", prob, slope, slope, optimize=True))


def _empirical(
    data: Responses,
    parameters: ItemBank | Calibration,
    method: EAP,
    between: bool,  # noqa: FBT001 - a property of the items
) -> tuple[Scores, Scores | None]:
    warm = WLE(item_uncertainty=method.item_uncertainty, missing=method.missing)
    return scored(data, parameters, method), scored(data, parameters, warm) if between else None


def _information(known: ItemParameters, method: EAP) -> tuple[Floats, Floats, Floats]:
    """Return points θ (Q,), information of the items there (I, Q) and population weights (Q,)."""
    z = np.linspace(-6, 6, GRID)
    weight = np.exp(-0.5 * z**2)
    theta = known.mean + float(np.sqrt(known.variance)) * z
    information = score_information(known, theta)
    uncertain = uncertain_items(known, method.item_uncertainty)
    if uncertain.any():
        averaged = averaged_log_probabilities(known, theta, uncertain)
        information = np.where(uncertain[:, None], curve_information(averaged, theta), information)
    return theta, information, weight / weight.sum()


def _posterior_variances(grid: Tables, known: ItemParameters) -> Floats:
    """Return posterior variances of simulated persons (N,), drawn from the tables that score them."""
    rng = np.random.default_rng(SEED)
    q = rng.choice(len(grid.theta), size=SIMULATED, p=np.exp(grid.log_weight) / np.exp(grid.log_weight).sum())
    codes = np.zeros((SIMULATED, len(known.items)), dtype=np.int8)
    for i, log_prob in enumerate(grid.log_prob):
        cumulative = np.cumsum(np.exp(log_prob), axis=0)[: known.n_categories[i] - 1]
        codes[:, i] = (rng.random(SIMULATED) > cumulative[:, q]).sum(axis=0)
    answers = prepare(codes, np.ones(codes.shape, dtype=np.bool_), known.n_categories)
    return ExactPosterior(answers=answers, tables=grid).moments().covariance[:, 0, 0]


def _inputs(parameters: ItemBank | Calibration, scores: Scores | None) -> dict[str, str]:
    out = {"parameters": source_of(parameters)}
    return out if scores is None else out | {"responses": scores.provenance.inputs["responses"]}


def _settings(method: EAP, persons: int) -> dict[str, str]:
    return {
        "points": str(method.points),
        "item_uncertainty": method.item_uncertainty,
        "missing": method.missing.describe("en"),
        "simulated": f"{persons} persons, seed {SEED}",
    }
