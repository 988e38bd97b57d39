"""Choices of a diagnosis: standards, which are cuts, levels between them and who owns the boundary, and the decision rule."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Floats, Ints, choice
from competency_dx.bank import Text
from competency_dx.errors import DiagnosisError
from competency_dx.responses import MissingPolicy
from competency_dx.result import decode
from competency_dx.schemas import Finite, held_to
from competency_dx.wording import toml_content

Boundary = Literal["upper", "lower"]


@choice(DiagnosisError)
class Level:
    """One level of a scale: stable code, titles, and the route the regulation recommends."""

    code: str
    title: Text
    route: Text


@choice(DiagnosisError)
class Standards:
    """Cut points on competency percent with the levels they separate, lowest first.

    Raises `DiagnosisError` when cuts are not ascending within 0-100 or the numbers of cuts, levels and boundaries do not fit.

    Attributes
    ----------
    id : Name of the scale, recorded in every result.
    cuts : tuple of float
        Ascending percents; the first decides deficits, the last decides strengths.
    levels : One more than there are cuts.
    boundaries : tuple of {"upper", "lower"}
        For each cut, the level that owns a percent exactly on it.
    source : The document the cuts come from.
    """

    id: str
    cuts: Annotated[tuple[Finite, ...], held_to("C", exclusiveMinimum=0, exclusiveMaximum=100)]
    levels: Annotated[tuple[Level, ...], held_to("cuts+1", key="code", each="order.levels")]
    boundaries: Annotated[tuple[Boundary, ...], held_to("cuts")]
    source: Text

    def __post_init__(self) -> None:
        if not len(self.cuts) or not all(0 < c < 100 for c in self.cuts) or list(self.cuts) != sorted(set(self.cuts)):
            raise DiagnosisError("competencies.cuts", id=self.id, cuts=self.cuts)
        if len(self.levels) != len(self.cuts) + 1 or len(self.boundaries) != len(self.cuts):
            n = {"n_cuts": len(self.cuts), "n_levels": len(self.levels), "n_boundaries": len(self.boundaries)}
            raise DiagnosisError("competencies.levels", id=self.id, value=len(self.cuts) + 1, **n)

    @property
    def deficit_cut(self) -> float:
        """Return the percent below which a competency counts as a deficit."""
        return self.cuts[0]

    @property
    def strength_cut(self) -> float:
        """Return the percent above which a competency counts as a strength."""
        return self.cuts[-1]

    def level_index(self, percent: Floats) -> Ints:
        """Return the index of the level of each percent; a percent on a cut belongs to the side that owns it."""
        out = np.zeros(np.shape(percent), dtype=np.int64)
        for cut, owner in zip(self.cuts, self.boundaries, strict=True):
            out += percent >= cut if owner == "upper" else percent > cut
        return out

    def policy(self, language: str) -> str:
        """Return the boundary rule in one sentence."""
        owners = (self.levels[k + (owner == "upper")].title.text(language) for k, owner in enumerate(self.boundaries))
        head = "Значение ровно на границе: " if language == "ru" else "A value exactly on a boundary: "
        return head + "; ".join(f"{cut:g} % → {owner}" for cut, owner in zip(self.cuts, owners, strict=True))


def standards_of(name: str) -> Standards:
    """Return the standards of a section of the room's ``standards.toml``."""
    out = decode(Standards, toml_content("competencies", "standards")[name], name)
    assert isinstance(out, Standards)
    return out


@lru_cache(maxsize=4)
def R201(*, boundaries: tuple[Boundary, Boundary] = ("upper", "lower")) -> Standards:
    """Return the official scale of the order R-201 of 27.08.2021, table 1: 60 and 80 percent.

    The table reads "below 60", "61-80", "81-100" and leaves 60, 60.5 and 80.5 to no row. The default closes the gap as below 60 | 60 to
    80 | above 80: a percent of exactly 60 belongs to the level above it ("upper"), exactly 80 to the level below it ("lower").
    """
    return replace(standards_of("r201"), boundaries=boundaries)


@choice(DiagnosisError)
class DeficitRule:
    """Thresholds of the states and of what may be concluded at all.

    Attributes
    ----------
    confirmed, likely, indeterminate : A deficit is confirmed from P(below cut) >= `confirmed`, likely from `likely`, indeterminate from
        `indeterminate`, otherwise not found. Strengths use the same thresholds on P(above the upper cut).
    min_items : Least number of items of a competency that the person answered. Under correlations of .5 where .8 is assumed, 13 to 19 %
        of the deficits confirmed from one item or none are false, 5 to 12 % of those from two or more.
    own_share : Least share of the variance given all other answers that the answers to the competency's own items take away; below it
        the conclusion would rest on the other competencies alone. One item takes away .05 as a rule, three of them .2 to .3.
    coverage : Least share of a competency's reference points that lies in domains with an answer; what is said of the others is
        concluded from correlations alone.
    false_share : Expected share of false ones among the confirmed deficits of a person that is allowed, likewise among the strengths:
        the least sure are called likely until it holds.
    misfit : Standardised log-likelihood of the answers below which no conclusion is drawn from them. At most 1 in 2000 persons whose
        answers fit the model lies below the default; of those who answer at random, 2 to 18 % where items are provisional and 40 to 65
        % where they are calibrated (at -3: 1 in 500, 6 to 30 % and 55 to 80 %).
    interval : Probability content of the percent interval.
    missing : Which missing answers count as wrong and which are left out.
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
            thresholds = {name: getattr(self, name) for name in ("indeterminate", "likely", "confirmed")}
            raise DiagnosisError("competencies.rule_thresholds", **thresholds)
        if not (0 <= self.own_share < 1 and 0 <= self.coverage <= 1 and 0 < self.interval < 1 and self.min_items >= 1):
            settings = {name: getattr(self, name) for name in ("own_share", "coverage", "interval", "min_items")}
            raise DiagnosisError("competencies.rule_settings", **settings)
        if self.false_share is not None and not 0 < self.false_share < 1:
            raise DiagnosisError("competencies.rule_false_share", false_share=self.false_share)

    def state_index(self, probability: Floats, concluded: Bools) -> NDArray[np.int8]:
        """Return the index into `STATES` of each probability (P, C); where nothing is concluded it is insufficient data."""
        p = np.where(concluded, np.nan_to_num(probability, nan=0.0), 0.0)
        out = np.where(p >= self.confirmed, 0, np.where(p >= self.likely, 1, np.where(p >= self.indeterminate, 2, 3)))
        if self.false_share is not None:
            surest = np.argsort(-p, axis=1, kind="stable")
            among = np.take_along_axis(np.where(out == 0, 1 - p, 0.0), surest, axis=1)
            too_many = np.empty_like(concluded)
            np.put_along_axis(too_many, surest, np.cumsum(among, axis=1) / np.arange(1, p.shape[1] + 1) > self.false_share, axis=1)
            out = np.where((out == 0) & too_many, 1, out)
        return np.where(concluded, out, 4).astype(np.int8)
