"""Who chose which answer: shares, level on the other items, and the trace by thirds of that level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from competency_dx.arrays import Bools, Codes, Floats, Ints, value
from competency_dx.bank import Item, ItemBank
from competency_dx.responses import FALSE_ALARM, Responses, chance_of, fold_code
from competency_dx.schemas import Count, Probability

SHOWN = 8  # answers of an item without options
SHORTEST, MOST_CODES = 3, 12  # where no bank says so: answers this short and few are options
FREE = {"text", "open", "scored"}
"""Types whose answers are words of persons, which may name somebody, or no answers."""
LEAST_CHOSEN, LEAST_PERSONS = 0.05, 10


@value
class OptionTrace:
    """One answer to one item.

    Attributes
    ----------
    item, option : str
        The option as the table of answers has it, in one spelling.
    text : str
        Its words in the bank, "" where there are none.
    credited : bool
        Whether it earns points.
    n : int
    share : float
        Of those who answered.
    rest : float
        Mean share of points of these persons on the other items; NaN where nobody chose it.
    r : float
        Correlation of choosing it with the level on the other items.
    low, middle, high : float
        Share that chose it in the lower, middle and upper third by the level on the other items.
    """

    item: str
    option: str
    text: str
    credited: bool
    n: Count
    share: Probability
    rest: float
    r: float
    low: Probability
    middle: Probability
    high: Probability


class Choosers(NamedTuple):
    """Persons (P,) who answered an item and others: place, level and mean share on the others, third (0-2), points."""

    persons: Ints
    level: Floats
    mean: Floats
    third: Ints
    points: Codes


def traces_of(data: Responses, i: int, who: Choosers, bank: ItemBank | None) -> tuple[OptionTrace, ...]:
    """Return the answers to the item at place i: options in their order, other answers by frequency, at most eight.

    Empty where raw answers were not kept, and for words of persons, which may name somebody.
    """
    item = None if bank is None or data.items[i] not in {x.id for x in bank.items} else bank.item(data.items[i])
    if data.answers is None or (item is not None and item.type in FREE):
        return ()
    labels, chosen = data.answers.spelled(i)
    if item is None and (len(labels) > MOST_CODES or max(map(len, labels), default=0) > SHORTEST):
        return ()
    code = chosen[who.persons]
    given = data.observed[who.persons, i] & (code >= 0)
    if not given.any():
        return ()
    code, level, mean, third, points = (a[given] for a in (code, who.level, who.mean, who.third, who.points))
    size, K = len(code), len(labels)
    n = np.bincount(code, minlength=K)
    by_third = np.bincount(code * 3 + third, minlength=3 * K).reshape(K, 3) / np.maximum(np.bincount(third, minlength=3), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rest, earned = (np.bincount(code, weights=x, minlength=K) / n for x in (mean, points))
        covariance = np.bincount(code, weights=level - level.mean(), minlength=K) / size
        p = n / size
        r = covariance / np.sqrt(p * (1 - p)) / level.std() if level.std() > 0 else np.full(K, np.nan)
    options = _options(item)
    texts = [options.get(label, ("", ""))[1] for label in labels]
    names = [options.get(label, (label, ""))[0] for label in labels]
    order = [k for k in range(K) if n[k]] if options or item is None else np.argsort(-n, kind="stable")[:SHOWN].tolist()
    numbers = {"share": p, "rest": rest, "r": r} | dict(zip(("low", "middle", "high"), by_third.T, strict=True))
    out = [
        OptionTrace(
            item=data.items[i],
            option=names[k],
            text=texts[k],
            credited=bool(earned[k] > 0),
            n=int(n[k]),
            **{name: float(x[k]) for name, x in numbers.items()},
        )
        for k in order
        if n[k]
    ]
    return (*out, *_never(data.items[i], item, names))


def _options(item: Item | None) -> dict[str, tuple[str, str]]:
    """Return code and words of the options of a single choice, by the spelling of answers given as code or in words."""
    if item is None or item.type != "single":
        return {}
    worded = {fold_code(text): (code, text) for code, text in item.options.items()}
    return worded | {fold_code(code): (code, text) for code, text in item.options.items()}


def _never(name: str, item: Item | None, chosen: Sequence[str]) -> list[OptionTrace]:
    """Return the options that nobody chose."""
    if item is None or item.type != "single":
        return []
    numbers = dict.fromkeys(("share", "low", "middle", "high"), 0.0) | dict.fromkeys(("rest", "r"), float("nan"))
    return [
        OptionTrace(item=name, option=code, text=text, credited=code == item.key, n=0, **numbers)
        for code, text in item.options.items()
        if code not in chosen
    ]


def rivals(options: Sequence[OptionTrace]) -> dict[str, OptionTrace]:
    """Return for each item the answer without credit that goes with a higher level on the other items beyond chance.

    By the t test of its correlation; .01 in equal parts for all answers without credit of all items, and at least 5 % and 10
    persons who chose it.
    """
    wrong = [o for o in options if not o.credited and o.n >= LEAST_PERSONS and o.share >= LEAST_CHOSEN]
    limit, out = FALSE_ALARM / max(len(wrong), 1), dict[str, OptionTrace]()
    for o in sorted(wrong, key=lambda o: -np.nan_to_num(o.r)):
        if o.r > 0 and chance_of(o.r, round(o.n / o.share)) < limit:
            out.setdefault(o.item, o)
    return out


def missing_shares(data: Responses, reason: int, given: Bools) -> Floats:
    """Return the share (I,) of those who were given an item whose cell has this reason, NaN where nobody was."""
    n = given.sum(axis=0)
    count = (data.reasons == reason).sum(axis=0)
    return np.asarray(np.divide(count, n, out=np.full(len(n), np.nan), where=n > 0))
