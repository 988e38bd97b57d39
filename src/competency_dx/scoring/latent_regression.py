"""Latent regression with known item parameters: θ_p ~ N(x_pᵀγ, σ²), estimated from the answers in one stage; its covariates.

The marginal likelihood Π_p ∫ f(y_p | θ) N(θ; x_pᵀγ, σ²) dθ is maximised by EM steps (Mislevy 1985, doi:10.1080/01621459.1985.10478215,
eq. 15-16; Adams, Wilson & Wu 1997, doi:10.3102/10769986022001047) and Newton steps. The observed information is in closed form (Louis
1982, doi:10.1111/j.2517-6161.1982.tb01203.x, eq. 3.1-3.2): complete-data information less the posterior covariance of the complete-data
score. Regressing estimates of θ on x would shrink γ by the reliability; here no estimate of θ stands between the answers and γ.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import numpy as np

from competency_dx.arrays import Count, Floats, Ids, NotNegative, held_to, value
from competency_dx.errors import ConvergenceError, ScoringError
from competency_dx.persons import PERSON, ExactPosterior
from competency_dx.responses import Responses

MOST_STEPS = 200
TOLERANCE = 1e-8  # squared length of the last Newton step in units of the standard errors
RANK = 1e-9
FARTHEST = 1.0  # a Newton step must not change log σ² by more


class Covariates(NamedTuple):
    """Names of the F columns and the design matrix (P, F), a constant first."""

    names: tuple[str, ...]
    matrix: Floats


@value
class LatentRegression:
    """Regression of the competency on covariates, θ_p ~ N(x_pᵀγ, σ²), estimated in one stage from the answers.

    Attributes
    ----------
    names : F columns of the design: the constant, numeric covariates, categories against the first in alphabetical order.
    coefficients : (F,) γ in logits.
    residual_variance : σ² in squared logits.
    covariance : (F + 1, F + 1) Covariance of (γ, log σ²), the inverse of the observed information.
    log_likelihood : Marginal, at the estimates; comparable between sets of covariates on the same answers and item parameters.
    iterations : EM and Newton steps taken.
    """

    names: Ids
    coefficients: Annotated[Floats, held_to("names")]
    residual_variance: NotNegative
    covariance: Annotated[Floats, held_to("names+1", "names+1", covariance=True)]
    log_likelihood: float
    iterations: Count

    @property
    def se(self) -> Floats:
        """Return standard errors of the coefficients (F,)."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)[:-1]))


def design_of(conditioning: Any, data: Responses) -> Covariates:  # noqa: ANN401 - a frame, or names of background columns
    """Return the design matrix of the persons of `data`, in their order.

    A frame has a column `person`, or ids in its index (pandas), one row per person, in any order; further rows are ignored.
    Raises `ScoringError` when persons or columns are absent, or covariates have missing values.
    """
    if isinstance(conditioning, str):
        raise ScoringError("scoring.conditioning_one_text", conditioning=conditioning)
    if isinstance(conditioning, Sequence):
        if absent := [name for name in map(str, conditioning) if name not in data.background]:
            raise ScoringError("scoring.conditioning_absent", absent=absent, background=data.background)
        columns = {name: data.background[name].tolist() for name in conditioning}
    else:
        columns = _framed(conditioning, data)
    if not columns:
        raise ScoringError("scoring.conditioning_empty")
    names, parts = ["constant"], [np.ones(len(data.persons))]
    for name, cells in columns.items():
        for label, part in _coded(name, cells, data):
            names.append(label)
            parts.append(part)
    return Covariates(tuple(names), np.column_stack(parts))


def _framed(frame: Any, data: Responses) -> dict[str, list[Any]]:  # noqa: ANN401 - any frame
    import narwhals.stable.v2 as nw

    try:
        frame = nw.from_native(frame, eager_only=True).to_pandas()  # of pandas as it is, with its index
    except TypeError:
        raise ScoringError("scoring.conditioning_type", given=type(frame).__name__) from None
    row = {str(person): k for k, person in enumerate(frame[PERSON] if PERSON in frame.columns else frame.index)}
    if len(row) < len(frame):
        raise ScoringError("scoring.conditioning_rows")
    if absent := [p for p in data.persons if p not in row]:
        raise ScoringError("scoring.conditioning_no_row", absent=absent, person=PERSON)
    rows = [row[p] for p in data.persons]
    return {str(n): frame[n].iloc[rows].tolist() for n in frame.columns if n != PERSON}


def _coded(name: str, cells: list[Any], data: Responses) -> list[tuple[str, Floats]]:
    """Return a covariate as columns: numbers as they are, texts as indicators of all categories but the first."""
    if missing := [p for p, cell in zip(data.persons, cells, strict=True) if cell is None or cell == "" or cell != cell]:  # noqa: PLR0124 - NaN
        raise ScoringError("scoring.covariate_missing", name=name, missing=missing)
    with suppress(ValueError):
        numbers = np.array([float(cell) for cell in cells])
        if np.isfinite(numbers).all():
            return [(name, numbers)]
    texts = np.array([str(cell) for cell in cells], dtype=object)
    return [(f"{name}={level}", (texts == level).astype(float)) for level in sorted(set(texts))[1:]]


