"""How far experts agree, by pair and by what they marked; when a third one is called, what that costs, and the marks that count."""

from collections.abc import Mapping, Sequence
from itertools import combinations, zip_longest
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from scipy.sparse import csr_array

from competency_dx.arrays import Floats, Ids, Ints, choice, held_to, value
from competency_dx.display import Chart, interval_chart, result_words
from competency_dx.errors import RatersError, checked
from competency_dx.findings import Finding, Template, announce, gathered, worth_a_line
from competency_dx.kernels.agreement import icc_one_way, icc_two_way, pair_statistics, wilson
from competency_dx.raters.ratings import Ratings
from competency_dx.result import DataFrame, Provenance, Result, digest_arrays, frame, provenance

WORKS = 10  # to be marked once more where experts are not joined
COLUMNS = ("works", "marks", *(f"{of}{end}" for of in ("exact", "adjacent", "kappa", "icc") for end in ("", "_low", "_high")))
THIRD = ("difference", "called", "called_low", "called_high", "readings", "cost")
STATES = ("none", "single", "agreed", "third", "open")


@choice(RatersError)
class ThirdExpert:
    """When two marks of a criterion are too far apart, and which mark then counts.

    A third expert is called from a `difference` of the first two marks. `final`: the "third" mark decides, or the mean of the two marks
    "nearest" to each other (the higher pair where both are as near).
    """

    difference: int = 2
    final: Literal["third", "nearest"] = "third"

    def __post_init__(self) -> None:
        if self.difference < 1:
            raise RatersError("raters.third_rule", difference=self.difference)


DEFAULT_RULE = ThirdExpert()


@value
class SecondReading:
    """A work, the expert who marked it, and the expert who should mark it too."""

    person: str
    expert: str
    second: str


@value
class Agreement(Result):
    """Agreement of all marks, of each pair of experts and of each item, S rows; marks that count of P persons on I items.

    Attributes
    ----------
    first, second, item : (S,) The pair of experts or the item, "" for all; `table` (S, 14) are works and pairs of marks, then exact
        share, share within one mark, kappa with quadratic weights and ICC with their 95 % intervals, as `to_frame` has them.
    third : (D, 6) For each difference from which a third expert could be called: share of the twice marked answers, with interval,
        number of further marks and what they are in percent of those without a third expert.
    final, state : (P, I) The mark that counts: the mean of the first two where they agree, NaN where a third is due. What became of the
        answer: 0 not marked, 1 marked once, 2 agreed, 3 settled by a third expert, 4 still open.
    blocks : Experts joined by works they share, the largest block first; `links` are works whose second mark would join them all.
    """

    kind: ClassVar[str] = "agreement"
    pictures: ClassVar[tuple[str, ...]] = ("pairs", "items", "third")
    first: Annotated[tuple[str, ...], held_to(uniqueWith=("second", "item"))]
    second: Annotated[tuple[str, ...], held_to("first")]
    item: Annotated[tuple[str, ...], held_to("first")]
    table: Annotated[Floats, held_to("first", len(COLUMNS))]
    third: Annotated[Floats, held_to("D", len(THIRD), minimum=0)]
    rule: ThirdExpert
    persons: Ids
    items: Ids
    final: Annotated[Floats, held_to("persons", "items", minimum=0, maximum=100)]
    state: Annotated[Ints, held_to("persons", "items", minimum=0, maximum=4)]
    blocks: tuple[Ids, ...]
    links: tuple[SecondReading, ...]
    findings: tuple[Finding, ...]
    provenance: Provenance

    def to_frame(self) -> DataFrame:
        """Return one row for all marks, each pair of experts and each item: statistics with the ends of their intervals."""
        numbers = dict(zip(COLUMNS, self.table.T, strict=True))
        return frame(first=self.first, second=self.second, item=self.item, **numbers).astype({"works": int, "marks": int})

    def to_table(self, language: str = "en") -> DataFrame:
        """Return the table with a word for all experts and all items."""
        word = result_words("raters", language)("all")
        return self.to_frame().assign(**{name: [x or word for x in getattr(self, name)] for name in ("first", "second", "item")})

    def third_expert(self) -> DataFrame:
        """Return one row per difference: share of answers sent to a third expert, with interval, and the marks it costs."""
        return frame(**dict(zip(THIRD, self.third.T, strict=True)))

    def final_marks(self) -> DataFrame:
        """Return one row per marked answer: person, item, the mark that counts, and what became of it."""
        at = person, item = np.nonzero(self.state)
        said = {"person": np.array(self.persons, dtype=object)[person], "item": np.array(self.items, dtype=object)[item]}
        return frame(**said, mark=self.final[at], state=np.array(STATES, dtype=object)[self.state[at]])

    def second_readings(self) -> DataFrame:
        """Return the works that should be marked once more so that all experts stand on one scale."""
        return frame(**{name: [getattr(link, name) for link in self.links] for name in ("person", "expert", "second")})

    def further_tables(self) -> Mapping[str, DataFrame]:
        """Return what a third expert costs, and the works to be marked once more where there are any."""
        return {"third": self.third_expert()} | ({"readings": self.second_readings()} if self.links else {})

    def summary(self, language: str = "en") -> Sequence[str]:
        """Return agreement over all, the worst pair, the third expert and the findings."""
        say, n = result_words("raters", language), np.bincount(self.state.ravel(), minlength=len(STATES)).tolist()
        both = dict(zip(COLUMNS, [*map(int, self.table[0, :2]), *self.table[0, 2:].tolist()], strict=True))
        out = [say(line, **both) for line in ("agreement", "shares", "coefficients")]
        kappa = self.table[:, COLUMNS.index("kappa") :][:, :3]
        if pairs := [s for s, name in enumerate(self.first) if name and np.isfinite(kappa[s]).all()]:
            s = min(pairs, key=lambda s: float(kappa[s, 0]))
            pair = {"first": self.first[s], "second": self.second[s], "works": int(self.table[s, 0])}
            out.append(say("worst", **pair, **dict(zip(("kappa", "low", "high"), kappa[s].tolist(), strict=True))))
        _, called, _, _, readings, cost = self.third[min(self.rule.difference, len(self.third)) - 1].tolist()
        facts = {"called": called, "readings": int(readings), "cost": cost, "settled": n[3], "open": n[4]}
        return [*out, say("third", difference=self.rule.difference, **facts), *worth_a_line(self.findings, language=language)]

    def chart(self, kind: str, language: str = "en") -> Chart:
        """Return kappa of pairs of experts or of items with intervals, or the share that each difference sends to a third expert."""
        say, kappa = result_words("raters", language), COLUMNS.index("kappa")
        rows = [s for s, name in enumerate(self.first if kind == "pairs" else self.item) if name]
        labels = [f"{self.first[s]} – {self.second[s]}" if kind == "pairs" else self.item[s] for s in rows]
        numbers, axis = self.table[rows, kappa : kappa + 3], "kappa_axis"
        if kind == "third":
            labels, numbers, axis = [f"{d:.0f}" for d in self.third[:, 0]], self.third[:, 1:4], "third_axis"
        return interval_chart(labels[::-1], numbers[::-1].T, title=say(f"title_{kind}"), x_label=say(axis))


