"""The decision rule: from the probability of lying below a cut to what is said about a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Floats, value
from competency_dx.errors import DiagnosisError
from competency_dx.responses import MissingPolicy
from competency_dx.result import Finite


@value
class DeficitRule:
    """Thresholds of the states and of what may be reported at all.

    Attributes
    ----------
    confirmed, likely, indeterminate : float
        A deficit is confirmed from P(below cut) >= `confirmed`, likely from `likely`, indeterminate from
        `indeterminate`, otherwise not found. Strengths use the same thresholds on P(above the upper cut).
    reliability : float
        Least marginal reliability of the items answered for a competency to be reported on its own.
    min_items : int
        Least number of items answered for a competency to be reported on its own.
    added_value : float
        A competency is reported on its own only if PRMSE(own score) exceeds PRMSE(whole test) by more than this
        (Haberman 2008); applies where the cohort is large enough to tell.
    min_cohort : int
        Least number of persons with the same form for the added value to be estimated.
    interval : float
        Probability content of the percent interval.
    missing : MissingPolicy
        Which missing answers count as wrong and which are left out.
    """

    confirmed: Finite = 0.80
    likely: Finite = 0.60
    indeterminate: Finite = 0.40
    reliability: Finite = 0.60
    min_items: int = 3
    added_value: Finite = 0.0
    min_cohort: int = 100
    interval: Finite = 0.95
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        if not 0 < self.indeterminate <= self.likely <= self.confirmed <= 1:
            raise DiagnosisError(
                "DeficitRule needs 0 < indeterminate <= likely <= confirmed <= 1, found "
                f"{self.indeterminate}, {self.likely}, {self.confirmed}"
            )
        if not (0 <= self.reliability < 1 and 0 < self.interval < 1):
            raise DiagnosisError(
                f"DeficitRule needs reliability in [0, 1) and interval in (0, 1), found {self.reliability}, {self.interval}"
            )

    def state_index(self, probability: Floats, reportable: Bools) -> NDArray[np.int8]:
        """Return the index into `STATES` of each probability; unreportable ones are insufficient data."""
        p = np.nan_to_num(probability, nan=0.0)
        out = np.where(p >= self.confirmed, 0, np.where(p >= self.likely, 1, np.where(p >= self.indeterminate, 2, 3)))
        return np.where(reportable, out, 4).astype(np.int8)
