"""What is known of groups of persons: mean percent, shares by level, need for development, each with its interval; and of whom it is.

Numbers are of who was assessed, by their weights, and of who was not, by headcounts of the groups. Every number of a group is the sum
over its narrowest groups, so that a whole never contradicts its parts. The headcount of a group whose parts all have one is their sum;
otherwise the rest belongs to the other parts, shared out by weights of assessed persons.
"""

import re
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Annotated, ClassVar, NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Count, Floats, Ids, Ints, Probability, choice, held_to, value
from competency_dx.competencies import Competency, Standards
from competency_dx.display import Chart, interval_chart, result_words
from competency_dx.errors import GroupError, checked, phrase
from competency_dx.findings import Finding, Template
from competency_dx.kernels.agreement import wilson
from competency_dx.kernels.suppression import SMALLEST
from competency_dx.result import MAX_LINES, SELF_REPORT, DataFrame, Outcome, crossed, frame

ALL = ""
SEPARATOR = " / "
LOOSE = re.compile(r"(?<![^ ])/+|/+(?![^ ])")  # slashes of a label that look as those between labels do: one more is written
ENDS = ("", "_low", "_high")  # of the names of a number and of its interval
HOURS = ("hours_expected", "hours_low", "hours_high")
OF_GROUPS = (Template("groups.few_assessed"), Template("groups.headcount_missing"), Template("groups.headcount_sum"))
"""Findings whose scope are groups."""


