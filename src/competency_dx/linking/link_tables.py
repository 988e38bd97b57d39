"""What follows from a link beside the link itself: points of one form in points of another, all methods beside each other."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np

from competency_dx.arrays import Z95, Count, Floats, Ids, held_to, value
from competency_dx.display import Chart, Series, interval_chart, result_words
from competency_dx.result import DataFrame, Provenance, Result, frame

NUMBERS = ("slope", "se_slope", "intercept", "se_intercept", "mean", "se_mean", "apart")


@value
class Equivalents(Result):
    """Points 0 … S of a new form in points of an old one, of which there are at most `highest`.

    `equivalent` and `se` (S + 1,) are these points and their standard errors, by ``true`` or ``observed`` `scores`.
    """

    kind: ClassVar[str] = "equivalents"
    pictures: ClassVar[tuple[str, ...]] = ("points",)
    scores: Literal["true", "observed"]
    method: str
    highest: Count
    equivalent: Annotated[Floats, held_to("S")]
    se: Annotated[Floats, held_to("S")]
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row for each number of points on the new form: points, percent, equivalent, se, percent_equivalent."""
        points = np.arange(len(self.equivalent))
        percent, there = 100 * points / max(points[-1], 1), 100 * self.equivalent / max(self.highest, 1)
        return frame(points=points, percent=percent, equivalent=self.equivalent, se=self.se, percent_equivalent=there)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the forms and the scores, and where the same percent would be farthest from the equivalent one."""
        say, table = result_words("linking", language), self.to_frame()
        k = int((table["percent_equivalent"] - table["percent"]).abs().to_numpy().argmax())
        at = {str(name): float(x.iloc[k]) for name, x in table.drop(columns="points").items()}
        head = say("equivalents", most=len(table) - 1, highest=self.highest, scores=say(self.scores), method=say(self.method))
        return [head, say("farthest", points=k, **at)]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return percents of the old form by percents of the new one with 95 % limits, beside equal percents."""
        say, table, unit = result_words("linking", language), self.to_frame(), 100 / max(self.highest, 1)
        x, y = (table[name].to_numpy() for name in ("percent", "percent_equivalent"))
        thin = [Series(name="", mark="thin", x=x, y=end) for end in (y - Z95 * unit * self.se, y + Z95 * unit * self.se)]
        lines = (*thin, Series(name=say("equal"), mark="line", x=x, y=x), Series(name=say("equivalent"), mark="line", x=x, y=y))
        return Chart(title=say("title_points"), x_label=say("new_axis"), y_label=say("old_axis"), series=lines)


@value
class LinkMethods(Result):
    """The constants of a link by M `methods`: `numbers` (M, 7), as `to_frame` has them; the first method is what others are beside."""

    kind: ClassVar[str] = "link_methods"
    pictures: ClassVar[tuple[str, ...]] = ("means",)
    methods: Ids
    numbers: Annotated[Floats, held_to("methods", len(NUMBERS))]
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row per method: method, slope, intercept and mean, each with se_, and apart."""
        return frame(method=self.methods, **dict(zip(NUMBERS, self.numbers.T, strict=True)))

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return the linked means, and which method is farthest from the first."""
        say, (mean, se, apart) = result_words("linking", language), self.numbers[:, 4:].T
        k, ends = int(apart.argmax()), {"low": float(mean.min()), "high": float(mean.max()), "error": float(se[0])}
        return [say("methods", n=len(mean), **ends), say("apart", method=say(self.methods[k]), apart=float(apart[k]))]

    def chart(self, kind: str, language: str = "en") -> Chart:  # noqa: ARG002 - one kind only
        """Return the linked mean by each method with its 95 % interval, the first method on top."""
        say, (mean, se) = result_words("linking", language), self.numbers[::-1, 4:6].T
        at = np.stack([mean, mean - Z95 * se, mean + Z95 * se])
        labels = [say("by_method", method=say(name)) for name in self.methods[::-1]]
        return interval_chart(labels, at, title=say("title_methods"), x_label=say("mean_axis"), x_lines=(float(mean[-1]),))
