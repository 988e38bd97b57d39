"""Item analysis before any model: what each item is worth, in numbers and in words, and what to do with it.

Classical numbers of each item, reasons by stated rules, and the verdict that follows from the gravest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, compress
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np

from competency_dx.arrays import Z95, Bools, Count, Floats, FrozenDict, Ids, Ints, held_to, value
from competency_dx.bank import ItemBank, Text
from competency_dx.display import Chart, Series, code_word, result_words, toml_content
from competency_dx.errors import LANGUAGES, CalibrationError, ResponsesError, checked
from competency_dx.findings import Finding, Template, announce, gathered, worth_a_line
from competency_dx.quality import classical
from competency_dx.quality.classical import OptionTrace
from competency_dx.responses import LEAST_ANSWERS, MissingPolicy, RestScores, answers_to_tests, suspected_keys, tail_findings
from competency_dx.result import DataFrame, Outcome, digest_arrays, frame, provenance

if TYPE_CHECKING:
    from competency_dx.calibration import Calibration

Verdict = Literal["repair", "drop", "look", "undecided", "keep"]
ORDER: tuple[Verdict, ...] = get_args(Verdict)  # the verdicts, the most urgent first
VERDICTS: Mapping[Verdict, Text] = FrozenDict({v: Text(**toml_content("quality", "verdicts")["words"][v]) for v in ORDER})
WEAK = 0.20  # correlation with the rest
LINES, PANELS = 5, 9
UNRELATED, RELATED = 0.10, 0.30
EASY, HARD = 0.95, 0.05
MOST_LEFT_OUT = 0.15
END = 0.15  # share of persons at the highest or lowest sum of points (McHorney & Tarlov 1995)
ENOUGH = 100  # answers from which a correlation is known to ±.2
_FOLLOWS: Mapping[str, Verdict] = toml_content("quality", "verdicts")["by_reason"]


@value
class ItemAnalysis(Outcome):
    """Classical numbers of I items, and a verdict on each with its reasons.

    Attributes
    ----------
    items : tuple of str
    verdicts : What to do with each item; "undecided" below 30 answers.
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


@checked(CalibrationError)
def check_items(responses: object, bank: ItemBank | None = None, *, missing: MissingPolicy | None = None) -> ItemAnalysis:
    """Analyse items before any model: how hard, how related, who chose what, and what to do with each.

    Booklets are analysed by what each person got; see the attributes of `ItemAnalysis` for how.
    Raises `ResponsesError` when the table cannot be read without guessing, or holds no persons or no items.

    Parameters
    ----------
    responses : Responses, data frame, array or path. Persons by items; raw answers with a bank or as `load_responses` kept them,
        otherwise points.
    bank : Keys for raw answers, the highest points of every item, the options with their words.
    missing : Which missing answers count as wrong, as in `calibrate`.

    Examples
    --------
    >>> import numpy as np
    >>> right = np.random.default_rng(1).random((200, 8)) < np.linspace(0.2, 0.9, 200)[:, None]
    >>> set(check_items(right.astype(int)).verdicts)
    {'keep'}
    """
    data = answers_to_tests(responses, bank)
    if not data.scores.size:
        raise ResponsesError("quality.no_table", persons=len(data.persons), items=len(data.items))
    policy = missing or MissingPolicy()
    policy.check_scored()
    codes, observed = data.effective(policy)
    others = RestScores.of(codes, observed, data.max_scores)
    highest, n, r = others.highest, observed.sum(axis=0), others.correlations()
    answered, left_out = observed.any(axis=1), classical.left_out(data, codes, observed)
    moments = classical.PairMoments.of(codes[answered], observed[answered])
    mean, variance = moments.mean, np.diag(moments.covariance) * (n - 1) / np.maximum(n, 1)
    by_third, options = classical.traced(data, others, bank)
    suspected = {s.item: s.suggestion for s in suspected_keys(data, policy=missing, rest=r)}
    inputs = {"responses": digest_arrays(codes, np.packbits(observed))} | ({"bank": bank.digest} if bank else {})
    persons = int(answered.sum())
    out = _judged(
        (n > 0) & (variance <= 0),
        suspected,
        classical.rivals(options),
        items=data.items,
        n=n,
        max_scores=data.max_scores,
        share=mean / highest,
        **classical.mean_limits(mean, variance, highest, n),
        item_rest=r,
        **classical.alphas(moments, persons, left_out["n_given"]),
        **left_out,
        thirds=by_third,
        options=options,
        n_persons=persons,
        missing=policy,
        findings=gathered(data.findings, _of_the_test(others, suspected, left_out["in_tail"], data.items)),
        provenance=provenance("check_items", inputs, {"missing": policy.describe("en")}),
    )
    announce(out.findings, known=data.findings)
    return out


def _judged(
    constant: Bools,
    suspected: Mapping[str, str],
    rivals: Mapping[str, classical.OptionTrace],
    **facts: Any,  # noqa: ANN401 - the other fields
) -> ItemAnalysis:
    """Return the analysis of these facts, with reasons and the verdict on each item."""
    facts |= {"mean": facts["share"] * np.maximum(facts["max_scores"], 1)}
    z = np.arctanh(np.clip(facts["item_rest"], -1 + 1e-12, 1 - 1e-12))  # Fisher (1921)
    half = Z95 / np.sqrt(np.where(facts["n"] > 3, facts["n"] - 3, np.nan))
    facts |= {"item_rest_low": np.tanh(z - half), "item_rest_high": np.tanh(z + half)}
    out = ItemAnalysis(verdicts=(), reasons=(), suspected_keys=tuple(suspected), **facts)
    reasons = [_reasons(out, i, rivals.get(item), suspected.get(item), constant[i]) for i, item in enumerate(out.items)]
    verdicts = tuple(min((_FOLLOWS.get(r.code, "look") for r in of_item), key=ORDER.index) for of_item in reasons)
    return replace(out, verdicts=verdicts, reasons=tuple(chain.from_iterable(reasons)))