@value
class GroupReport(Outcome):
    """Groups of a hierarchy, the whole first, then level by level in the order of the alphabet.

    Arrays have one row per group (R) and one column per competency (C). What would tell of fewer than `smallest` persons, by
    itself or together with what else stands in the report, is NaN, its counts 0 (and NaN in tables). A group with a headcount
    stands for all its persons, assessed or not, any other for those assessed; a wider group is the sum of its parts.

    Attributes
    ----------
    by : Background columns that make the hierarchy, the widest first.
    groups : Names from the widest column on, joined by " / "; "" is the whole.
    level : (R,) How many of the columns make the group.
    n, unanswered : (R,) Persons assessed, who have at least one answer, and persons of the table who have none.
    answered : (R, C) Persons who answered items of a competency: of fewer than `smallest` its numbers follow from what others say.
    headcount : (R,) Persons the group has, by itself or as the sum of its parts, NaN where nobody said.
    percent, percent_low, percent_high : (R, C) Mean percent with the interval of `interval`.
    share, share_low, share_high : (R, C, L) True share of persons on each of the L levels of the standards, the lowest first: the
        posterior mean of the share itself, never a count of flags.
    need, need_low, need_high : (R, C) How many persons are on the lowest level, by the interval: of the headcount, or of those
        assessed.
    """

    schema_version: ClassVar[int] = 3
    oldest: ClassVar[int] = 3
    pictures: ClassVar[tuple[str, ...]] = ("groups", "competencies")
    by: Annotated[Ids, held_to(minItems=1)]
    groups: Ids
    level: Annotated[Ints, held_to("groups", minimum=0, placeIn="by+1")]
    shown: Annotated[Bools, held_to("groups")]
    n: Annotated[Ints, held_to("groups", minimum=0)]
    unanswered: Annotated[Ints, held_to("groups", minimum=0)]
    answered: Annotated[Ints, held_to("groups", "competencies", minimum=0)]
    headcount: Annotated[Floats, held_to("groups", minimum=0)]
    smallest: Count
    interval: Probability
    competencies: Annotated[tuple[Competency, ...], held_to(key="code", each="order.competencies", within="parent?")]
    standards: Standards
    percent: Annotated[Floats, held_to("groups", "competencies", minimum=0, maximum=100)]
    percent_low: Annotated[Floats, held_to("groups", "competencies", minimum=0, maximum=100)]
    percent_high: Annotated[Floats, held_to("groups", "competencies", minimum=0, maximum=100)]
    share: Annotated[Floats, held_to("groups", "competencies", "standards.levels", minimum=0, maximum=1)]
    share_low: Annotated[Floats, held_to("groups", "competencies", "standards.levels", minimum=0, maximum=1)]
    share_high: Annotated[Floats, held_to("groups", "competencies", "standards.levels", minimum=0, maximum=1)]
    need: Annotated[Floats, held_to("groups", "competencies", minimum=0)]
    need_low: Annotated[Floats, held_to("groups", "competencies", minimum=0)]
    need_high: Annotated[Floats, held_to("groups", "competencies", minimum=0)]

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def coverage(self) -> Floats:
        """Return the share of each group that was assessed (R,), NaN without a headcount or where it is not shown."""
        return np.where(self.shown, self.n / self.headcount, np.nan)

    @property
    def of_statements(self) -> bool:
        """Tell whether this is what persons say of themselves: scales, no competencies, and no needs."""
        return self.standards.id == SELF_REPORT

    @property
    def coverage_interval(self) -> Floats:
        """Return the ends of the interval of coverage (2, R), NaN where there is none.

        Of all N persons it is known whether they were assessed: p = n/N is exact, and the interval of the rate at which persons of
        such a group take part (Wilson 1927) is, with z of `interval`, (p + z²/2N ± z·(p(1-p)/N + z²/4N²)^½) / (1 + z²/N).
        """
        return wilson(self.coverage, self.headcount, NormalDist().inv_cdf((1 + self.interval) / 2))

    @property
    def told(self) -> Bools:
        """Return where a group is shown and enough of its persons answered items of the competency (R, C)."""
        return self.shown[:, None] & (self.answered >= self.smallest)

    def findings_about(self, group: str = ALL) -> tuple[Finding, ...]:
        """Return what the page of a group says: findings about it and the groups inside it; all of them for the whole."""
        if group == ALL:
            return self.findings
        r, out = self.groups.index(group), list[Finding]()
        for finding in self.findings:
            if of_groups := [template for template in OF_GROUPS if template.code == finding.code]:
                out += of_groups[0].about([x for x in finding.scope if f"{x}{SEPARATOR}".startswith(group + SEPARATOR)])
            elif not finding.code.endswith(("_all", ".few_answered", ".suppressed")):
                out.append(finding)
        few = [c.code for c, told in zip(self.competencies, self.told[r], strict=True) if self.shown[r] and not told]
        return (*out, *Template("groups.few_answered").about(few, smallest=self.smallest))

    @property
    def _kind(self) -> str:
        return "_self_report" if self.of_statements else ""

    def to_table(self, language: str = "en") -> DataFrame:  # noqa: ARG002 - the same in both
        """Return what files hold: `to_frame`, where a scale is called one."""
        return self.to_frame().rename(columns={"competency": "scale"} if self.of_statements else {})

    def to_frame(self) -> DataFrame:
        """Return one row per group and competency; numbers that are not shown are NaN."""
        levels = {f"at_{level.code}": self.share[:, :, k] for k, level in enumerate(self.standards.levels)}
        if not self._kind:
            needs = {f"deficit{end}": getattr(self, f"share{end}")[:, :, 0] for end in ENDS}
            levels = needs | {f"need{end}": getattr(self, f"need{end}") for end in ENDS} | levels
        groups = {"group": self.groups, "level": self.level, "n": self.n, "unanswered": self.unanswered, "headcount": self.headcount}
        groups |= {"coverage": self.coverage, **dict(zip(("coverage_low", "coverage_high"), self.coverage_interval, strict=True))}
        percents = {"answered": self.answered, "enough_answers": self.told}
        percents |= {f"percent{end}": getattr(self, f"percent{end}") for end in ENDS}
        table = crossed(groups, {"competency": [c.code for c in self.competencies]}, percents | levels)
        shown = np.repeat(self.shown, len(self.competencies))
        return table.assign(**{name: table[name].astype("Int64").where(shown) for name in ("n", "unanswered", "answered")})

    def indicators(self) -> DataFrame:
        """Return the indicators of quality management as one tidy table: indicator, group, competency, value, low, high, n.

        `coverage` is the share assessed, `unanswered` how many persons of the table have no answer, both of the group (competency
        ""); `percent` is the mean percent, `deficit` the true share below the lowest cut, ``at_<level>`` the share on each level,
        `need` how many persons are below the cut. `n` are persons assessed, of a competency those who answered items of it.
        What is not shown, or follows from fewer than `smallest` answers, is NaN. Of statements about oneself there is no need.
        """
        import pandas as pd

        shown, told = np.where(self.shown, 0.0, np.nan)[:, None], np.where(self.told, 0.0, np.nan)
        percent, share, need = (np.stack([getattr(self, f"{name}{end}") for end in ENDS]) for name in ("percent", "share", "need"))
        numbers = {"percent": percent} | ({} if self._kind else {"deficit": share[..., 0], "need": need})
        numbers |= {f"at_{level.code}": share[..., k] for k, level in enumerate(self.standards.levels)}
        coverage = np.stack([self.coverage, *self.coverage_interval])[:, :, None]
        silent, n = np.stack([self.unanswered[:, None] + shown] * 3), self.n[:, None]
        of = [("coverage", [""], coverage, n), ("unanswered", [""], silent, n)]
        of += [(name, [c.code for c in self.competencies], x + told, self.answered) for name, x in numbers.items()]
        groups, heads = {"group": self.groups}, ("value", "low", "high")
        said = [
            crossed(groups, {"competency": x}, dict(zip(heads, y, strict=True)) | {"n": n + shown, "indicator": [name] * n.size})
            for name, x, y, n in of
        ]
        return pd.concat(said, ignore_index=True).astype({"n": "Int64"})[["indicator", "group", "competency", *heads, "n"]]

    def of(self, group: str = ALL) -> DataFrame:
        """Return the rows of one group, the whole by default; raises `GroupError` when there is no such group."""
        if group not in self.groups:
            raise GroupError("groups.no_group", group=group, groups=[g for g in self.groups if g])
        table = self.to_frame()
        return table[table["group"] == group].reset_index(drop=True)

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return persons and groups, and the competencies that most persons need."""
        say = result_words("groups", language)
        of = {"groups": int((self.level == len(self.by)).sum()), "by": SEPARATOR.join(self.by), "smallest": self.smallest}
        out = [say("head", persons=int(self.n[0]), **of) if self.shown[0] else say("head_hidden", **of)]
        if not self.shown.all():
            out.append(say("suppressed", groups=int((~self.shown[1:]).sum()), smallest=self.smallest))
        if self.unanswered[0]:
            out.append(say("unanswered", persons=int(self.unanswered[0])))
        if self.shown[0]:
            roots = np.array([c.parent is None for c in self.competencies])
            order = [k for k in np.argsort(-self.share[0, :, 0], kind="stable").tolist() if not roots[k] and self.told[0, k]]
            out += [self._line(k, language) for k in [*np.flatnonzero(roots).tolist(), *order][: MAX_LINES - len(out)]]
        return out

    def _line(self, c: int, language: str) -> str:
        share, low, high = (100 * float(x[0, c, 0]) for x in (self.share, self.share_low, self.share_high))
        code, title = self.competencies[c].code, self.competencies[c].title.text(language)
        say = result_words("groups", language)
        return say(f"line{self._kind}", code=code, title=title, percent=float(self.percent[0, c]), share=share, low=low, high=high)

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return intervals of the share on the lowest level: of each group in the whole test, or of all persons by competency."""
        say = result_words("groups", language)
        if kind == "groups":
            rows = [r for r in range(len(self)) if self.shown[r]]
            labels = [self.groups[r] or say("whole") for r in rows]
            values = [100 * x[rows, 0, 0] for x in (self.share, self.share_low, self.share_high)]
        else:
            labels = [f"{c.code} {c.title.text(language)}" for c in self.competencies]
            values = [100 * x[0, :, 0] for x in (self.share, self.share_low, self.share_high)]
        title = say(f"{kind}_title{self._kind}", code=self.competencies[0].code)
        return interval_chart(labels[::-1], np.stack(values)[:, ::-1], title=title, x_label=say(f"share_axis{self._kind}"))


