"""The result of a rotation: loadings with standard errors, and the dimensions they turn to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from competency_dx.arrays import Floats, freeze, value
from competency_dx.provenance import Provenance
from competency_dx.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from competency_dx.display.charts import Chart

LEADING = 5


@value
class FactorSolution(Result):
    """Rotated loadings of an exploratory calibration.

    Attributes
    ----------
    items, dimensions : tuple of str
    rotation : str
    loadings, standard_errors : ndarray, shape (I, D)
        Pattern loadings λ, and their standard errors by the delta method, the rotation taken as a function of the estimates.
    slopes : ndarray, shape (I, D)
        a in logits on the rotated dimensions.
    correlations : ndarray, shape (D, D)
        Of the rotated dimensions.
    transformation : ndarray, shape (D, D)
        T: rotated dimensions are Tᵀ θ.
    communalities : ndarray, shape (I,)
        Share of what lies behind an answer that the dimensions explain; the same under every rotation.
    gradient : float
        Size of the projected gradient of the criterion, zero at its minimum.
    """

    kind: ClassVar[str] = "factor_solution"

    items: tuple[str, ...]
    dimensions: tuple[str, ...]
    rotation: str
    loadings: Floats
    standard_errors: Floats
    slopes: Floats
    correlations: Floats
    transformation: Floats
    communalities: Floats
    gradient: float
    provenance: Provenance

    def __post_init__(self) -> None:
        freeze(self, loadings=float, standard_errors=float, slopes=float, correlations=float)
        freeze(self, transformation=float, communalities=float)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per item: item, loadings, se_ of loadings, communality."""
        import pandas as pd

        frame = pd.DataFrame({"item": self.items})
        frame[list(self.dimensions)] = self.loadings
        frame[[f"se_{name}" for name in self.dimensions]] = self.standard_errors
        frame["communality"] = self.communalities
        return frame

    def summary(self) -> Sequence[str]:
        """Return size, rotation, correlations of the dimensions and the items that lead each of them."""
        r, h = self.correlations[np.triu_indices(len(self.dimensions), 1)], self.communalities
        lines = [
            f"Rotated loadings ({self.rotation}): {len(self.items)} items, {len(self.dimensions)} dimensions",
            f"correlations of the dimensions {r.min():.2f} to {r.max():.2f}, communalities {h.min():.2f} to {h.max():.2f}",
        ]
        for name, column in zip(self.dimensions, self.loadings.T, strict=True):
            first = np.argsort(-np.abs(column))[:LEADING]
            lines.append(f"{name}: " + ", ".join(f"{self.items[i]} {column[i]:.2f}" for i in first))
        return lines

    @classmethod
    def chart_kinds(cls) -> tuple[str, ...]:
        """Return the kinds of picture: loadings of each item."""
        return ("loadings",)

    def chart(self, kind: str) -> Chart:  # noqa: ARG002 - one kind only
        """Return the loadings of each item on each dimension."""
        from competency_dx.display.charts import Chart, Series

        at, columns = np.arange(1.0, len(self.items) + 1), zip(self.dimensions, self.loadings.T, strict=True)
        marks = tuple(Series(name=name, mark="point", x=at, y=column) for name, column in columns)
        words = "item, in the order of the test"
        return Chart(title="Rotated loadings", x_label=words, y_label="loading", series=marks)
