"""What is concluded about one competency, by which standards and which decision rule.

Standards are cuts, levels between them and who owns the boundary. One conclusion: states and reasons, whether it has support of its
own, and what a report may show of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Annotated, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from competency_dx.arrays import Bools, Count, Finite, Floats, Ids, Ints, choice, held_to, value
from competency_dx.bank import Text
from competency_dx.display import Chart, column_title, point_chart, result_words
from competency_dx.errors import LANGUAGES, DiagnosisError
from competency_dx.responses import MissingPolicy, Reason, Reasons, Responses, answers_given
from competency_dx.result import decode
from competency_dx.wording import toml_content

Boundary = Literal["upper", "lower"]
State = Literal["confirmed", "likely", "indeterminate", "not_found", "insufficient_data"]
Status = Literal["reported", "no_items", "too_few_items", "borrowed", "misfit", "low_effort", "partly_tested"]
UnitKind = Literal["category", "cluster", "domain", "topic"]
STATES: tuple[State, ...] = get_args(State)
STATUSES: tuple[Status, ...] = get_args(Status)
REPORTED = STATUSES.index("reported")
CONFIRMED, LIKELY, NOT_FOUND = (STATES.index(s) for s in ("confirmed", "likely", "not_found"))
KEPT = 1024  # reasons
SEE = "; "  # between why nothing is concluded and where to look
LEAST_CHOICES = 8  # items with options from which filling in without reading shows: by chance in fewer than 1 of 10,000
ROUNDING = 1e-9
OMITTED_BY_ONE = 0.1  # beyond it a percent moves by five points and more where half of the persons solve the items omitted
HALF, OF_EVIDENCE = 0.5, -2
CARRIERS, FELT = 3, 0.01  # answers named for a conclusion at most, and by how much each has to move P(deficit)
SAME = 0.9  # share of one option among the answers


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
    cuts : Ascending percents; the first decides deficits, the last decides strengths.
    levels : One more than there are cuts.
    boundaries : For each cut, the level that owns a percent exactly on it.
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


@value
class Competency:
    """A reporting unit of the framework, as the profile shows it (topics are item tags, never reported)."""

    code: Annotated[str, held_to(minLength=1)]
    title: Text
    kind: UnitKind
    parent: str | None
    n_items: Count  # items of the bank that are evidence for it
    reference_points: Count  # points of its reference set, the denominator of percent


@value
class ItemFact:
    """What a report may show of an item: never its key."""

    item: str
    title: Text
    topics: Ids  # competency codes the item carries
    competencies: Ids  # reporting units it is evidence for
    max_score: Count
    difficulty: Annotated[float, "θ at which half the points are expected; NaN without parameters"]
    status: str  # provisional | pilot | calibrated | "" (no parameters)


@value
class Evidence:
    """One answered item behind a conclusion."""

    item: str
    title: Text
    topics: tuple[str, ...]
    points: int
    max_score: int
    expected: float  # points expected at the person's estimate
    treated_as: str  # "answered", or the missing reason counted as wrong ("omitted", "not_reached")
    influence: float  # P(deficit) of its leaf less what it would be without this answer


@value
class Conclusion:
    """What is concluded about one competency of one person.

    `p_deficit` is P(percent below the lower cut), `p_strength` P(percent above the upper cut); `level` is the most probable
    level that the state allows, with its probability. `own_share` is the share of the variance given all other answers that
    the answers to the competency's own items take away, `leans_on` the competency whose answers move this conclusion most
    beside its own. `reliability`, `prmse_total` and `prmse` are properties of the items answered: how well the own sum of
    points, that of the whole test, and all sums together predict the percent. `reported_at` is the code at which a
    conclusion is drawn: itself, an ancestor when this one cannot carry it, or "" when none can. `carriers` are the items whose
    answers move P(deficit) of this competency most towards what is more probable, at most three, and by how much.
    """

    competency: Competency
    state: State
    strength: State
    level: str
    p_deficit: float
    p_strength: float
    percent: float
    percent_low: float
    percent_high: float
    theta: float
    se: float
    n_items: int
    level_probability: float
    own_share: float
    leans_on: str
    reliability: float
    prmse_total: float
    prmse: float
    reported_at: str
    status: Status
    reason: Text
    evidence: tuple[Evidence, ...]
    carriers: tuple[tuple[str, float], ...]


NUMBERS = tuple(f.name for f in fields(Conclusion) if f.type is float)
OF_FORM = ("reliability", "prmse_total", "prmse")


def strongest(evidence: Iterable[Evidence], p_deficit: float) -> tuple[tuple[str, float], ...]:
    """Return the `carriers` of a competency that has one leaf, which the influences of its answers are about."""
    towards = 1 if p_deficit >= HALF else -1
    moves = sorted(((e.item, e.influence) for e in evidence), key=lambda move: -towards * move[1])
    return tuple(move for move in moves[:CARRIERS] if towards * move[1] >= FELT)


@lru_cache(maxsize=KEPT)
def reason(status: Status, rule: DeficitRule, target: Competency | None) -> Text:
    """Say why a competency is reported where it is."""
    if status == "reported":
        return Text(ru="", en="")
    both = {}
    for language in LANGUAGES:
        say = result_words("competencies", language)
        see = say("see" if target else "no_conclusion", title=target.title.text(language) if target else "")
        both[language] = f"{say(status, least=rule.min_items, coverage=100 * rule.coverage)}{SEE}{see}"
    return Text(**both)


def state_lines(codes: Sequence[str], counts: Ints, room: int, language: str) -> list[str]:
    """Return the numbers of persons in each state (C, 5) by competency, as at most `room` lines, the last counting the others."""
    rows = [f"{code:<12}" + "".join(f"{n:>18}" for n in line) for code, line in zip(codes, counts, strict=True)]
    shown, hidden = rows[: room - 2], len(rows) - (room - 2)
    head = f"{column_title('competency', language):<12}" + "".join(f"{column_title(s, language):>18}" for s in STATES)
    return [head, *shown, result_words("competencies", language)("more", n=hidden)] if hidden > 0 else [head, *rows]


def deficit_chart(labels: Sequence[str], shares: Floats, language: str) -> Chart:
    """Return the share of persons (C,) with a confirmed or likely deficit, in per cent."""
    title, label = map(result_words("competencies", language), ("deficits", "deficits_axis"))
    return point_chart(labels, {"": shares}, title=title, x_label=label)


def statuses(n_items: Ints, own_share: Floats, covered: Floats, stopped: tuple[Floats, Bools], rule: DeficitRule) -> NDArray[np.int8]:
    """Return for each person and unit (P, C) whether a conclusion is drawn and if not, the first reason why.

    `covered` (P, C) is the share of reference points in leaves with an answer, or that of answers among the items that count if it
    is less; `stopped` the misfit of a person's answers and whether they were given without effort (P,).
    """
    misfit, effortless = stopped
    conditions = {
        "no_items": n_items == 0,
        "low_effort": np.broadcast_to(effortless[:, None], n_items.shape),
        "misfit": np.broadcast_to(misfit[:, None] < rule.misfit, n_items.shape),
        "too_few_items": n_items < rule.min_items,
        "partly_tested": covered < rule.coverage - ROUNDING,
        "borrowed": own_share < rule.own_share,
    }
    return np.select(list(conditions.values()), [STATUSES.index(name) for name in conditions], REPORTED).astype(np.int8)


def roll_up(status: NDArray[np.int8], parent: tuple[int, ...]) -> NDArray[np.int16]:
    """Return where each unit's conclusion is drawn (P, C): itself, its nearest ancestor with one, or -1; parents come first."""
    out = np.full(status.shape, -1, dtype=np.int16)
    for c, up in enumerate(parent):
        out[:, c] = np.where(status[:, c] == REPORTED, c, out[:, up] if up >= 0 else np.int16(-1))
    return out


