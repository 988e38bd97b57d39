"""Plausible values: draws from each person's posterior, with or without a conditioning model.

A plausible value is a draw from p(θ | answers, covariates) (Mislevy 1991, doi:10.1007/BF02294457): statistics of groups
computed from draws and pooled by Rubin's rules are free of the bias that estimates of persons bring into them. With a
conditioning model the population is N(x_pᵀγ, σ²), γ and σ² estimated in one stage and drawn anew for every set from their
asymptotic normal distribution, so that their uncertainty is in the spread between sets.

By Rubin's rules the results of analyses repeated on plausible values become one estimate with an honest error: Rubin (1987),
Multiple Imputation for Nonresponse in Surveys, doi:10.1002/9780470316696, eq. 3.1.2-3.1.10; small samples by Barnard & Rubin
(1999), doi:10.1093/biomet/86.4.948, eq. 3-5.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from competency_dx import persons
from competency_dx.arrays import Count, Floats, Ids, Names, held_to, value
from competency_dx.bank import ItemBank
from competency_dx.display import Chart, code_word, histogram_chart, interval_chart, result_words
from competency_dx.errors import ScoringError, checked
from competency_dx.findings import Template, announce, findings_of, gathered, worth_a_line
from competency_dx.models import ItemParameters
from competency_dx.persons import DEFAULT_METHOD, EAP, ExactPosterior, Matched, as_responses, match, parameters_of, posterior_of
from competency_dx.result import DataFrame, Outcome, crossed, digest_arrays, frame, provenance
from competency_dx.scoring.latent_regression import LatentRegression, design_of, fit_latent_regression, under_normals

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration
    from competency_dx.scoring.latent_regression import Covariates, RegressionFit

LIMIT = 1e12  # degrees of freedom from which t is normal to the last digit
LEAST = 1e-9
UPPER = 0.975
Shape = Literal["long", "wide"]
KEY_BYTES = 16
EDGE = 1 / 24  # share of the scale at either end, half an SD, that draws should not reach
DRAWS_AT_THE_END = Template("scoring.draws_at_the_end")


@value
class Pooled(Outcome):
    """F estimates pooled over M data sets; every array has the shape (F,).

    Attributes
    ----------
    names : What is estimated.
    sets : Number of data sets M.
    estimate : Mean of the M estimates.
    within, between, total : Mean sampling variance W, variance B of the estimates, T = W + (1 + 1/M) B.
    df : Degrees of freedom of the t distribution of (estimate - truth) / √T, at most 1e12.
    fmi : Fraction of information missing because θ is not observed, (r + 2/(df + 3)) / (r + 1), r = (1 + 1/M) B / W.
    """

    pictures: ClassVar[tuple[str, ...]] = ("estimates",)
    names: Ids
    sets: Count
    estimate: Annotated[Floats, held_to("names")]
    within: Annotated[Floats, held_to("names", minimum=0)]
    between: Annotated[Floats, held_to("names", minimum=0)]
    total: Annotated[Floats, held_to("names", minimum=0)]
    df: Annotated[Floats, held_to("names", exclusiveMinimum=0)]
    fmi: Annotated[Floats, held_to("names", minimum=0, maximum=1)]

    @property
    def se(self) -> Floats:
        """Return standard errors √T (F,)."""
        return np.asarray(np.sqrt(self.total))

    @property
    def interval(self) -> Floats:
        """Return 95 % intervals (F, 2)."""
        from scipy.special import stdtrit

        half = stdtrit(self.df, UPPER) * self.se
        return np.stack([self.estimate - half, self.estimate + half], axis=1)

    def to_frame(self) -> DataFrame:
        """Return one row per estimate with its error, degrees of freedom, interval and parts of the variance."""
        low, high = self.interval.T
        columns = {"quantity": self.names, "estimate": self.estimate, "se": self.se, "df": self.df}
        parts = {"within": self.within, "between": self.between, "total": self.total, "fmi": self.fmi}
        return frame(**columns, ci_low=low, ci_high=high, **parts)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the estimates with standard errors and intervals."""
        say = result_words("scoring", language)
        rows = zip(self.names, *(x.tolist() for x in (self.estimate, self.se, *self.interval.T, self.fmi)), strict=True)
        lines = (say("pooled_row", name=n, b=b, se=se, low=lo, high=hi, fmi=f) for n, b, se, lo, hi, f in rows)
        return [say("pooled", n=self.sets), *lines]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the estimates with 95 % intervals."""
        say, at = result_words("scoring", language), (self.estimate, *self.interval.T)
        return interval_chart(self.names, at, title=say("pooled_title"), x_label=say("pooled_axis"))


@checked(ScoringError)
def pool(estimates: ArrayLike, variances: ArrayLike, *, names: Sequence[str] | None = None, df: float = np.inf) -> Pooled:
    """Pool the results of the same analysis on M data sets.

    Raises `ScoringError` when shapes do not fit, there are fewer than two sets, or a variance is negative or not a number.

    Parameters
    ----------
    estimates : array_like, shape (M,) or (M, F). Estimates of each data set.
    variances : array_like, shape (M,) or (M, F). Their sampling variances (squared standard errors).
    names : Names of the F estimates.
    df : Degrees of freedom of the analysis of one complete data set, such as the number of persons less the number of coefficients;
        infinite gives Rubin's large-sample rule.

    Examples
    --------
    >>> pool([0.51, 0.47, 0.55], [0.01, 0.01, 0.01]).estimate
    array([0.51])
    """
    try:
        Q, U = (np.asarray(x, dtype=np.float64) for x in (estimates, variances))
    except (TypeError, ValueError, OverflowError):
        raise ScoringError("scoring.pooled_numbers") from None
    Q, U = (x[:, None] if x.ndim == 1 else x for x in (Q, U))
    if Q.shape != U.shape or Q.ndim != 2 or len(Q) < 2:
        raise ScoringError("scoring.pooled_shapes", shape=Q.shape, shape2=U.shape)
    labels = tuple(f"Q{f + 1}" for f in range(Q.shape[1])) if names is None else tuple(map(str, names))
    if len(labels) != Q.shape[1]:
        raise ScoringError("scoring.pooled_names", n_names=len(labels), shape=Q.shape[1])
    if not np.isfinite(Q).all() or not np.isfinite(U).all() or (U < 0).any():
        raise ScoringError("scoring.pooled_numbers")
    if not df > 0:
        raise ScoringError("scoring.degrees_of_freedom", df=df)
    M = len(Q)
    within, between = U.mean(axis=0), Q.var(axis=0, ddof=1)
    extra = (1 + 1 / M) * between
    total = within + extra
    share = np.divide(extra, total, out=np.zeros_like(total), where=total > 0)
    old = (M - 1) / np.maximum(share, LEAST) ** 2  # degrees of freedom of Rubin, then of Barnard & Rubin
    rest = 0.0 if np.isinf(df) else 1 / np.maximum((df + 1) / (df + 3) * df * (1 - share), LEAST)
    nu = np.minimum(1 / (1 / old + rest), LIMIT)
    made = provenance("pool", {"estimates": digest_arrays(Q), "variances": digest_arrays(U)}, {"df": str(df)})
    parts = {"within": within, "between": between, "total": total}
    numbers = {"estimate": Q.mean(axis=0), "df": nu, "fmi": share + (1 - share) * 2 / (nu + 3)}
    return Pooled(names=labels, sets=M, **numbers, **parts, findings=(), provenance=made)


@value
class PlausibleValues(Outcome):
    """Draws of P persons, n sets, D dimensions.

    Attributes
    ----------
    persons : (P,) In the order of the responses.
    dimensions : D names.
    values : (P, n, D) Plausible values in logits; ``values[:, m]`` is one data set to analyse, the n results go to `pool`.
    regression : The conditioning model.
    """

    pictures: ClassVar[tuple[str, ...]] = ("distribution",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    dimensions: Ids
    values: Annotated[Floats, held_to("persons", "N", "dimensions")]
    regression: LatentRegression | None

    @property
    def n(self) -> int:
        """Return the number of sets."""
        return int(self.values.shape[1])

    def to_frame(self, *, shape: Shape = "long") -> DataFrame:
        """Return one row per person, set and dimension (long), or one per person with columns ``theta_pv1`` … (wide)."""
        if shape not in get_args(Shape):
            raise ScoringError("scoring.shape", shape=shape)
        if shape == "wide":
            sets = {f"{d}_pv{m + 1}": self.values[:, m, k] for k, d in enumerate(self.dimensions) for m in range(self.n)}
            return frame(person=self.persons, **sets)
        P, n, D = self.values.shape
        persons, number = np.repeat(self.persons, n), np.tile(np.arange(1, n + 1), P)
        return crossed({"person": persons, "set": number}, {"dimension": self.dimensions}, {"value": self.values.reshape(P * n, D)})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return size, spread of the draws and the conditioning model."""
        say = result_words("scoring", language)
        lines = [say("plausible", n=self.n, persons=len(self.persons))]
        for name, x in zip(self.dimensions[:4], self.values.transpose(2, 0, 1), strict=False):
            word = code_word("dimension", name, language)
            lines.append(say("plausible_moments", name=word, mean=float(x.mean()), sd=float(x.std())))
        if (model := self.regression) is None:
            lines.append(say("unconditional"))
        else:
            names = (say("constant") if name == "constant" else name for name in model.names)
            rows = zip(names, model.coefficients.tolist(), model.se.tolist(), strict=True)
            lines.append(say("conditioning", terms=tuple(say("term", name=m, b=b, se=se) for m, b, se in rows)))
            lines.append(say("residual", variance=model.residual_variance, ll=model.log_likelihood))
        return [*lines, *worth_a_line(self.findings, 4, language=language)]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the histogram of all draws (first dimension), as persons per set."""
        say, draws = result_words("scoring", language), self.values[:, :, 0].ravel()
        return histogram_chart(draws, title=say("plausible_title"), x_label="θ", y_label=say("persons_axis"), sets=self.n)


@checked(ScoringError)
def plausible_values(
    responses: object,
    parameters: "ItemBank | Calibration",
    *,
    n: int = 10,
    rng: np.random.Generator,
    conditioning: Any = None,  # noqa: ANN401 - a frame of covariates, or names of background columns
    method: EAP = DEFAULT_METHOD,
) -> PlausibleValues:
    """Draw plausible values from the posterior of every person.

    From `rng` a key of 128 bits is taken first, then the draws of (γ, σ²). The uniforms of a person are the output of
    SHAKE-128 for the key and the person's id: without `conditioning` the values of a person depend on the seed, the own
    id and the own answers alone, on nobody else in the table, its order or the number of sets. Under a conditioning
    model they depend on the others through γ and σ² only.
    Raises `ScoringError` when covariates are missing, dependent, or belong to other persons; when no item matches.

    Parameters
    ----------
    responses : Responses, data frame, array or path
    parameters : Item parameters, held fixed, and the population where there is no conditioning model.
    n : Number of sets.
    rng : Source of randomness; the same state gives the same bytes.
    conditioning : Covariates of the persons: a frame with a column ``person`` (or ids as index), or names of background columns of the
        responses. Every statistic computed from the values later should have its variables here; what is left out is shrunk towards
        nothing. Texts become indicators.
    method : Support points, carried item uncertainty and the policy for missing answers.
    """
    if n < 1:
        raise ScoringError("scoring.number_of_sets", n=n)
    if conditioning is not None:
        persons.check_one_dimension(parameters, "plausible_values with conditioning=")
    known = parameters_of(parameters)
    matched = match(as_responses(responses, parameters), known, method.missing)
    design = None if conditioning is None else design_of(conditioning, matched.data)
    D, key = len(known.dimensions), rng.bytes(KEY_BYTES)
    uniform = persons.uniforms(key, matched.persons, n * D).reshape(-1, n, D)
    settings = {"n": str(n), "stream": key.hex(), "item_uncertainty": method.item_uncertainty, "missing": method.missing.describe("en")}
    settings |= {"conditioning": "none" if design is None else ", ".join(design.names)}
    fit, ends = None, DRAWS_AT_THE_END.about(())
    if D > 1:
        values = posterior_of(matched, known, method).transformed(uniform)
    else:
        flat, fit = _model(matched, known, method, design)
        theta = flat.tables.theta
        settings |= {"points": str(len(theta))}
        values = _drawn(flat, known, uniform, design, None if fit is None else fit.drawn(n, rng))
        far = (values < theta[0] + EDGE * np.ptp(theta)) | (values > theta[-1] - EDGE * np.ptp(theta))
        ends = DRAWS_AT_THE_END.about(matched.persons[far.any(axis=(1, 2))])
    inputs = {"responses": digest_arrays(matched.codes, np.packbits(matched.observed)), "parameters": parameters.digest}
    inputs |= {} if design is None else {"covariates": digest_arrays(design.matrix)}
    out = PlausibleValues(
        persons=matched.data.persons,
        dimensions=known.dimensions if D > 1 else ("theta",),
        values=values,
        regression=None if fit is None else fit.regression,
        findings=gathered(matched.data.findings, findings_of(parameters), matched.findings, ends),
        provenance=provenance("plausible_values", inputs, settings),
    )
    carried = () if isinstance(parameters, ItemBank) else parameters.findings
    announce(out.findings, known=(*matched.data.findings, *carried))
    return out


def _model(
    matched: Matched, known: ItemParameters, method: EAP, design: "Covariates | None"
) -> "tuple[ExactPosterior, RegressionFit | None]":
    """Return the posterior under a flat population on a grid fine enough for draws, and the latent regression on covariates."""
    # the grid is that of scoring with its spacing halved, again as long as it is above half the narrowest posterior SD
    intervals = len(persons.scoring_grid(known, method.points, method.item_uncertainty).theta) - 1
    for doublings in (1, 2, 3, 4):
        tables = persons.scoring_grid(known, intervals * 2**doublings + 1, method.item_uncertainty)
        tables = tables._replace(log_weight=np.zeros_like(tables.log_weight))
        flat = persons.posterior_on(matched, known, tables, executor=method.executor)
        if design is None:
            return flat, None
        fit = fit_latent_regression(flat, design)
        if tables.theta[1] - tables.theta[0] <= fit.narrowest / 2:
            break
    return flat, fit


def _drawn(flat: ExactPosterior, known: ItemParameters, uniform: Floats, design: "Covariates | None", drawn: Floats | None) -> Floats:
    """Return draws (P, n, 1): under the population of the item parameters, or every set under its own draw of (γ, log σ²)."""
    if design is None or drawn is None:
        return under_normals(flat, np.full(len(uniform), known.mean), known.variance).transformed(uniform)
    sets = (under_normals(flat, design.matrix @ at[:-1], float(np.exp(at[-1]))) for at in drawn)
    return np.concatenate([one.transformed(uniform[:, m : m + 1]) for m, one in enumerate(sets)], axis=1)