@choice(GroupError)
class Suppression:
    """What guards groups of few: how many persons one has at least, and what is published of the same persons already.

    Attributes
    ----------
    smallest : Groups of fewer persons are not shown, nor those in which so few have nearly all of the weight.
    published : Earlier reports on the same persons by other columns: nothing may be computed from them and the new one together.
    """

    smallest: int = SMALLEST
    published: Sequence[GroupReport] = ()


@checked(GroupError)
def total_demand(reports: Sequence[GroupReport], demand: Sequence[DataFrame] = ()) -> DataFrame:
    """Return how many persons of all categories together need support, and for how many hours: all of them, group "", and by place.

    Places are the groups of the widest column. Only what the reports show is summed, so that the sums tell nothing beside them:
    `shown` of the `categories` that have persons there, with `n` persons assessed, of so many `persons` that the numbers are about
    (headcounts, or those assessed, NaN where headcounts are of parts alone). `need` are those below the lowest cut in the whole test
    of their category; categories have different persons, so squares of the halves of intervals are summed. Hours are summed as they
    are, where `demand` has tables of `Routes.demand`, one for each report in their order, NaN where one shown is not in its.
    Raises `GroupError` when the reports are of one category, by different columns or what persons say of themselves.
    """
    columns, roots = [report.by[0] for report in reports], [report.competencies[0].code for report in reports]
    told = any(report.of_statements for report in reports)
    if len({*columns}) != 1 or len({*roots}) < len(roots) or told or len(demand) not in {0, len(reports)}:
        raise GroupError("groups.categories", columns=columns, categories=roots, tables=len(demand))
    if strange := [type(table).__name__ for table in demand if not {"group", *HOURS} <= {*getattr(table, "columns", ())}]:
        raise GroupError("groups.demand", columns=["group", *HOURS], strange=strange)
    hours = [{LOOSE.sub(r"\g<0>/", f"{g}"): x for g, *x in of[["group", *HOURS]].to_numpy()} for of in demand] or [{}] * len(reports)
    rows = []
    for name in sorted({name for x in reports for name, level in zip(x.groups, x.level, strict=True) if level < 2}):
        held = [(k, x, x.groups.index(name)) for k, x in enumerate(reports) if name in x.groups]
        if seen := [(k, x, r) for k, x, r in held if x.shown[r]]:
            need, low, high = np.array([[getattr(x, f"need{end}")[r, 0] for end in ENDS] for _, x, r in seen]).T
            off = [float(np.sqrt(((end - need) ** 2).sum())) for end in (low, high)]
            numbers = [need.sum(), np.floor(max(need.sum() - off[0], 0.0)), np.ceil(need.sum() + off[1])]
            taken = [hours[k].get(name, [np.nan] * 3) for k, *_ in seen]
            n = [int(x.n[r]) for _, x, r in seen]
            known = (x.headcount[r] if x.level[r] == len(x.by) else x.headcount for _, x, r in seen)
            persons = sum(x.n[r] if np.isnan(of).all() else x.headcount[r] for of, (_, x, r) in zip(known, seen, strict=True))
            rows.append([name, len(seen), len(held), sum(n), persons, *numbers, *np.sum(taken, axis=0)])
    heads = ("group", "shown", "categories", "n", "persons", *(f"need{end}" for end in ENDS), *(HOURS if demand else ()))
    return frame(**{head: [row[k] for row in rows] for k, head in enumerate(heads)})


