"""What changed between two diagnoses: of every person, and of those of a programme."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Annotated, ClassVar

import numpy as np

from competency_dx.arrays import Bools, Count, Floats, Ids, Ints, Names, held_to, value
from competency_dx.competencies import Competency
from competency_dx.display import Chart, interval_chart, result_words
from competency_dx.findings import Finding
from competency_dx.result import MAX_LINES, DataFrame, Provenance, Result, crossed

WITHOUT = ""
SURE = 0.95
Shares = Annotated[Floats, held_to("persons", "competencies", minimum=0, maximum=1)]
Changes = Annotated[Floats, held_to("persons", "competencies", minimum=-100, maximum=100)]
OfGroups = Annotated[Floats, held_to("groups", "competencies")]
OF_PROGRAMMES = (  # numbers of programmes, each with its interval
    ("mean_change", "mean_low", "mean_high"),
    ("closed", "closed_low", "closed_high"),
    ("difference", "difference_low", "difference_high"),
)


@value
class Growth(Result):
    """True changes of P persons in both diagnoses, in percent points of C competencies, and their means in G programmes.

    Attributes
    ----------
    groups : Programmes, "" for none; `group` (P,) is the place of each person's. Groups not `shown` have NaN, `n` 0.
    change, change_low, change_high : (P, C) Percent after less percent before, with the 95 % interval.
    p_gain : (P, C) P(change > 0); a change is reliable from .95 up or .05 down.
    p_before, p_after, p_closed : (P, C) Probabilities of a deficit before, after, and of one before that there is no more.
    mean_change, closed : (G, C) Mean change, and share of those with a deficit before who have none after, with intervals.
    difference : (G, C) How much more a programme changed than persons without one who started as high, with its interval; NaN without
        such.
    regression : (C,) By how many points the raw percent of those flagged at first would rise without any change: the return to the
        mean; NaN of fewer than `smallest`, as is `closed` where fewer are expected to have had a deficit.
    only_before, only_after : Persons in one diagnosis alone.
    percent_stayed, percent_left : Mean percent before, in the whole test, of those who came again and of those who did not; NaN for
        fewer than `smallest`.
    """

    kind: ClassVar[str] = "growth"
    schema_version: ClassVar[int] = 2
    pictures: ClassVar[tuple[str, ...]] = ("competencies",)
    persons: Annotated[Names, held_to(uniqueItems=True)]
    competencies: Annotated[tuple[Competency, ...], held_to(key="code", each="order.competencies", within="parent?")]
    groups: Ids
    group: Annotated[Ints, held_to("persons", minimum=0)]
    n: Annotated[Ints, held_to("groups", minimum=0)]
    shown: Annotated[Bools, held_to("groups")]
    change: Changes
    change_low: Changes
    change_high: Changes
    p_gain: Shares
    p_before: Shares
    p_after: Shares
    p_closed: Shares
    mean_change: OfGroups
    mean_low: OfGroups
    mean_high: OfGroups
    closed: OfGroups
    closed_low: OfGroups
    closed_high: OfGroups
    difference: OfGroups
    difference_low: OfGroups
    difference_high: OfGroups
    regression: Annotated[Floats, held_to("competencies")]
    only_before: Count
    only_after: Count
    percent_stayed: float
    percent_left: float
    findings: tuple[Finding, ...]
    provenance: Provenance

    def __len__(self) -> int:
        return len(self.persons)

    @property
    def ends_of_rule(self) -> tuple[Floats, Floats]:
        """Return the ends of the 90 % interval of each change (P, C): 0 is outside where P(change > 0) makes the change reliable."""
        part = NormalDist().inv_cdf(SURE) / NormalDist().inv_cdf(0.975)
        low, high = (self.change + part * (end - self.change) for end in (self.change_low, self.change_high))
        low = np.where(self.p_gain >= SURE, np.maximum(low, 0), np.minimum(low, 0))
        return low, np.where(self.p_gain <= 1 - SURE, np.minimum(high, 0), np.maximum(high, 0))

    def to_frame(self) -> DataFrame:
        """Return one row per person and competency: the methodist's, not to be published, as it names small programmes too."""
        persons = {"person": self.persons, "programme": np.array(self.groups, dtype=object)[self.group]}
        cells = {name: getattr(self, name) for name in ("change", "change_low", "change_high", "p_gain")}
        cells |= {"p_deficit_before": self.p_before, "p_deficit_after": self.p_after, "p_closed": self.p_closed}
        return crossed(persons, {"competency": [c.code for c in self.competencies]}, cells)

    def programmes(self) -> DataFrame:
        """Return one row per programme and competency; numbers that are not shown are NaN."""
        cells = {name: getattr(self, name) for names in OF_PROGRAMMES for name in names}
        return crossed({"programme": self.groups, "n": self.n}, {"competency": [c.code for c in self.competencies]}, cells)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return who was there, the change in the whole test, of each programme, and the return to the mean."""
        say = result_words("growth", language)
        gained, lost = (int(x[:, 0].sum()) for x in (self.p_gain >= SURE, self.p_gain <= 1 - SURE))
        out = [say("head", persons=len(self), before=self.only_before, after=self.only_after)]
        out.append(say("reliable", gained=gained, lost=lost, rest=len(self) - gained - lost))
        if np.isfinite(self.regression[0]):
            out.append(say("regression", points=float(self.regression[0])))
        for g in np.flatnonzero(self.shown).tolist()[: MAX_LINES - len(out)]:
            numbers = {"mean": self.mean_change, "low": self.mean_low, "high": self.mean_high}
            if compared := np.isfinite(self.difference[g, 0]):
                numbers |= {"more": self.difference, "from": self.difference_low, "to": self.difference_high}
            facts = {name: float(x[g, 0]) for name, x in numbers.items()}
            programme = self.groups[g] or say("without" if len(self.groups) > 1 else "whole")
            out.append(say("compared" if compared else "mean", programme=programme, n=int(self.n[g]), **facts))
        return out

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the mean change of all persons shown by competency, with its interval."""
        say = result_words("growth", language)
        g = int(np.argmax(self.n))
        at = np.stack([self.mean_change[g], self.mean_low[g], self.mean_high[g]])[:, ::-1]
        programme = self.groups[g] or say("without" if len(self.groups) > 1 else "whole")
        labels = [f"{c.code} {c.title.text(language)}" for c in self.competencies][::-1]
        return interval_chart(labels, at, title=say("title", programme=programme), x_label=say("axis"))
