"""The decision rule: from the probability of lying below a cut to what is said about a person."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Floats, value
from competency_dx.errors import DiagnosisError
from competency_dx.responses import MissingPolicy
from competency_dx.schemas import Finite


@value
class DeficitRule:
    """Thresholds of the states and of what may be concluded at all.

    Attributes
    ----------
    confirmed, likely, indeterminate : float
        A deficit is confirmed from P(below cut) >= `confirmed`, likely from `likely`, indeterminate from
        `indeterminate`, otherwise not found. Strengths use the same thresholds on P(above the upper cut).
    min_items : int
        Least number of items of a competency that the person answered. Under correlations of .5 where .8 is assumed, 13 to 19 %
        of the deficits confirmed from one item or none are false, 5 to 12 % of those from two or more.
    own_share : float
        Least share of the variance given all other answers that the answers to the competency's own items take away; below
        it the conclusion would rest on the other competencies alone. One item takes away .05 as a rule, three of them .2 to .3.
    coverage : float
        Least share of a competency's reference points that lies in domains with an answer; what is said of the others is
        concluded from correlations alone.
    false_share : float or None
        Expected share of false ones among the confirmed deficits of a person that is allowed, likewise among the strengths: the
        least sure are called likely until it holds.
    misfit : float
        Standardised log-likelihood of the answers below which no conclusion is drawn from them. At most 1 in 2000 persons whose
        answers fit the model lies below the default; of those who answer at random, 2 to 18 % where items are provisional and
        40 to 65 % where they are calibrated (at -3: 1 in 500, 6 to 30 % and 55 to 80 %).
    interval : float
        Probability content of the percent interval.
    missing : MissingPolicy
        Which missing answers count as wrong and which are left out.
    """

    confirmed: Finite = 0.80
    likely: Finite = 0.60
    indeterminate: Finite = 0.40
    min_items: int = 2
    own_share: Finite = 0.10
    coverage: Finite = 0.50
    false_share: Finite | None = None
    misfit: Finite = -2.8
    interval: Finite = 0.95
    missing: MissingPolicy = MissingPolicy()

    def __post_init__(self) -> None:
        if not 0 < self.indeterminate <= self.likely <= self.confirmed <= 1:
            raise DiagnosisError(
                "competencies.rule_thresholds", indeterminate=self.indeterminate, likely=self.likely, confirmed=self.confirmed
            )
        shares = 0 <= self.own_share < 1 and 0 <= self.coverage <= 1 and 0 < self.interval < 1
        if not (shares and self.min_items >= 1):
            raise DiagnosisError(
                "competencies.rule_settings",
                own_share=self.own_share,
                coverage=self.coverage,
                interval=self.interval,
                min_items=self.min_items,
            )
        if self.false_share is not None and not 0 < self.false_share < 1:
            raise DiagnosisError("competencies.rule_false_share", false_share=self.false_share)

    def state_index(self, probability: Floats, concluded: Bools) -> NDArray[np.int8]:
        """Return the index into `STATES` of each probability (P, C); where nothing is concluded it is insufficient data."""
        p = np.where(concluded, np.nan_to_num(probability, nan=0.0), 0.0)
        out = np.where(p >= self.confirmed, 0, np.where(p >= self.likely, 1, np.where(p >= self.indeterminate, 2, 3)))
        if self.false_share is not None:
            surest = np.argsort(-p, axis=1, kind="stable")
            among = np.take_along_axis(np.where(out == 0, 1 - p, 0.0), surest, axis=1)
            n = np.arange(1, p.shape[1] + 1)
            too_many = np.empty_like(concluded)
            np.put_along_axis(too_many, surest, np.cumsum(among, axis=1) / n > self.false_share, axis=1)
            out = np.where((out == 0) & too_many, 1, out)
        return np.where(concluded, out, 4).astype(np.int8)