class TargetPopulation(NamedTuple):
    """Of R groups and the G narrowest of them.

    `assessed`, `weight`, `absent` (G,): persons of each narrowest group with answers, their weights together, how many more it has;
    `inside` (R, G): which lie in a group; `counted` (R, G): of which its numbers hold those absent as well. `missing`, `contradicted`:
    groups without a headcount beside others that have one, and those whose own is not the sum.
    """

    assessed: Floats
    weight: Floats
    absent: Floats
    inside: Bools
    counted: Bools
    missing: tuple[str, ...]
    contradicted: tuple[str, ...]

    @property
    def persons(self) -> Floats:
        """Return how many persons the numbers of each group count (R,)."""
        return self.inside @ self.assessed + self.counted @ self.absent

    @property
    def heads(self) -> Floats:
        """Return the headcounts (R,), NaN where they are not known of all parts."""
        return np.where((self.counted == self.inside).all(axis=1), np.rint(self.persons), np.nan)

    def person_weights(self, group: Ints, weight: Floats) -> Floats:
        """Return how much each assessed person counts in the whole (P,), by narrowest group and survey weight."""
        alone = ~self.counted[0]
        scale = (alone @ self.assessed) / max(float(alone @ self.weight), 1e-300)
        return np.asarray(weight * np.where(alone, scale, (self.assessed + self.absent) / np.maximum(self.weight, 1e-300))[group])

    def totals(self, assessed: Floats, weighted: Floats, absent: Floats) -> tuple[Floats, Floats]:
        """Return means over the persons of all groups (R, F), and sums (R, F) of those counted, each assessed person once.

        Given are sums (G, F): over assessed persons, the same by weights, and over those absent.
        """
        alone = self.inside & ~self.counted
        scale = (alone @ self.assessed) / np.maximum(alone @ self.weight, 1e-300)
        known = self.counted @ (assessed + absent)
        return (known + scale[:, None] * (alone @ weighted)) / np.maximum(self.persons, 1e-300)[:, None], known + alone @ assessed


