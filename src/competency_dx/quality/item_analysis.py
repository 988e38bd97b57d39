"""The noun of item analysis before any model: what each item is worth, in numbers and in words, and what to do with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Annotated, Any, ClassVar, Literal, get_args

import numpy as np

from competency_dx.arrays import Floats, FrozenDict, Ints, value
from competency_dx.bank import Text
from competency_dx.display import Chart, Series, code_word, result_words, toml_content
from competency_dx.errors import LANGUAGES
from competency_dx.findings import Finding, worth_a_line
from competency_dx.provenance import Provenance
from competency_dx.quality.classical import OptionTrace
from competency_dx.responses import MissingPolicy
from competency_dx.result import DataFrame, Result, frame
from competency_dx.schemas import Count, Ids, held_to

Verdict = Literal["repair", "drop", "look", "undecided", "keep"]
ORDER: tuple[Verdict, ...] = get_args(Verdict)  # the verdicts, the most urgent first
VERDICTS: Mapping[Verdict, Text] = FrozenDict({v: Text(**toml_content("quality", "verdicts")["words"][v]) for v in ORDER})
WEAK = 0.20  # correlation with the rest
LINES, PANELS = 5, 9


@value
class ItemAnalysis(Result):
    """Classical numbers of I items, and a verdict on each with its reasons.

    Attributes
    ----------
    items : tuple of str
    verdicts : tuple of {"repair", "drop", "look", "undecided", "keep"}
        What to do with each item; "undecided" below 30 answers.
    reasons : Why, in Russian and English: one or more for each item, which is their `scope`.
    n : (I,) Answers that count under the missing policy.
    max_scores : ndarray of int, shape (I,)
    mean : (I,) Mean points.
    share, share_low, share_high : (I,) Mean points as a share of the maximum, for right and wrong the share correct, with 95 % limits
        (Wilson).
    item_rest, item_rest_low, item_rest_high : (I,) Correlation of the points with those on the other items each person got, with 95 %
        limits (Fisher's z). Of booklets, the level on the others is their share of points, freed from how hard they were.
    alpha, alpha_low, alpha_high : Cronbach's alpha of all items, from the covariances of pairs, and of complete data its 95 % limits
        (Bonett).
    alpha_given, n_given : Alpha of as many items as a person got on average, and this number.
    alpha_without : (I,) Alpha of all items but this one.
    omitted, not_reached, in_tail : (I,) Shares of those who were given the item: left out, not reached, and probably not reached
        although the cell holds 0.
    thirds : (I, 3) Mean share of points in the lower, middle and upper third by the level on the other items.
    suspected_keys : Items whose key is doubtful, by the screening that `calibrate` uses.
    options : Who chose which answer; empty where raw answers were not kept.
    n_persons : int
    missing : Which missing answers counted as wrong.
    """

    kind: ClassVar[str] = "item_analysis"
    items: Ids
    verdicts: Annotated[tuple[Verdict, ...], held_to("items")]
    reasons: tuple[Finding, ...]
    n: Annotated[Ints, held_to("items", minimum=0)]
    max_scores: Annotated[Ints, held_to("items", minimum=0)]
    mean: Annotated[Floats, held_to("items", minimum=0)]
    share: Annotated[Floats, held_to("items", minimum=0, maximum=1)]
    share_low: Annotated[Floats, held_to("items", minimum=0, maximum=1)]
    share_high: Annotated[Floats, held_to("items", minimum=0, maximum=1, notBelow="share_low")]
    item_rest: Annotated[Floats, held_to("items", minimum=-1, maximum=1)]
    item_rest_low: Annotated[Floats, held_to("items", minimum=-1, maximum=1)]
    item_rest_high: Annotated[Floats, held_to("items", minimum=-1, maximum=1, notBelow="item_rest_low")]
    alpha: float
    alpha_low: float
    alpha_high: Annotated[float, held_to(notBelow="alpha_low")]
    alpha_given: float
    n_given: float
    alpha_without: Annotated[Floats, held_to("items")]
    omitted: Annotated[Floats, held_to("items", minimum=0, maximum=1)]
    not_reached: Annotated[Floats, held_to("items", minimum=0, maximum=1)]
    in_tail: Annotated[Floats, held_to("items", minimum=0, maximum=1)]
    thirds: Annotated[Floats, held_to("items", 3, minimum=0, maximum=1)]
    suspected_keys: Annotated[Ids, held_to(among="items")]
    options: tuple[OptionTrace, ...]
    n_persons: Count
    missing: MissingPolicy
    findings: tuple[Finding, ...]
    provenance: Provenance

    @property
    def by_trouble(self) -> Ints:
        """Return the places of the items (I,): the most urgent verdict first, within it the lowest correlation."""
        return np.lexsort((np.nan_to_num(self.item_rest, nan=2.0), np.array([ORDER.index(v) for v in self.verdicts])))

    def reason(self, item: str, language: str = "en") -> str:
        """Return the reasons of the verdict on an item in one language."""
        return " ".join(r.text(language) for r in self.reasons if item in r.scope)

    def to_frame(self) -> DataFrame:
        """Return one row per item, in their order: item, verdict, reasons, and the numbers by the names of the attributes."""
        numbers = ("n", "max_scores", "mean", "share", "share_low", "share_high", "item_rest", "item_rest_low")
        more = ("item_rest_high", "alpha_without", "omitted", "not_reached", "in_tail")
        why = {f"reason_{language}": [self.reason(item, language) for item in self.items] for language in LANGUAGES}
        thirds = dict(zip(("low_third", "middle_third", "high_third"), self.thirds.T, strict=True))
        columns = {name: getattr(self, name) for name in (*numbers, *more)}
        return frame(item=self.items, verdict=self.verdicts, **why, **columns, **thirds)

    def options_frame(self) -> DataFrame:
        """Return one row per answer of each item: the fields of `OptionTrace`."""
        return frame(**{name: [getattr(o, name) for o in self.options] for name in OptionTrace.__annotations__})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return how many items have which verdict, alpha, and the items with the most trouble."""
        counts, say = Counter(self.verdicts), result_words("quality", language)
        words = {v: code_word("verdict", v, language) for v in ORDER}
        whole = np.isfinite(self.alpha_low)
        facts = {"low": self.alpha_low, "high": self.alpha_high} if whole else {"given": self.alpha_given, "n": self.n_given}
        worst = [i for i in self.by_trouble if self.verdicts[i] in {"repair", "drop", "look"}]
        told = [f"{words[self.verdicts[i]]} {self.items[i]}: {self.reason(self.items[i], language)}" for i in worst]
        return [
            say("head", items=len(self.items), persons=self.n_persons),
            say("verdicts", verdicts=tuple(f"{words[v]} {counts[v]}" for v in ORDER if counts[v])),
            say("alpha" if whole else "alpha_given", alpha=self.alpha, **facts),
            *(shorten(line, 150, placeholder=" …") for line in told[:LINES]),
            *([say("more", n=len(worst) - LINES)] if len(worst) > LINES else []),
            *worth_a_line(self.findings, 2, language=language),
        ]

    def chart_kinds(self) -> tuple[str, ...]:
        """Return the kinds of picture: correlations with the rest, shares of points by thirds, and of answers by thirds."""
        return ("relation", "thirds", *(("options",) if self.options else ()))

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return the picture of a kind, the items with the most trouble on top."""
        if kind == "relation":
            return self._relation(language)
        say, panels = result_words("quality", language), list[Chart]()
        shown = [i for i in self.by_trouble if kind == "thirds" or any(o.item == self.items[i] for o in self.options)]
        for i in shown[:PANELS]:
            few = [o for o in self.options if o.item == self.items[i]][: len(ORDER)]
            lines = [(o.option + "*" * o.credited, np.array([o.low, o.middle, o.high])) for o in few]
            lines = [("", self.thirds[i])] if kind == "thirds" else lines
            series = tuple(Series(name=name, mark="line", x=np.arange(3.0), y=np.nan_to_num(y)) for name, y in lines)
            look: dict[str, Any] = {"x_names": ("1/3", "2/3", "3/3"), "y_range": (-0.05, 1.05), "naming": "beside"}
            panels.append(Chart(title=self.items[i], series=series, **look))
        part = {"title": say(kind), "shown": len(panels), "n": len(shown)}
        title = say("part", **part) if len(shown) > len(panels) else say(kind)
        return Chart(title=title, panels=tuple(panels), across=min(3, len(panels)))

    def _relation(self, language: str) -> Chart:
        say, rows, series = result_words("quality", language), self.by_trouble[::-1], list[Series]()
        for k, verdict in enumerate(ORDER):
            if (place := np.flatnonzero([self.verdicts[i] == verdict for i in rows])).size:
                low, high, r = (x[rows[place]] for x in (self.item_rest_low, self.item_rest_high, self.item_rest))
                name, y = code_word("verdict", verdict, language), place.astype(np.float64)
                series.append(Series(name=name, mark="interval", style=k, x=r, y=y, low=low, high=high))
        names, title = tuple(self.items[i] for i in rows), say("relation")
        return Chart(title=title, x_label=say("relation_axis"), series=tuple(series), y_names=names, x_lines=(0.0, WEAK))