def one_option(data: Responses, columns: Ints) -> Bools:
    """Return who gave one and the same answer (P,) to nearly all of the items with options at these columns, mostly wrong."""
    counts: dict[str, Ints] = defaultdict(lambda: np.zeros(len(data.persons), dtype=np.int64))
    answers, answered = data.answers, data.reasons[:, columns] == Reason.ANSWERED
    if answers is None:
        return np.zeros(len(answered), dtype=np.bool_)
    total, right = answered.sum(axis=1), (answered & (data.scores[:, columns] > 0)).sum(axis=1)
    for j, given in zip(columns, answered.T, strict=True):
        for v, text in enumerate(answers.vocabulary[j]):
            counts[text.strip().casefold()] += given & (answers.codes[:, j] == v)
    most = np.max(list(counts.values()), axis=0, initial=0) if counts else np.zeros_like(total)
    return np.asarray((total >= LEAST_CHOICES) & (most >= SAME * total) & (2 * right < total))


def counted_as_wrong(reasons: Reasons) -> tuple[Ints, Ints]:
    """Return of the reasons (…, I) of cells that count how many items have no answer and are taken for wrong, and of how many (…)."""
    missed = np.isin(reasons, (Reason.OMITTED, Reason.NOT_REACHED))
    return missed.sum(axis=-1), (missed | answers_given(reasons)).sum(axis=-1)


def levels(below: Floats, state: NDArray[np.int8]) -> tuple[NDArray[np.int8], Floats]:
    """Return the most probable level (P, C) that the state allows and its probability; -1 and NaN where nothing is concluded.

    `below` (P, C, cuts) are P(percent below each cut). A deficit has the lowest level, a deficit not found any other.
    """
    probability = np.diff(below, axis=2, prepend=0.0, append=1.0)
    allowed = np.ones(probability.shape, dtype=np.bool_)
    allowed[:, :, 0] = state != NOT_FOUND
    allowed[:, :, 1:] = ~np.isin(state, (CONFIRMED, LIKELY))[:, :, None]
    best = np.where(allowed, probability, -1.0).argmax(axis=2)
    at_best = np.take_along_axis(probability, best[:, :, None], axis=2)[:, :, 0]
    concluded = state <= NOT_FOUND
    return np.where(concluded, best, -1).astype(np.int8), np.where(concluded, np.clip(at_best, 0.0, 1.0), np.nan)
