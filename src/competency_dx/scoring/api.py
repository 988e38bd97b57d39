"""The verb score, and its result: an estimate with its error for every person, in the order of the responses."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Z95, Floats, Ids, Ints, Names, held_to, value
from competency_dx.bank import ItemBank
from competency_dx.display import Chart, Series, code_word, histogram_chart, result_words
from competency_dx.errors import ModelError, ScoringError, checked
from competency_dx.findings import announce, findings_of, gathered, worth_a_line
from competency_dx.persons import DEFAULT_METHOD, EAP, ML, WLE, Method, SumScore, as_calibration, as_responses, by_population, match
from competency_dx.responses import Responses
from competency_dx.result import DataFrame, Outcome, crossed, provenance
from competency_dx.scoring.estimation import NO_RESPONSES, Estimates, estimates, joined, shared_errors

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration
    from competency_dx.classification import ClassCalibration
    from competency_dx.linking import Link

STATUSES = ("ok", "extreme_low", "extreme_high", "no_responses")


@value
class Scores(Outcome):
    """Estimates of P persons on D dimensions.

    Attributes
    ----------
    persons : (P,) In the order of the responses.
    dimensions : D names.
    theta : (P, D) Estimates in logits.
    covariance : (P, D, D) Error covariance; the uncertainty of carried item parameters is in it.
    n_items : (P, D) Answers to items of each dimension.
    status : (P, D) Index into `STATUSES`: ok, extreme_low, extreme_high, no_responses.
    reliability : (D,) Empirical reliability in this group: var(θ̂) / (var(θ̂) + mean SE²) for Bayesian estimates, 1 - mean SE² /
        var(θ̂) for ML and WLE; NaN for a single person.
    """

    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("distribution", "precision")
    method: str
    persons: Annotated[Names, held_to(uniqueItems=True)]
    dimensions: Ids
    theta: Annotated[Floats, held_to("persons", "dimensions")]
    covariance: Annotated[Floats, held_to("persons", "dimensions", "dimensions", covariance=True)]
    n_items: Annotated[Ints, held_to("persons", "dimensions", minimum=0)]
    status: Annotated[NDArray[np.int8], held_to("persons", "dimensions", minimum=0, maximum=3)]
    reliability: Annotated[Floats, held_to("dimensions", maximum=1)]

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:  # noqa: ARG003 - one earlier schema
        """Make lists of what schema 1 says of one competency."""
        return document | {k: [x if isinstance(x, list) else [x] for x in document[k]] for k in ("n_items", "status")}

    @property
    def se(self) -> Floats:
        """Return standard errors (P, D)."""
        return np.asarray(np.sqrt(np.einsum("pdd->pd", self.covariance)))

    def linked(self, link: "Link") -> Self:
        """Return scores on the old scale of a link, its error in theirs; raises `ScoringError` for several or other scales."""
        if len(self.dimensions) > 1 or self.provenance.inputs.get("parameters") != link.provenance.inputs.get("new", ""):
            raise ScoringError("scoring.other_link", dimensions=self.dimensions)
        at = np.concatenate([self.theta, np.ones(self.theta.shape)], axis=1)
        shift = np.einsum("pk,kl,pl->p", at, link.covariance, at)[:, None, None]
        made = provenance("linked", {**self.provenance.inputs, "link": link.provenance.inputs.get("old", "")}, self.provenance.settings)
        return replace(self, theta=link.theta(self.theta), covariance=link.slope**2 * self.covariance + shift, provenance=made)

    def to_frame(self) -> DataFrame:
        """Return one row per person and dimension, input order, with 95 % intervals and status."""
        theta, se, status = self.theta, self.se, np.array(STATUSES, dtype=object)[self.status]
        columns = {"theta": theta, "se": se, "ci_low": theta - Z95 * se, "ci_high": theta + Z95 * se, "n_items": self.n_items}
        return crossed({"person": self.persons}, {"dimension": self.dimensions}, columns | {"status": status})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return size, spread, precision and statuses."""
        say = result_words("scoring", language)
        lines = [say("scores", method=self.method, persons=len(self.persons))]
        for d, name in enumerate(self.dimensions):
            x, se, r = self.theta[:, d], self.se[:, d], float(self.reliability[d])
            facts = {"mean": float(x.mean()), "sd": float(x.std()), "se": float(se.mean()), "reliability": r}
            lines.append(say("moments", name=code_word("dimension", name, language), **facts))
        lines.append(status_line(np.bincount(self.status.ravel(), minlength=len(STATUSES)), language))
        return [*lines, *worth_a_line(self.findings, language=language)]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return a histogram of θ̂ or SE against θ̂ (first dimension)."""
        say, x = result_words("scoring", language), self.theta[:, 0]
        if kind == "precision":
            marks = Series(name="", mark="point", x=x, y=self.se[:, 0])
            return Chart(title=say("precision"), x_label="θ", y_label="SE", series=(marks,))
        return histogram_chart(x, title=say("distribution", n=len(x)), x_label="θ", y_label=say("persons_axis"))


def status_line(counts: Ints, language: str) -> str:
    """Return the numbers of estimates (4,) in each status as a line of a summary."""
    shown = ((code_word("status", s, language), n) for s, n in zip(STATUSES, counts.tolist(), strict=True) if n)
    return result_words("scoring", language)("status", counts=tuple(f"{word} {n}" for word, n in shown))


@checked(ScoringError)
def score(responses: object, parameters: "ItemBank | Calibration | ClassCalibration", *, method: Method = DEFAULT_METHOD) -> Scores:
    """Estimate each person's competencies from the answers, given item parameters.

    Items are matched by id: any subset of the items, in any order, with extra columns, for one person or a million,
    gives the same digits. Persons keep their order; a person without answers keeps a row (the population's mean and SD,
    status ``no_responses``). Several competencies are estimated together with their joint covariance; persons of groups that
    the calibration knows, by the background column it was told, are scored with their group's population.
    Raises `ScoringError` when no item matches or a score is outside an item's categories.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Raw answers are scored with the keys of the bank when one is given.
    parameters : ItemBank, Calibration or ClassCalibration. Where the item parameters and the population come from. With a
        ClassCalibration scores are probabilities of mastery.
    method : EAP, MAP, ML, WLE or SumScore, default EAP()
    """
    data = as_responses(responses, parameters)
    out = scored(data, parameters, method)
    known = () if isinstance(parameters, ItemBank) else parameters.findings
    announce(out.findings, known=(*data.findings, *known))
    return out


def scored(data: Responses, parameters: "ItemBank | Calibration | ClassCalibration", method: Method) -> Scores:
    """Return the scores with their findings, none of which is a Python warning yet."""
    source = parameters if isinstance(parameters, ItemBank) else as_calibration(parameters)
    if source is None:
        return _mastery(data, parameters, method)
    parts: list[Estimates] = []
    findings, rows = gathered(data.findings, findings_of(parameters)), []
    calibration, whole = as_calibration(source), isinstance(method, EAP) and method.item_uncertainty == "all"
    shared = shared_errors(calibration) if whole and calibration is not None and len(calibration.groups) == 1 else None
    for persons, known in by_population(data, source):
        matched = match(data, known, method.missing)
        part, notes = estimates(matched if persons is None else matched.rows(persons), known, method, shared)
        parts.append(part)
        rows.append(persons)
        findings = gathered(findings, matched.findings, notes)
    found = parts[0] if len(parts) == 1 and rows[0] is None else joined(parts, rows)
    if not np.isfinite(found.theta[found.status != NO_RESPONSES]).all():
        raise ModelError("scoring.not_finite", dimensions=known.dimensions)
    settings = {"method": type(method).__name__, "item_uncertainty": method.item_uncertainty, "missing": method.missing.describe("en")}
    settings |= {"points": str(method.points)} if isinstance(method, EAP | SumScore) else {}
    return Scores(
        method=type(method).__name__,
        persons=data.persons,
        dimensions=known.dimensions,
        theta=found.theta,
        covariance=found.covariance,
        n_items=found.n_items,
        status=found.status,
        reliability=np.array([_reliability(found, d, method) for d in range(found.theta.shape[1])]),
        findings=findings,
        provenance=provenance("score", {"responses": found.digest, "parameters": source.digest}, settings),
    )


def _mastery(data: Responses, calibration: Any, method: Method) -> Scores:  # noqa: ANN401 - of that room
    """Return P(mastery) of each person and attribute (P, A) with the posterior covariance of the attributes."""
    from competency_dx.classification import attribute_posteriors

    if not isinstance(method, EAP):
        raise ScoringError("scoring.mastery_method", given=type(method).__name__)
    found = attribute_posteriors(data, calibration, missing=method.missing)
    spread = found.theta.var(axis=0, ddof=1) if len(found.theta) > 1 else np.full(found.theta.shape[1], np.nan)
    error = np.einsum("paa->pa", found.covariance).mean(axis=0)
    n_items = np.repeat(found.n_items[:, None], found.theta.shape[1], axis=1)
    return Scores(
        method="EAP",
        persons=data.persons,
        dimensions=calibration.population.dimensions,
        theta=found.theta,
        covariance=found.covariance,
        n_items=n_items,
        status=np.where(n_items == 0, 3, 0).astype(np.int8),
        reliability=spread / (spread + error),
        findings=found.findings,
        provenance=provenance("score", dict(found.provenance.inputs), dict(found.provenance.settings)),
    )


def _reliability(found: Estimates, d: int, method: Method) -> float:
    """Return the empirical reliability of dimension d."""
    counted = found.status[:, d] == 0 if isinstance(method, ML) else found.status[:, d] != 3
    if counted.sum() < 2:
        return float("nan")
    spread, error = float(found.theta[counted, d].var(ddof=1)), float(found.covariance[counted, d, d].mean())
    if isinstance(method, ML | WLE):
        return 1 - error / spread if spread > 0 else float("nan")
    return spread / (spread + error)
