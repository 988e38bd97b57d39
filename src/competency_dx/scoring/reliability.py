"""How precisely a test measures: information and standard errors along the scale, and reliability coefficients.

With I(θ) the test information and N(μ, σ²) the population, reliability is one less the mean error variance over σ²:

- `posterior`, error variance of the posterior of each answer pattern: E[Var(θ | answers)];
- `sum_score`, of the posterior given the sum of points alone: E[Var(θ | sum)], exact by Lord & Wingersky's recursion;
- `marginal`, of a normal approximation of the posterior: E[1 / (I(θ) + 1/σ²)];
- `likelihood`, of maximum likelihood: E[1 / I(θ)] (Green, Bock, Humphreys, Linn & Reckase 1984,
  doi:10.1111/j.1745-3984.1984.tb01039.x, eq. 6), negative where the test hardly measures.

R mirt 1.47 defines ``marginal_rxx`` as the mean of I / (I + σ²) over N(0, 1). At σ² = 1 that is `marginal`; at any
other variance (every Rasch, PCM or RSM model) it is no ratio of variances, because I is in units of 1/σ².
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from competency_dx.arrays import Floats, freeze, value
from competency_dx.bank import ItemBank
from competency_dx.calibration import Calibration
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
    check_one_dimension,
    parameters_of,
    scoring_grid,
    source_of,
    sum_score_table,
    uncertain_items,
)
from competency_dx.provenance import Provenance, provenance
from competency_dx.responses import Responses
from competency_dx.result import Result
from competency_dx.scoring.api import scored
from competency_dx.scoring.scores import Scores

if TYPE_CHECKING:
    import pandas as pd

    from competency_dx.display.charts import Chart

DEFAULT_METHOD = EAP()
GRID = 481  # points on ±6 SD, spacing SD / 40
SHOWN = 4.0  # SD on either side that the table and pictures show
SIMULATED = 20_000
SEED = 20_240_901
LEAST = 1e-12


@value
class Reliability(Result):
    """Precision along the scale and reliability coefficients.

    Attributes
    ----------
    posterior, posterior_se : float
        1 - E[Var(θ | answers)] / σ² for complete answers, by 20,000 simulated persons, with its Monte Carlo error.
    sum_score : float
        The same given the sum of points alone.
    marginal : float
        1 - E[1 / (I(θ) + 1/σ²)] / σ².
    likelihood : float
        1 - E[1 / I(θ)] / σ² (Green et al. 1984).
    empirical_eap, empirical_wle : float or None
        In the persons given: var(θ̂) / (var(θ̂) + mean SE²) for EAP, 1 - mean SE² / var(θ̂) for WLE.
    theta : ndarray, shape (Q,)
        Points of the scale within 4 SD of the population's mean, in logits.
    information : ndarray, shape (I, Q)
        Of each item; where item uncertainty is carried, of its averaged curve.
    variance : float
        σ² of the population.
    """

    kind: ClassVar[str] = "reliability"

    items: tuple[str, ...]
    posterior: float
    posterior_se: float
    sum_score: float
    marginal: float
    likelihood: float
    empirical_eap: float | None
    empirical_wle: float | None
    theta: Floats
    information: Floats
    variance: float
    findings: tuple[Finding, ...]
    provenance: Provenance

    def __post_init__(self) -> None:
        freeze(self, theta=np.float64, information=np.float64)

    @property
    def test_information(self) -> Floats:
        """Return I(θ) = Σ_i I_i(θ) (Q,)."""
        return np.asarray(self.information.sum(axis=0))

    @property
    def se(self) -> Floats:
        """Return the conditional standard error 1 / √I(θ) (Q,) of ML and WLE."""
        return np.asarray(1 / np.sqrt(np.maximum(self.test_information, LEAST)))

    @property
    def posterior_sd(self) -> Floats:
        """Return 1 / √(I(θ) + 1/σ²) (Q,), about the standard error of EAP and MAP."""
        return np.asarray(1 / np.sqrt(self.test_information + 1 / self.variance))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per point of the scale: dimension, theta, information, se, posterior_sd, reliability."""
        import pandas as pd

        return pd.DataFrame(
            {
                "dimension": "theta",
                "theta": self.theta,
                "information": self.test_information,
                "se": self.se,
                "posterior_sd": self.posterior_sd,
                "reliability": 1 - self.posterior_sd**2 / self.variance,
            }
        )

    def summary(self) -> Sequence[str]:
        """Return the coefficients and where the test measures best."""
        best = int(self.test_information.argmax())
        given = {"EAP": self.empirical_eap, "WLE": self.empirical_wle}
        found = [f"{name} {x:.3f}" for name, x in given.items() if x is not None]
        return [
            f"Reliability of {len(self.items)} items",
            f"of answer patterns (EAP) {self.posterior:.3f}, of sum scores {self.sum_score:.3f}",
            f"marginal, by information {self.marginal:.3f}; of ML, Green et al. {self.likelihood:.3f}",
            *([f"empirical: {', '.join(found)}"] if found else []),
            f"most information {self.test_information[best]:.2f} at θ = {self.theta[best]:.2f}, SE {self.se[best]:.3f}",
            *worth_a_line(self.findings, 4),
        ]

    @classmethod
    def chart_kinds(cls) -> tuple[str, ...]:
        """Return the kinds of picture: test information, and standard errors."""
        return ("information", "standard_error")

    def chart(self, kind: str) -> Chart:
        """Return I(θ), or the standard errors of ML and of the posterior along the scale."""
        from competency_dx.display.charts import Chart, Series

        if kind == "information":
            line = Series(name="", mark="line", x=self.theta, y=self.test_information)
            return Chart(title="Test information", x_label="θ", y_label="information", series=(line,))
        seen = self.se <= np.sqrt(self.variance) * SHOWN
        lines = (
            Series(name="ML, WLE: 1/√I", mark="line", x=self.theta[seen], y=self.se[seen]),
            Series(name="EAP, MAP: 1/√(I + 1/σ²)", mark="line", x=self.theta, y=self.posterior_sd),
        )
        return Chart(title="Conditional standard error", x_label="θ", y_label="SE", series=lines)


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
    check_one_dimension(parameters, "reliability")
    known = parameters_of(parameters)
    grid = scoring_grid(known, method.points, method.item_uncertainty)
    theta, information, weight = _information(known, method)
    total = information.sum(axis=0)
    variances = _posterior_variances(grid, known)
    s2 = known.variance
    _, sd, probability = sum_score_table(known, grid, np.arange(len(known.items)))
    data = None if responses is None else as_responses(responses, parameters)
    eap, wle = (None, None) if data is None else _empirical(data, parameters, method)
    shown = np.abs(theta - known.mean) <= SHOWN * np.sqrt(s2) * (1 + LEAST)
    out = Reliability(
        items=known.items,
        posterior=float(1 - variances.mean() / s2),
        posterior_se=float(variances.std(ddof=1) / np.sqrt(SIMULATED) / s2),
        sum_score=float(1 - probability @ sd**2 / s2),
        marginal=float(weight @ (total / (total + 1 / s2))),
        likelihood=float(1 - weight @ (1 / np.maximum(total, LEAST)) / s2),
        empirical_eap=None if eap is None else float(eap.reliability[0]),
        empirical_wle=None if wle is None else float(wle.reliability[0]),
        theta=theta[shown],
        information=information[:, shown],
        variance=s2,
        findings=gathered(findings_of(parameters), findings_of(eap), findings_of(wle)),
        provenance=provenance("reliability", _inputs(parameters, eap), _settings(method)),
    )
    announce(out.findings, known=(*findings_of(parameters), *findings_of(data)))
    return out


def _empirical(data: Responses, parameters: ItemBank | Calibration, method: EAP) -> tuple[Scores, Scores]:
    warm = WLE(item_uncertainty=method.item_uncertainty, missing=method.missing)
    return scored(data, parameters, method), scored(data, parameters, warm)


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


def _settings(method: EAP) -> dict[str, str]:
    return {
        "points": str(method.points),
        "item_uncertainty": method.item_uncertainty,
        "missing": method.missing.describe("en"),
        "simulated": f"{SIMULATED} persons, seed {SEED}",
    }
