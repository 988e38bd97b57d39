"""The result of scoring: an estimate with its error for every person, in the order of the responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Z95, Floats, Ints, Names, value
from competency_dx.display import Chart, Series, code_word, histogram_chart, result_words
from competency_dx.errors import ScoringError
from competency_dx.findings import Finding, worth_a_line
from competency_dx.provenance import Provenance, provenance
from competency_dx.result import DataFrame, Result, crossed
from competency_dx.schemas import Ids, held_to

if TYPE_CHECKING:
    from competency_dx.linking import Link

STATUSES = ("ok", "extreme_low", "extreme_high", "no_responses")


@value
class Scores(Result):
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

    kind: ClassVar[str] = "scores"
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
    findings: tuple[Finding, ...]
    provenance: Provenance

    @classmethod
    def _lifted(cls, document: dict[str, Any], version: int) -> dict[str, Any]:  # noqa: ARG003 - one earlier schema
        """Make lists of what schema 1 says of one competency."""
        return document | {k: [x if isinstance(x, list) else [x] for x in document[k]] for k in ("n_items", "status")}

    @property
    def se(self) -> Floats:
        """Return standard errors (P, D)."""
        return np.asarray(np.sqrt(np.einsum("pdd->pd", self.covariance)))

    def linked(self, link: Link) -> Self:
        """Return scores on the old scale of a link, its error in theirs; raises `ScoringError` for several or other scales."""
        if len(self.dimensions) > 1 or self.provenance.inputs.get("parameters") != link.provenance.inputs["new"]:
            raise ScoringError("scoring.other_link", dimensions=self.dimensions)
        at = np.concatenate([self.theta, np.ones(self.theta.shape)], axis=1)
        shift = np.einsum("pk,kl,pl->p", at, link.covariance, at)[:, None, None]
        made = provenance("linked", {**self.provenance.inputs, "link": link.provenance.inputs["old"]}, self.provenance.settings)
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
