"""Severity of experts, how they use the scale, and persons by their marks as they stand and adjusted for severity."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np

from competency_dx.arrays import Z95, Count, Floats, Ids, choice, held_to, value
from competency_dx.display import Chart, Series, interval_chart, result_words
from competency_dx.errors import RatersError
from competency_dx.findings import Finding, worth_a_line
from competency_dx.models import ItemParameters
from competency_dx.result import DataFrame, Provenance, Result, frame

USE = ("infit", "outfit", "spread", "z_spread", "halo", "z_halo")
EXPERTS = ("marks", "works", "severity", "se_severity", "severity_change", "se_severity_change", *USE)
PERCENTS = ("percent_raw", "percent_unadjusted", "percent_fair", "percent_low", "percent_high")
PERSONS = ("marks", *PERCENTS, "theta_raw", "theta", "se_known", "se")


@choice(RatersError)
class Facets:
    """What marks depend on besides the person and the criterion; all of it moves the predictor of the family and is linear in it.

    Attributes
    ----------
    model : Family of the marks; RSM has thresholds common to all criteria of as many marks, GPCM and GRM a slope for each criterion.
        Keyed items go with it: Rasch beside PCM and RSM, 2PL beside GPCM and GRM.
    severity : One severity an expert, or one for each criterion.
    thresholds : "expert" lets every expert have thresholds apart from the common ones: who avoids the ends of the scale shows so.
    drift : Change of an expert's severity from the first day to the last, against the mean of all experts.
    experts : Fixed severities sum to zero. Random ones come from a normal population of mean 0 whose SD is integrated over: few marks
        pull less, and experts who never met can stand on one scale.
    """

    model: Literal["PCM", "RSM", "GPCM", "GRM"] = "PCM"
    severity: Literal["expert", "criterion"] = "expert"
    thresholds: Literal["item", "expert"] = "item"
    drift: Literal["none", "linear"] = "none"
    experts: Literal["fixed", "random"] = "fixed"


@value
class RaterCalibration(Result):
    """A many-facet model of R experts, I criteria and P persons.

    Attributes
    ----------
    of_experts : (R, 12) As `to_frame` has it: marks and works; severity in logits, by which an expert lowers the log odds of each
        further mark, against the mean of all experts; its change from the first day to the last, against theirs (NaN where not asked
        for); mean squares infit and outfit; `spread`, the SD of marks over what the model expects (below 1: the ends of the scale are
        avoided); `halo`, the mean product of residuals of two criteria of a work beyond what it expects; each z is by the moments of
        the model given all other marks.
    by_item : (R, I, 2) Severity on each criterion with its SE; NaN where severity is by criterion and the expert did not mark it.
    thresholds : (R, K, 2) By how much an expert's intercepts of the K inner marks exceed the common ones, with SE; NaN where thresholds
        are common.
    spread : (4,) SD of random experts: severity, severity by criterion, thresholds, drift; NaN where fixed.
    parameters : Criteria as an expert of mean severity marks them, then keyed items.
    of_persons : (P, 10) As `person_frame` has it: marks; points in percent of the maximum; expected percent on all criteria under an
        expert of mean severity, by marks as they stand, and adjusted, with 95 % interval; EAP likewise; its SE if severities were
        known, and with their errors.
    """

    kind: ClassVar[str] = "rater_calibration"
    pictures: ClassVar[tuple[str, ...]] = ("severity", "persons")
    facets: Facets
    experts: Ids
    items: Ids
    of_experts: Annotated[Floats, held_to("experts", len(EXPERTS))]
    by_item: Annotated[Floats, held_to("experts", "items", 2)]
    thresholds: Annotated[Floats, held_to("experts", "K", 2)]
    spread: Annotated[Floats, held_to(4)]
    parameters: ItemParameters
    persons: Ids
    of_persons: Annotated[Floats, held_to("persons", len(PERSONS))]
    log_likelihood: float
    n_parameters: Count
    iterations: Count
    gradient: float
    findings: tuple[Finding, ...]
    provenance: Provenance

    @property
    def severity(self) -> Floats:
        """Return the severity of each expert (R,)."""
        return self.of_experts[:, EXPERTS.index("severity")]

    def to_frame(self) -> DataFrame:
        """Return one row per expert: severity with its interval, drift, fit, spread and halo."""
        out = frame(expert=self.experts, **dict(zip(EXPERTS, self.of_experts.T, strict=True)))
        out = out.fillna({"marks": 0, "works": 0}).astype({"marks": int, "works": int})
        for place, (end, sign) in enumerate((("low", -1), ("high", 1)), start=5):
            out.insert(place, f"severity_{end}", out["severity"] + sign * Z95 * out["se_severity"])
        return out

    def by_criterion(self) -> DataFrame:
        """Return one row per expert and criterion: severity there, with its error."""
        experts, (severity, se) = np.repeat(np.array(self.experts, dtype=object), len(self.items)), self.by_item.reshape(-1, 2).T
        return frame(expert=experts, item=self.items * len(self.experts), severity=severity, se_severity=se)

    def person_frame(self) -> DataFrame:
        """Return one row per person: percent and θ by the marks as they stand and adjusted for severity, with errors."""
        out = frame(person=self.persons, **dict(zip(PERSONS, self.of_persons.T, strict=True)))
        return out.fillna({"marks": 0}).astype({"marks": int})

    def further_tables(self) -> Mapping[str, DataFrame]:
        """Return the table of persons, and severity on each criterion where it was asked for."""
        by_criterion = {"criteria": self.by_criterion()} if self.facets.severity == "criterion" else {}
        return by_criterion | {"persons": self.person_frame()}

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the model, the range of severities, how far persons move, and the findings."""
        say, order = result_words("raters", language), np.argsort(self.severity)[: np.isfinite(self.severity).sum()]
        (low, high), marks = order[[0, -1]].tolist(), int(self.of_experts[:, 0].sum())
        moved = self.of_persons[:, 3] - self.of_persons[:, 2]
        ends = {"low": float(self.severity[low]), "high": float(self.severity[high]), "error": float(np.nanmax(self.of_experts[:, 3]))}
        moves = {"low": float(moved.min()), "high": float(moved.max()), "mean": float(np.abs(moved).mean())}
        return [
            say("head", experts=len(self.experts), marks=marks, persons=len(self.persons), model=self.facets.model),
            say("likelihood", log_likelihood=self.log_likelihood, parameters=self.n_parameters, variance=self.parameters.variance),
            say("range", **ends, mildest=self.experts[low], severest=self.experts[high]),
            *([say("random", sd=float(self.spread[0]))] if self.facets.experts == "random" else []),
            say("adjusted", **moves),
            *worth_a_line(self.findings, language=language),
        ]

    def chart_kinds(self) -> tuple[str, ...]:
        """Return the pictures there are: that of drift where it was asked for."""
        return self.pictures if self.facets.drift == "none" else (*self.pictures, "drift")

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return severities or drifts with intervals, the highest on top, or adjusted percents of persons against raw ones."""
        say = result_words("raters", language)
        if kind == "persons":
            ends, (raw, fair) = np.array([0.0, 100.0]), self.of_persons[:, [1, 3]].T
            series = Series(name="", mark="thin", x=ends, y=ends), Series(name="", mark="point", x=raw, y=fair)
            return Chart(title=say("title_persons"), x_label=say("raw_axis"), y_label=say("fair_axis"), series=series)
        column = EXPERTS.index("severity" if kind == "severity" else "severity_change")
        x, se = self.of_experts[:, [column, column + 1]].T
        order = np.argsort(x)[: np.isfinite(x).sum()]
        at = np.stack([x, x - Z95 * se, x + Z95 * se])[:, order]
        labels, x_label = [self.experts[r] for r in order], say("severity_axis")
        return interval_chart(labels, at, title=say(f"title_{kind}"), x_label=x_label, x_lines=(0.0,))
