"""The result of scoring: an estimate with its error for every person, in the order of the responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Z95, Floats, Ints, Names, value
from competency_dx.display import Chart, Series, histogram_chart
from competency_dx.findings import Finding, worth_a_line
from competency_dx.provenance import Provenance
from competency_dx.result import Result, frame

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("ok", "extreme_low", "extreme_high", "no_responses")


@value
class Scores(Result):
    """Estimates of P persons on D dimensions.

    Attributes
    ----------
    persons : ndarray of str, shape (P,)
        In the order of the responses.
    dimensions : tuple of str
        D names.
    theta : ndarray, shape (P, D)
        Estimates in logits.
    covariance : ndarray, shape (P, D, D)
        Error covariance; the uncertainty of carried item parameters is in it.
    n_items : ndarray of int, shape (P, D)
        Answers to items of each dimension.
    status : ndarray of int, shape (P, D)
        Index into `STATUSES`: ok, extreme_low, extreme_high, no_responses.
    reliability : ndarray, shape (D,)
        Empirical reliability in this group: var(θ̂) / (var(θ̂) + mean SE²) for Bayesian estimates,
        1 - mean SE² / var(θ̂) for ML and WLE; NaN for a single person.
    """

    kind: ClassVar[str] = "scores"
    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("distribution", "precision")

    method: str
    persons: Names
    dimensions: tuple[str, ...]
    theta: Floats
    covariance: Floats
    n_items: Ints
    status: NDArray[np.int8]
    reliability: Floats
    findings: tuple[Finding, ...]
    provenance: Provenance

    @property
    def se(self) -> Floats:
        """Return standard errors (P, D)."""
        return np.asarray(np.sqrt(np.einsum("pdd->pd", self.covariance)))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per person and dimension, input order, with 95 % intervals and status."""
        D = len(self.dimensions)
        theta, se = self.theta.ravel(), self.se.ravel()
        return frame(
            person=np.repeat(self.persons, D),
            dimension=np.tile(np.array(self.dimensions, dtype=object), len(self.persons)),
            theta=theta,
            se=se,
            ci_low=theta - Z95 * se,
            ci_high=theta + Z95 * se,
            n_items=self.n_items.ravel(),
            status=np.array(STATUSES, dtype=object)[self.status.ravel()],
        )

    def summary(self) -> Sequence[str]:
        """Return size, spread, precision and statuses."""
        lines = [f"{self.method} scores of {len(self.persons)} persons"]
        for d, name in enumerate(self.dimensions):
            x, se = self.theta[:, d], self.se[:, d]
            lines.append(
                f"{name}: mean {x.mean():.3f}, SD {x.std():.3f}, mean SE {se.mean():.3f}, "
                f"reliability {self.reliability[d]:.3f}"
            )
        counts = np.bincount(self.status.ravel(), minlength=len(STATUSES))
        lines.append("status: " + ", ".join(f"{s} {n}" for s, n in zip(STATUSES, counts, strict=True) if n))
        lines += worth_a_line(self.findings)
        return lines

    def chart(self, kind: str) -> Chart:
        """Return a histogram of θ̂ or SE against θ̂ (first dimension)."""
        x = self.theta[:, 0]
        if kind == "precision":
            marks = Series(name="", mark="point", x=x, y=self.se[:, 0])
            return Chart(title="Standard error against estimate", x_label="θ", y_label="SE", series=(marks,))
        return histogram_chart(x, title=f"Distribution of {len(x)} estimates", x_label="θ")
