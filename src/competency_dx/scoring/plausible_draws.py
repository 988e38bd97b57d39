"""Plausible values: draws from each person's posterior, with or without a conditioning model.

A plausible value is a draw from p(θ | answers, covariates) (Mislevy 1991, doi:10.1007/BF02294457): statistics of groups
computed from draws and pooled by Rubin's rules are free of the bias that estimates of persons bring into them. With a
conditioning model the population is N(x_pᵀγ, σ²), γ and σ² estimated in one stage and drawn anew for every set from their
asymptotic normal distribution, so that their uncertainty is in the spread between sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

import numpy as np

from competency_dx import persons
from competency_dx.arrays import Floats, Names, value
from competency_dx.bank import ItemBank
from competency_dx.display import Chart, code_word, histogram_chart, result_words
from competency_dx.errors import ScoringError, checked
from competency_dx.findings import Finding, Template, announce, findings_of, gathered, worth_a_line
from competency_dx.models import ItemParameters
from competency_dx.persons import EAP, ExactPosterior, Matched, as_responses, match, parameters_of, posterior_of
from competency_dx.provenance import Provenance, digest_arrays, provenance
from competency_dx.result import DataFrame, Result, crossed, frame
from competency_dx.schemas import Ids, held_to
from competency_dx.scoring.latent_regression import LatentRegression, design_of, fit_latent_regression, under_normals

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration
    from competency_dx.scoring.latent_regression import Covariates, RegressionFit

Shape = Literal["long", "wide"]
DEFAULT_METHOD = EAP()
KEY_BYTES = 16
EDGE = 1 / 24  # share of the scale at either end, half an SD, that draws should not reach
DRAWS_AT_THE_END = Template("scoring.draws_at_the_end")


@value
class PlausibleValues(Result):
    """Draws of P persons, n sets, D dimensions.

    Attributes
    ----------
    persons : ndarray of str, shape (P,)
        In the order of the responses.
    dimensions : tuple of str
        D names.
    values : ndarray, shape (P, n, D)
        Plausible values in logits; ``values[:, m]`` is one data set to analyse, the n results go to `pool`.
    regression : LatentRegression or None
        The conditioning model.
    """

    kind: ClassVar[str] = "plausible_values"
    pictures: ClassVar[tuple[str, ...]] = ("distribution",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    dimensions: Ids
    values: Annotated[Floats, held_to("persons", "N", "dimensions")]
    regression: LatentRegression | None
    findings: tuple[Finding, ...]
    provenance: Provenance

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
    responses: Any,  # noqa: ANN401 - Responses, or any table that load_responses reads
    parameters: ItemBank | Calibration,
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
    parameters : ItemBank or Calibration
        Item parameters, held fixed, and the population where there is no conditioning model.
    n : int
        Number of sets.
    rng : numpy.random.Generator
        Source of randomness; the same state gives the same bytes.
    conditioning : data frame or sequence of str, optional
        Covariates of the persons: a frame with a column ``person`` (or ids as index), or names of background columns of
        the responses. Every statistic computed from the values later should have its variables here; what is left out
        is shrunk towards nothing. Texts become indicators.
    method : EAP
        Support points, carried item uncertainty and the policy for missing answers.
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
    matched: Matched, known: ItemParameters, method: EAP, design: Covariates | None
) -> tuple[ExactPosterior, RegressionFit | None]:
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


def _drawn(flat: ExactPosterior, known: ItemParameters, uniform: Floats, design: Covariates | None, drawn: Floats | None) -> Floats:
    """Return draws (P, n, 1): under the population of the item parameters, or every set under its own draw of (γ, log σ²)."""
    if design is None or drawn is None:
        return under_normals(flat, np.full(len(uniform), known.mean), known.variance).transformed(uniform)
    sets = (under_normals(flat, design.matrix @ at[:-1], float(np.exp(at[-1]))) for at in drawn)
    return np.concatenate([one.transformed(uniform[:, m : m + 1]) for m, one in enumerate(sets)], axis=1)