class RegressionFit(NamedTuple):
    """A latent regression, its estimates as (γ, log σ²) (F + 1,), and the SD of the narrowest posterior."""

    regression: LatentRegression
    estimate: Floats
    narrowest: float

    def drawn(self, n: int, rng: np.random.Generator) -> Floats:
        """Return n draws of (γ, log σ²) (n, F + 1) from their asymptotic normal distribution."""
        move = rng.standard_normal((n, len(self.estimate)))
        return np.asarray(self.estimate + move @ np.linalg.cholesky(self.regression.covariance).T)


class _State(NamedTuple):
    """Log-likelihood, score (F + 1,) and observed information (F + 1, F + 1) in (γ, log σ²), and the next EM values."""

    log_likelihood: float
    score: Floats
    information: Floats
    em: Floats
    narrowest: float


def fit_latent_regression(flat: ExactPosterior, covariates: Covariates) -> RegressionFit:
    """Return the maximum likelihood estimates of γ (F,) and σ² for a design matrix (P, F) and the posterior under a flat population.

    Raises `ScoringError` when covariates are linearly dependent, `ConvergenceError` when 200 steps do not reach the maximum.
    """
    names, design = covariates
    scale = np.sqrt((design**2).sum(axis=0))
    R = np.linalg.qr(design / np.where(scale > 0, scale, 1.0))[1]
    bad = np.flatnonzero(np.abs(np.diagonal(R)) < RANK)
    if len(design) <= design.shape[1] or bad.size:
        raise ScoringError("scoring.covariates_dependent", bad=[names[f] for f in bad], n_design=len(design))
    centre, spread = float(flat.tables.theta.mean()), float(np.ptp(flat.tables.theta)) / 12
    now = np.append(np.linalg.lstsq(design, np.full(len(design), centre), rcond=None)[0], 2 * np.log(spread))
    state = _evaluate(flat, design, now)
    for step in range(1, MOST_STEPS + 1):
        now, state, length = _next(flat, design, now, state)
        if length < TOLERANCE:
            estimates = {"coefficients": now[:-1], "covariance": np.linalg.inv(state.information).astype(np.float64)}
            variance, ll = float(np.exp(now[-1])), state.log_likelihood
            found = LatentRegression(names=names, residual_variance=variance, log_likelihood=ll, iterations=step, **estimates)
            return RegressionFit(found, now, state.narrowest)
    raise ConvergenceError("scoring.regression_steps", state=state, names=names, most_steps=MOST_STEPS)


def _next(flat: ExactPosterior, design: Floats, now: Floats, state: _State) -> tuple[Floats, _State, float]:
    """Return the point, state and squared length of a Newton step where it climbs, else of an EM step."""
    with suppress(np.linalg.LinAlgError):
        np.linalg.cholesky(state.information)
        move = np.linalg.solve(state.information, state.score)
        tried = _evaluate(flat, design, now + move) if abs(move[-1]) < FARTHEST else None
        if tried is not None and tried.log_likelihood >= state.log_likelihood - 1e-9 * abs(state.log_likelihood):
            return now + move, tried, float(state.score @ move)
    return state.em, _evaluate(flat, design, state.em), np.inf


def under_normals(flat: ExactPosterior, mean: Floats, variance: float) -> ExactPosterior:
    """Return the posterior with N(mean_p, variance) as the population of each person, for means (P,)."""
    return replace(flat, answers=flat.answers._replace(normal=np.stack([mean, np.full(len(mean), np.sqrt(variance))], axis=1)))


def _evaluate(flat: ExactPosterior, design: Floats, at: Floats) -> _State:
    """Return log-likelihood, score, observed information and EM step at (γ, log σ²)."""
    variance, mean, theta = float(np.exp(at[-1])), design @ at[:-1], flat.tables.theta
    moments, evidence = np.empty((4, len(mean))), np.empty(len(mean))

    def one(block: slice, weight: Floats, log_scale: Floats) -> None:
        n = block.stop - block.start
        total = weight[:n].sum(axis=1)
        evidence[block] = np.log(total) + log_scale[:n]
        e, power = theta - mean[block][:, None], weight[:n] / total[:, None]
        for k in range(4):
            power = power * e
            moments[k, block] = power.sum(axis=1)

    under_normals(flat, mean, variance).each(one)
    spacing = float(np.log(theta[1] - theta[0]))
    first, second, third, fourth = moments  # of the residual
    X, v = design, variance
    g_tau = float((second / v - 1).sum()) / (2 * v)
    score = np.append(X.T @ first / v, v * g_tau)
    spread = np.maximum(second - first**2, 0.0)
    by_gamma = (X * (1 / v - spread / v**2)[:, None]).T @ X
    cross = X.T @ (first / v**2 - (third - first * second) / (2 * v**3))
    by_tau = float((second / v**3 - 1 / (2 * v**2) - (fourth - second**2) / (4 * v**4)).sum())
    information = np.block([[by_gamma, v * cross[:, None]], [v * cross[None], v**2 * by_tau - v * g_tau]])
    gamma = np.linalg.lstsq(X, mean + first, rcond=None)[0]
    shift = mean - X @ gamma
    em = np.append(gamma, np.log(float((second + 2 * shift * first + shift**2).mean())))
    return _State(float(evidence.sum()) + len(mean) * spacing, score, information, em, float(np.sqrt(spread.min())))
