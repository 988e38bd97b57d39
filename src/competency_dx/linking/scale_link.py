"""What links two scales: the constants, their error, and what each common item says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from competency_dx.arrays import Floats, value
from competency_dx.display import Chart, Series, result_words
from competency_dx.findings import Finding, worth_a_line
from competency_dx.models import ItemParameters
from competency_dx.provenance import Provenance
from competency_dx.result import DataFrame, Result, frame
from competency_dx.schemas import Ids, held_to


@value
class Link(Result):
    """θ on the old scale = `slope` θ on the new one + `intercept`, from I common items.

    Attributes
    ----------
    covariance : ndarray, shape (2, 2)
        Of slope and intercept.
    drift, robust_z : ndarray, shape (I,)
        Mean difficulty in the old calibration less the linked one of the new, and how far off it is: less the median, over 1.4826
        times the median absolute deviation.
    effect : ndarray, shape (I,)
        By how much the linked mean of the new population would change without the item, in θ of the old scale.
    parameters : ItemParameters
        All items of the new calibration on the old scale.
    """

    kind: ClassVar[str] = "link"
    pictures: ClassVar[tuple[str, ...]] = ("drift",)

    method: str
    items: Ids
    slope: float
    intercept: float
    covariance: Annotated[Floats, held_to(2, 2)]
    drift: Annotated[Floats, held_to("items")]
    robust_z: Annotated[Floats, held_to("items")]
    effect: Annotated[Floats, held_to("items")]
    parameters: ItemParameters
    findings: tuple[Finding, ...]
    provenance: Provenance

    @property
    def error(self) -> float:
        """Return the standard error of the linked mean of the new population: the `linking_error` of `measure_growth`."""
        mean = (self.parameters.mean - self.intercept) / self.slope
        at = np.array([mean, 1.0])
        return float(np.sqrt(at @ self.covariance @ at))

    def theta(self, new: ArrayLike) -> Floats:
        """Return θ of the new scale on the old one."""
        return self.slope * np.asarray(new, dtype=np.float64) + self.intercept

    def to_frame(self) -> DataFrame:
        """Return one row per common item: item, drift, robust_z, effect."""
        return frame(item=self.items, drift=self.drift, robust_z=self.robust_z, effect=self.effect)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the constants with their errors, and the item that moved most."""
        say, se = result_words("linking", language), np.sqrt(np.diag(self.covariance))
        k = int(np.argmax(np.abs(self.robust_z)))
        return [
            say("head", items=len(self.items), method=self.method),
            say("constants", slope=self.slope, se_slope=se[0], intercept=self.intercept, se_intercept=se[1], error=self.error),
            say("largest", item=self.items[k], drift=float(self.drift[k]), z=float(self.robust_z[k])),
            *worth_a_line(self.findings, language=language),
        ]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the drift of every common item."""
        say, at = result_words("linking", language), np.arange(float(len(self.items)))
        series = Series(name="", mark="point", x=self.drift[::-1], y=at)
        return Chart(title=say("title"), x_label=say("axis"), y_label="", series=(series,), y_names=self.items[::-1], x_lines=(0.0,))
