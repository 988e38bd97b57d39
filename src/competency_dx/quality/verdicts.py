"""What to do with each item: reasons by stated rules, and the verdict that follows from the gravest of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from competency_dx.arrays import Bools, Floats, FrozenDict, Ints
from competency_dx.bank import Text
from competency_dx.display import result_words
from competency_dx.errors import LANGUAGES
from competency_dx.findings import Finding, Template
from competency_dx.quality.classical import OptionTrace, correlation_limits
from competency_dx.responses import LEAST_ANSWERS, tail_findings

Verdict = Literal["repair", "drop", "look", "undecided", "keep"]
ORDER: tuple[Verdict, ...] = get_args(Verdict)  # the verdicts, the most urgent first
VERDICTS: Mapping[Verdict, Text] = FrozenDict(
    repair=Text(ru="исправить", en="repair"),
    drop=Text(ru="исключить", en="drop"),
    look=Text(ru="посмотреть", en="look"),
    undecided=Text(ru="вывода нет", en="no verdict"),
    keep=Text(ru="оставить", en="keep"),
)
UNRELATED, WEAK, RELATED = 0.10, 0.20, 0.30
EASY, HARD = 0.95, 0.05
MOST_LEFT_OUT = 0.15
END = 0.15  # share of persons at the highest or lowest sum of points (McHorney & Tarlov 1995)
ENOUGH = 100  # answers from which a correlation is known to ±.2
_FOLLOWS: Mapping[str, Verdict] = {
    "quality.item_wrong_key": "repair",
    "quality.item_other_key": "repair",
    "quality.item_constant": "drop",
    "quality.item_unrelated": "drop",
    "quality.item_few_answers": "undecided",
    "quality.item_alone": "undecided",
    "quality.item_sound": "keep",
}


class ItemFacts(NamedTuple):
    """What verdicts rest on, of I items; shares 0-1, NaN and empty where nobody knows."""

    items: tuple[str, ...]
    n: Ints
    share: Floats
    limits: tuple[Floats, Floats]
    constant: Bools
    rest: Floats
    omitted: Floats
    not_reached: Floats
    in_tail: Floats
    suspected: Mapping[str, str]
    rivals: Mapping[str, OptionTrace]


def reasons_of(f: ItemFacts) -> tuple[Finding, ...]:
    """Return the reasons of the verdicts, at least one for each item, in the order of the items.

    A verdict needs 30 answers. *repair*: the screening of keys that `calibrate` uses suspects it. *drop*: all points are the
    same, or the correlation with the rest is surely below .10 and not surely below 0 (its 95 % limits). *look*: the correlation
    is surely below 0, though not enough for the screening; or below .20 and surely below .30; a wrong answer goes with the better
    persons; the share of points is surely above .95 or below .05; more than 15 % left it out or did not reach it.
    """
    low, high = correlation_limits(f.rest, f.n)
    return tuple(reason for i in range(len(f.items)) for reason in _reasons(f, i, float(low[i]), float(high[i])))


def _reasons(f: ItemFacts, i: int, low: float, high: float) -> list[Finding]:
    item, r, n = f.items[i], float(f.rest[i]), int(f.n[i])
    if n < LEAST_ANSWERS:
        return [Template("quality.item_few_answers").of([item], answers=n, least=LEAST_ANSWERS)]
    if f.constant[i]:
        return [Template("quality.item_constant").of([item], points=f"{100 * f.share[i]:.0f} %")]
    if item in f.suspected:
        if not (answer := f.suspected[item]):
            return [Template("quality.item_wrong_key").of([item], r=r)]
        return [Template("quality.item_other_key").of([item], r=r, answer=answer)]
    if not np.isfinite(r):
        return [Template("quality.item_alone").of([item])]
    out: list[Finding] = []
    if high < 0:
        out.append(Template("quality.item_negative").of([item], r=r, low=low, high=high))
    elif high < UNRELATED:
        out.append(Template("quality.item_unrelated").of([item], r=r, high=high))
    elif r < WEAK and high < RELATED:
        out.append(Template("quality.item_weak").of([item], r=r, low=low, high=high))
    if item in f.rivals:
        rival = f.rivals[item]
        out.append(Template("quality.item_rival").of([item], answer=rival.option, r=rival.r, share=100 * rival.share))
    shares: tuple[tuple[bool, str, float], ...] = (
        (bool(f.limits[0][i] > EASY), "quality.item_easy", float(f.share[i])),
        (bool(f.limits[1][i] < HARD), "quality.item_hard", float(f.share[i])),
        (bool(f.omitted[i] > MOST_LEFT_OUT), "quality.item_omitted", float(f.omitted[i])),
        (bool(f.not_reached[i] > MOST_LEFT_OUT), "quality.item_not_reached", float(f.not_reached[i])),
        (bool(f.in_tail[i] > MOST_LEFT_OUT), "quality.item_zero_tail", float(f.in_tail[i])),
    )
    out += [Template(code).of([item], share=100 * share) for holds, code, share in shares if holds]
    return out or [Template("quality.item_sound").of([item], share=100 * float(f.share[i]), r=r)]


def verdict_of(reasons: Sequence[Finding]) -> Verdict:
    """Return what follows from the gravest of the reasons about one item."""
    return min((_FOLLOWS.get(r.code, "look") for r in reasons), key=ORDER.index)


def of_the_test(f: ItemFacts, earned: Floats, possible: Floats) -> tuple[Finding, ...]:
    """Return what is to be said of the test: keys, few answers, zeros at the end, ceiling and floor by the sums of persons (P,)."""
    few = [item for item, n in zip(f.items, f.n, strict=True) if n < LEAST_ANSWERS]
    rough = [item for item, n in zip(f.items, f.n, strict=True) if LEAST_ANSWERS <= n < ENOUGH]
    named = {item: answer for item, answer in f.suspected.items() if answer}
    answers = tuple(f"{item} — {answer}" for item, answer in named.items())
    words = {lang: result_words("quality", lang)("key_answers", answers=answers) if named else "" for lang in LANGUAGES}
    given = possible > 0
    ends = (given & (earned == possible)).sum(), (given & (earned == 0)).sum()
    top, bottom = (float(n / max(given.sum(), 1)) for n in ends)
    many = given.sum() >= LEAST_ANSWERS
    return (
        *Template("quality.probable_wrong_key").about(f.suspected, answers=words),
        *tail_findings(f.items, f.in_tail),
        *((Template("quality.ceiling").of(share=100 * top),) if many and top > END else ()),
        *((Template("quality.floor").of(share=100 * bottom),) if many and bottom > END else ()),
        *Template("quality.few_answers").about(few, least=LEAST_ANSWERS),
        *Template("quality.rough").about(rough, enough=ENOUGH),
    )