@checked(RatersError)
def check_agreement(ratings: Ratings, *, rule: ThirdExpert = DEFAULT_RULE) -> Agreement:
    """Compare the marks that several experts gave to the same answers.

    Intervals take works as drawn by lot: shares and kappa by leaving out one work at a time, ICC by F. The ICC of a pair, ICC(A,1), and
    of all, ICC(1), is that of whole works in percent of the maximum, the ICC(1) of an item that of its marks. The `rule` says when a
    third expert is called, and which mark then counts; the first two marks are those that stand first in the protocol.
    Raises `RatersError` when fewer than two experts gave marks that can be used.
    """
    links, blocks = joined(ratings)
    answers, shape = ratings.answers(), (len(ratings.persons), len(ratings.items))
    state, final = np.zeros(shape, dtype=np.int64), np.full(shape, np.nan)
    for at, marks in answers.items():
        state[at], final[at] = _settled([*marks.values()], rule)
    pairs, planned = (m.values() for m in answers.values() if len(m) > 1), sum(min(len(m), 2) for m in answers.values())
    far = np.array([abs(first - second) for first, second, *_ in pairs], dtype=np.float64)
    difference = np.arange(1.0, far.max(initial=0) + 2)
    readings, n = (far >= difference[:, None]).sum(axis=1), float(len(far)) or np.nan
    ends = np.clip(wilson(readings / n, np.full(len(difference), n)), 0, 1)
    due = np.nonzero(state == STATES.index("open"))[0]
    found = [
        *Template("raters.third_due").about((ratings.persons[p] for p in due), answers=len(due), difference=rule.difference),
        *([] if len(far) else [Template("raters.never_twice").of()]),
        *apart(links, blocks),
    ]
    announce(found)
    settings = {"rule": f"{rule.difference}, {rule.final}"}
    return Agreement(
        **_statistics(ratings),
        third=np.stack([difference, readings / n, *ends, readings, 100 * readings / planned], axis=1),
        rule=rule,
        persons=ratings.persons,
        items=ratings.items,
        final=final,
        state=state,
        blocks=blocks,
        links=links,
        findings=gathered(ratings.findings, found),
        provenance=provenance("check_agreement", {"ratings": digest_arrays(*(x.astype(np.int32) for x in ratings.rows))}, settings),
    )