def _reasons(a: ItemAnalysis, i: int, rival: classical.OptionTrace | None, key: str | None, constant: bool) -> list[Finding]:  # noqa: FBT001
    """Return the reasons of the verdict on the item at place i, at least one; `key` is what the screening of keys suggests."""
    item, r, n = a.items[i], float(a.item_rest[i]), int(a.n[i])
    low, high, share = float(a.item_rest_low[i]), float(a.item_rest_high[i]), float(a.share[i])
    if n < LEAST_ANSWERS:
        return [Template("quality.item_few_answers").of([item], answers=n, least=LEAST_ANSWERS)]
    if constant:
        return [Template("quality.item_constant").of([item], points=f"{100 * share:.0f} %")]
    if key is not None:
        other = Template("quality.item_other_key").about([item] * bool(key), r=r, answer=key)
        return [*(other or Template("quality.item_wrong_key").about([item], r=r))]
    if not np.isfinite(r):
        return [Template("quality.item_alone").of([item])]
    out: list[Finding] = []
    if high < 0:
        out.append(Template("quality.item_negative").of([item], r=r, low=low, high=high))
    elif high < UNRELATED:
        out.append(Template("quality.item_unrelated").of([item], r=r, high=high))
    elif r < WEAK and high < RELATED:
        out.append(Template("quality.item_weak").of([item], r=r, low=low, high=high))
    if rival is not None:
        out.append(Template("quality.item_rival").of([item], answer=rival.option, r=rival.r, share=100 * rival.share))
    shares = {
        "quality.item_easy": (a.share_low[i] > EASY, share),
        "quality.item_hard": (a.share_high[i] < HARD, share),
        "quality.item_omitted": (a.omitted[i] > MOST_LEFT_OUT, float(a.omitted[i])),
        "quality.item_not_reached": (a.not_reached[i] > MOST_LEFT_OUT, float(a.not_reached[i])),
        "quality.item_zero_tail": (a.in_tail[i] > MOST_LEFT_OUT, float(a.in_tail[i])),
    }
    out += [Template(code).of([item], share=100 * much) for code, (holds, much) in shares.items() if holds]
    return out or [Template("quality.item_sound").of([item], share=100 * share, r=r)]


def _of_the_test(others: RestScores, suspected: Mapping[str, str], tails: Floats, items: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return what is to be said of the test: keys, few answers, zeros at the end, ceiling and floor by the sums of persons."""
    n, given = others.observed.sum(axis=0), others.possible > 0
    answers = tuple(f"{item} — {answer}" for item, answer in suspected.items() if answer)
    words = {lang: result_words("quality", lang)("key_answers", answers=answers) if answers else "" for lang in LANGUAGES}
    ends = {"quality.ceiling": others.earned == others.possible, "quality.floor": others.earned == 0}
    shares = {code: float((given & at).sum() / max(given.sum(), 1)) for code, at in ends.items()}
    many = given.sum() >= LEAST_ANSWERS
    return (
        *Template("quality.probable_wrong_key").about(suspected, answers=words),
        *tail_findings(items, tails),
        *(Template(code).of(share=100 * share) for code, share in shares.items() if many and share > END),
        *Template("quality.few_answers").about(compress(items, n < LEAST_ANSWERS), least=LEAST_ANSWERS),
        *Template("quality.rough").about(compress(items, (n >= LEAST_ANSWERS) & (n < ENOUGH)), enough=ENOUGH),
    )


def items_of(calibration: "Calibration") -> ItemAnalysis:
    """Return the item analysis that a calibration carries: answers, shares of points, correlations with the rest, doubtful keys.

    What only the answers say is NaN or empty: alpha, thirds, options, what was left out. Items with parameters of their own in
    groups have a row in each.
    """
    p, n = calibration.parameters, calibration.n_answers
    items, unknown, highest = p.labels, np.full(len(n), np.nan), (p.n_categories - 1).astype(np.float64)
    share = calibration.share if calibration.share.size else unknown
    flat, doubted = set[str](), dict[str, str]()
    for finding in calibration.findings:
        if finding.code == "calibration.constant_item":
            flat |= set(finding.scope)
        elif finding.code == "calibration.probable_wrong_key":
            doubted |= dict.fromkeys(finding.scope, "")
        elif finding.code == "calibration.other_key":
            doubted |= finding.facts["answers"]
    return _judged(
        np.array([item in flat for item in p.items], dtype=np.bool_),
        {label: doubted[item] for label, item in zip(items, p.items, strict=True) if item in doubted},
        {},
        items=items,
        n=n,
        max_scores=p.n_categories - 1,
        share=share,
        **classical.mean_limits(share * highest, share * (1 - share) * highest**2, highest, n),
        item_rest=calibration.item_rest,
        **dict.fromkeys(("alpha", "alpha_low", "alpha_high", "alpha_given", "n_given"), np.nan),
        **dict.fromkeys(("alpha_without", "omitted", "not_reached", "in_tail"), unknown),
        thirds=np.full((len(n), 3), np.nan),
        options=(),
        n_persons=calibration.n_persons,
        missing=MissingPolicy(),
        findings=(),
        provenance=calibration.provenance,
    )
