"""What is known of items in several groups: tests, sizes, classes, and what the differences do to the conclusions."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np

from competency_dx.arrays import Z95, Bools, Floats, Ids, Ints, Names, Percent, held_to, value
from competency_dx.display import Chart, interval_chart, point_chart, result_words
from competency_dx.findings import worth_a_line
from competency_dx.kernels.residual_fit import adjusted
from competency_dx.result import MAX_LINES, DataFrame, Outcome, frame

OfItems = Annotated[Floats, held_to("items")]
OfGroups = Annotated[Floats, held_to("items", "groups")]
Chances = Annotated[Floats, held_to("items", minimum=0, maximum=1)]
Rates = Annotated[Floats, held_to("groups", "competencies", minimum=0, maximum=100)]
LEVEL, CROSSING, SHOWN = 0.05, 0.05, 4
MODERATE, LARGE, ONE_SIDED, FEW_POINTS, MANY_POINTS = 1.0, 1.5, 1.645, 0.05, 0.1
LINES = (-LARGE, -MODERATE, 0.0, MODERATE, LARGE)
SIZES = ("delta", "se", "gap", "mh_delta", "standardised", "rate_change")
TESTS = ("lr", "df", "p", "q", "wald", "mh", "mh_p", "p_uniform", "p_crossing", "r2", "anchor", "explanation")


def classes(delta: Floats, se: Floats, q: Floats) -> Names:
    """Return the class of each item in each group (I, G) by the rule of ETS (Zieky 1993): A negligible, B moderate, C large.

    "" where there is no delta. What chance may explain is A; C is a delta from 1.5, above 1 beyond chance.
    """
    size = np.abs(delta)
    with np.errstate(invalid="ignore"):
        small, large = (q[:, None] >= LEVEL) | (size < MODERATE), (size >= LARGE) & (size - MODERATE > ONE_SIDED * se)
    return np.select([np.isnan(delta + q[:, None]), small, large], ["", "A", "C"], "B").astype(object)


def classes_by_points(standardised: Floats, mh_p: Floats) -> Names:
    """Return the class of each item in each group (I, G) without a model (Dorans & Holland 1993), "" where chance may explain it."""
    with np.errstate(invalid="ignore"):
        size = np.abs(standardised) * (adjusted(mh_p) < LEVEL)[:, None]
        return np.select([size >= MANY_POINTS, size >= FEW_POINTS], ["C", "B"], "").astype(object)


def crossing(delta: Floats, se: Floats, q: Floats, gap: Floats) -> Bools:
    """Return which items (I,) differ though their mean difference is negligible: one way for the weak, the other for the strong."""
    with np.errstate(invalid="ignore"):
        return (classes(delta, se, q) <= "A").all(axis=1) & (q < LEVEL) & (gap >= CROSSING).any(axis=1)


@value
class DIF(Outcome):
    """Differential item functioning of I items in G groups, the reference first, in which n (G,) persons are.

    Attributes
    ----------
    delta, se, gap : (I, G) By the model: 2.35 times the mean logit of the item's steps less that in the reference, at the middle of the
        group, above 0 where the item is easier for the group than for others as able; its standard error; root mean square gap of the
        curves.
    lr, wald, df, p, q : (I,) Tests of parameters of the item's own in each group; p of the likelihood ratio, and adjusted (Benjamini &
        Hochberg 1995).
    mh, mh_p, mh_delta, standardised : ndarray, shape (I,), (I,), (I, G), (I, G)
        Among persons with as many points on the anchors: Mantel and Haenszel's test, generalised, delta from odds, points apart.
    p_uniform, p_crossing, r2 : (I,) Logistic regression: of a difference, of one that changes with ability, and what both add to R².
    rate, rate_freed, rate_change : (G, D), (G, D), (I, G) Percent of a group below `cut` percent of the points, with all items the same
        and with the `anchor` ones alone; change in percentage points when the item is freed.
    """

    pictures: ClassVar[tuple[str, ...]] = ("delta", "rates")
    groups: Ids
    n: Annotated[Ints, held_to("groups", minimum=1)]
    items: Ids
    delta: OfGroups
    se: OfGroups
    gap: OfGroups
    lr: OfItems
    df: Annotated[Ints, held_to("items", minimum=0)]
    p: Chances
    q: Chances
    wald: OfItems
    mh: OfItems
    mh_p: Chances
    mh_delta: OfGroups
    standardised: OfGroups
    p_uniform: Chances
    p_crossing: Chances
    r2: OfItems
    rate_change: OfGroups
    anchor: Annotated[Bools, held_to("items")]
    explanation: Annotated[tuple[str, ...], held_to("items")]
    competencies: Ids
    cut: Percent
    rate: Rates
    rate_freed: Rates

    @property
    def ets(self) -> Names:
        """Return the class of each item in each group, "A", "B", "C" or "" (I, G); without a delta by points among persons as able."""
        return np.where(np.isnan(self.delta), classes_by_points(self.standardised, self.mh_p), classes(self.delta, self.se, self.q))

    def to_frame(self) -> DataFrame:
        """Return one row per item and group other than the reference; tests are of all groups together."""
        n = len(self.groups) - 1
        rows = {"item": np.repeat(self.items, n), "group": self.groups[1:] * len(self.items), "ets": self.ets[:, 1:].ravel()}
        sizes = {name: getattr(self, name)[:, 1:].ravel() for name in SIZES}
        return frame(**rows, **sizes, **{name: np.repeat(getattr(self, name), n) for name in TESTS})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return groups, classes, the items that differ most, and what they do to the deficit rates."""
        say, worst = result_words("dif", language), self.ets.max(axis=1).tolist()
        out = [
            say("head", items=len(worst), groups=tuple(zip(self.groups, self.n.tolist(), strict=True))),
            say("classes", **{x or "none": worst.count(x) for x in ("A", "B", "C", "")}, anchors=int(self.anchor.sum())),
        ]
        size = np.where(self.ets > "A", np.nan_to_num(np.abs(self.delta), nan=np.inf), 0.0)
        for i, g in zip(*np.unravel_index(np.argsort(-size, axis=None, kind="stable")[:SHOWN], size.shape), strict=True):
            facts = {name: float(getattr(self, name)[i, g]) for name in ("delta", "se", "standardised")} | {"q": float(self.q[i])}
            of = {"item": self.items[i], "group": self.groups[g], "ets": self.ets[i, g]}
            by = "delta" if np.isfinite(facts["delta"]) else "standardised"
            way = ("easier" if facts[by] > 0 else "harder") + "_by_points" * (by != "delta")
            out += [say(way, **of, **facts)] if size[i, g] else []
        change = np.abs(self.rate_freed - self.rate)
        for g, d in zip(range(min(len(change), 3)), change.argmax(axis=1).tolist(), strict=False):
            before, after = float(self.rate[g, d]), float(self.rate_freed[g, d])
            out.append(say("rates", cut=self.cut, group=self.groups[g], before=before, after=after, change=after - before))
        return [*out, *worth_a_line(self.findings, MAX_LINES - len(out) - 1, language=language)]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return the deltas with 95 % intervals, or the changes of deficit rates, of every item, the first on top."""
        say = result_words("dif", language)
        if kind == "rates":
            columns, title = dict(zip(self.groups, self.rate_change.T, strict=True)), say("rate_title", cut=self.cut)
            return point_chart(self.items, columns, title=title, x_label=say("rate_axis"), x_lines=(0.0,))
        several, (reference, *others) = len(self.groups) > 2, self.groups
        x, half = self.delta[::-1, 1:].ravel(), Z95 * self.se[::-1, 1:].ravel()
        labels = [f"{item}, {g}" if several else item for item in self.items[::-1] for g in others]
        title, axis = say("title", groups=tuple(others), reference=reference), say("axis")
        return interval_chart(labels, (x, x - half, x + half), title=title, x_label=axis, x_lines=LINES)