def _statistics(ratings: Ratings) -> dict[str, Any]:
    """Return the pairs of experts and items, all marks first, and the table of their agreement."""
    several = {at: sorted(marks.items()) for at, marks in ratings.answers().items() if len(marks) > 1}
    pairs = [(*at, a, b, x, y) for at, marks in several.items() for (a, x), (b, y) in combinations(marks, 2)]
    person, item, low, high, one, other = np.array(pairs, dtype=np.int64).reshape(-1, 6).T
    given = np.array([(*at, *mark) for at, marks in several.items() for mark in marks], dtype=np.int64).reshape(-1, 4).T
    experts, top = ratings.experts, ratings.max_marks
    cases = {("", "", ""): np.ones(len(person), dtype=np.bool_)}
    cases |= {(experts[a], experts[b], ""): (low == a) & (high == b) for a, b in np.unique([low, high], axis=1).T}
    cases |= {("", "", ratings.items[i]): item == i for i in np.unique(item)}
    out = np.full((len(cases), len(COLUMNS)), np.nan)
    for row, ((first, _, _), at) in zip(out, cases.items(), strict=True):
        work, place = np.unique(person[at], return_inverse=True)
        row[:2] = len(work), at.sum()
        row[2:11] = pair_statistics(np.stack([one, other])[:, at], place, ordered=bool(first)).ravel()
        if first:
            shares = (np.bincount(place, weights=x[at]) / np.bincount(place, weights=top[item[at]]) for x in (one, other))
            row[11:] = icc_two_way(np.stack([*shares], axis=1))
        elif len(work):
            mine = given[:, np.isin(given[1], item[at])]
            whole, place = np.unique(mine[[0, 2]], axis=1, return_inverse=True)
            points, most = (np.bincount(place.ravel(), weights=w) for w in (mine[3], top[mine[1]]))
            row[11:] = icc_one_way(points / most, whole[0])
    return {**dict(zip(("first", "second", "item"), zip(*cases, strict=True), strict=True)), "table": out}


def _settled(marks: list[int], rule: ThirdExpert) -> tuple[int, float]:
    """Return what became of an answer with these marks of different experts, and the mark that counts."""
    first = marks[:2]
    if len(marks) == 1 or abs(first[0] - first[1]) < rule.difference:
        return len(first), sum(first) / len(first)
    if len(marks) == 2:
        return STATES.index("open"), np.nan
    nearest = min(combinations(marks[:3], 2), key=lambda pair: (abs(pair[0] - pair[1]), -sum(pair)))
    return STATES.index("third"), marks[2] if rule.final == "third" else sum(nearest) / 2


def apart(links: Sequence[SecondReading], blocks: Sequence[Sequence[str]]) -> tuple[Finding, ...]:
    """Return what is to be said of blocks of experts without common works."""
    sizes = [(block[0], len(block)) for block in blocks]
    return Template("raters.disconnected").about((link.person for link in links), blocks=sizes, parts=len(blocks))


def joined(ratings: Ratings) -> tuple[tuple[SecondReading, ...], tuple[tuple[str, ...], ...]]:
    """Return works that would join all experts if an expert of the largest block marked them too, and the blocks of experts.

    Experts of a block are joined by works they share. Blocks take turns; of each, works with most marks and middling points go first.
    Raises `RatersError` when there are marks of one expert only.
    """
    from scipy.sparse.csgraph import connected_components

    (person, item, expert, mark), P, R = ratings.rows, len(ratings.persons), len(ratings.experts)
    marked = np.zeros((P, R), dtype=np.bool_)
    marked[person, expert] = True
    (p, r), works = np.nonzero(marked), marked.sum(axis=0)
    if np.count_nonzero(works) < 2:
        raise RatersError("raters.one_expert", experts=ratings.experts)
    graph = csr_array((np.ones(len(p)), (p, P + r)), shape=(P + R, P + R))
    label = connected_components(graph, directed=False)[1][P:]
    members = [np.flatnonzero((label == b) & (works > 0)).tolist() for b in dict.fromkeys(label[works > 0].tolist())]
    members.sort(key=lambda block: works[block].sum(), reverse=True)
    if len(members) == 1:
        return (), (tuple(ratings.experts[e] for e in members[0]),)
    points, top = (np.bincount(person, weights=w) for w in (mark, ratings.max_marks[item]))
    off, n = np.abs(points[p] / top[p] - 0.5), np.bincount((np.cumsum(marked) - 1)[person * R + expert])
    best = np.lexsort((np.arange(len(p)), off, -n))
    best = best[np.sort(np.unique(p[best], return_index=True)[1])]
    queues = [best[np.isin(r[best], block)].tolist() for block in members[1:]]
    more = [k for turn in zip_longest(*queues) for k in turn if k is not None][: max(WORKS, len(queues))]
    asked = [ratings.experts[members[0][k % len(members[0])]] for k in range(len(more))]
    links = [
        SecondReading(person=ratings.persons[p[k]], expert=ratings.experts[r[k]], second=second)
        for k, second in zip(more, asked, strict=True)
    ]
    return tuple(links), tuple(tuple(ratings.experts[e] for e in block) for block in members)