def target_population(
    names: Sequence[str], level: Ints, inside: Bools, persons: tuple[Ints, Floats], given: Mapping[str, int]
) -> TargetPopulation:
    """Return of whom numbers are, by the headcounts `given` of groups; `persons` are narrowest group and weight of those assessed.

    `inside` (R, G) tells which of the narrowest groups lie in each, the whole first. Raises `GroupError` when a headcount is of no
    group or below the number assessed.
    """
    if strange := [name for name in given if name not in names]:
        raise GroupError("groups.headcount_of", strange=strange, groups=[name for name in names if name])
    count, weight = (np.bincount(persons[0], w, inside.shape[1]).astype(np.float64) for w in (0 * persons[1] + 1, persons[1]))
    heads, n = np.array([float(given.get(name, np.nan)) for name in names]), inside @ count
    if (few := np.flatnonzero(heads < n)).size:
        k = int(few[0])
        raise GroupError("groups.headcount", group=names[k] or phrase("groups.all"), headcount=int(heads[k]), n=int(n[k]))
    kids: list[Ints] = [np.flatnonzero((level == level[r] + 1) & (inside <= inside[r]).all(axis=1)) for r in range(len(names))]
    least, known, wrong = np.where(np.isfinite(heads), heads, n), np.isfinite(heads), np.zeros(len(names), dtype=np.bool_)
    for r in range(len(names) - 1, -1, -1):  # narrow groups stand after wide ones
        if len(kids[r]):
            total, every = least[kids[r]].sum(), bool(known[kids[r]].all())
            wrong[r] = np.isfinite(heads[r]) and (total > heads[r] or (every and total < heads[r]))
            least[r] = heads[r] if np.isfinite(heads[r]) and not wrong[r] else total
            known[r] |= every
    size, missing = least.copy(), list[str]()
    for r, below in enumerate(kids):
        open_: Ints = below[~known[below]]
        size[open_] = _shared_out(size[r] - least[below[known[below]]].sum(), least[open_], inside[open_] @ weight)
        missing += [names[int(k)] for k in open_ if len(open_) < len(below)]
    has = np.isfinite(heads)[:, None] & inside
    counted = inside & np.array([has[level >= depth].any(axis=0) for depth in level])
    last = np.flatnonzero(level == level.max())
    absent = np.zeros(inside.shape[1])
    absent[inside[last].argmax(axis=1)] = size[last] - n[last]
    contradicted = tuple(name for name, is_wrong in zip(names, wrong, strict=True) if is_wrong)
    return TargetPopulation(count, weight, np.maximum(absent, 0.0), inside, counted, tuple(missing), contradicted)


def _shared_out(total: float, least: Floats, weight: Floats) -> Floats:
    """Return `total` in shares by weight, none below its `least`."""
    weight, free = weight if weight.any() else np.ones(len(weight)), np.ones(len(least), dtype=np.bool_)
    for _ in range(len(least) + 1):
        rest = (total - least[~free].sum()) / max(float(weight[free].sum()), 1e-300)
        free &= rest * weight >= least - 1e-9
    return np.where(free, rest * weight, least)
