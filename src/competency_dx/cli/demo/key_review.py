"""A wrong key: planting one in the demo, looking at the options of a doubtful item, putting the key right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from competency_dx.arrays import Floats, value
from competency_dx.bank import Item, ItemBank
from competency_dx.cli.demo.cohort import Cohort
from competency_dx.findings import Finding
from competency_dx.responses import Responses, score_answers

PROBABLE_WRONG_KEY = "calibration.probable_wrong_key"
LEAST_CHOSEN = 0.05
CLEARLY = 2.0
"""An option is suggested when its correlation with the rest of the test is this many standard errors above zero."""


@value
class OptionUse:
    """How often an option was chosen, and how well those who chose it did on the other items."""

    code: str
    share: float
    rest: float


@value
class KeyDoubt:
    """A single-choice item whose key the data speak against.

    Attributes
    ----------
    suggestion : str
        The option that behaves like the key; "" when none clearly does.
    options : tuple of OptionUse
        In the order of the item; `rest` is a mean share of points, NaN where nobody chose the option.
    """

    item: str
    key: str
    suggestion: str
    options: tuple[OptionUse, ...]


def plant_wrong_key(cohort: Cohort) -> tuple[ItemBank, str]:
    """Return the bank with the key of one single-choice item moved to its most popular wrong option, and the item.

    The item is in every form and tells strong from weak persons best, so that a check has data to work on.
    """
    common = set.intersection(*(set(form.items) for form in cohort.bank.forms))
    places = [i for i, item in enumerate(cohort.bank.items) if item.type == "single" and item.id in common]
    chosen = max(places, key=lambda i: _spread(cohort, i))
    item = cohort.bank.items[chosen]
    written = [row[chosen].rstrip(")") for row in cohort.answers]
    wrong = max((c for c in item.options if c != item.key), key=written.count)
    return with_key(cohort.bank, item.id, wrong), item.id


def _spread(cohort: Cohort, place: int) -> float:
    """Return the variance of the persons' probability to be right: high where an item separates them."""
    return float(cohort.truth.expected[:, place].std())


def with_key(bank: ItemBank, item_id: str, key: str) -> ItemBank:
    """Return the bank with another key for one single-choice item."""
    items = tuple(item.model_copy(update={"key": key}) if item.id == item_id else item for item in bank.items)
    return replace(bank, items=items)


def key_doubts(findings: Sequence[Finding], responses: Responses, bank: ItemBank) -> tuple[KeyDoubt, ...]:
    """Return the single-choice items that the calibration suspects of a wrong key, with the use of their options."""
    suspected = [i for f in findings if f.code == PROBABLE_WRONG_KEY for i in f.scope]
    items = [bank.item(i) for i in suspected]
    return tuple(_doubt(responses, item) for item in items if item.type == "single" and item.options)


def _doubt(responses: Responses, item: Item) -> KeyDoubt:
    place = responses.items.index(item.id)
    rest = rest_shares(responses, place)
    uses = {code: _use(responses, item, place, code, rest) for code in item.options}
    r = {code: _correlation(chosen, rest) for code, chosen in uses.items()}
    best = max(r, key=lambda code: r[code])
    return KeyDoubt(
        item=item.id,
        key=str(item.key),
        suggestion=best if r[best] * np.sqrt(np.isfinite(rest).sum()) > CLEARLY and best != item.key else "",
        options=tuple(_option(code, chosen, rest) for code, chosen in uses.items()),
    )


def rest_shares(responses: Responses, place: int) -> Floats:
    """Return each person's share of points on the answered items other than one (P,), NaN without any."""
    seen = responses.observed.copy()
    seen[:, place] = False
    possible = seen @ responses.max_scores
    earned = np.where(seen, responses.scores, 0).sum(axis=1)
    return np.asarray(np.where(possible > 0, earned / np.maximum(possible, 1), np.nan))


def _use(responses: Responses, item: Item, place: int, code: str, rest: Floats) -> Floats:
    """Return 1 where a person chose the option, 0 where another one, NaN without an answer (P,)."""
    assert responses.answers is not None
    words = responses.answers.vocabulary[place]
    means = score_answers(item.model_copy(update={"key": code}), words)[0] > 0
    chosen = np.append(means, False)[responses.answers.codes[:, place]]
    return np.where(responses.observed[:, place] & np.isfinite(rest), chosen.astype(float), np.nan)


def _correlation(chosen: Floats, rest: Floats) -> float:
    there = np.isfinite(chosen)
    x, y = chosen[there], rest[there]
    if x.size < 3 or x.mean() < LEAST_CHOSEN or x.std() == 0 or y.std() == 0:
        return -1.0
    return float(np.corrcoef(x, y)[0, 1])


def _option(code: str, chosen: Floats, rest: Floats) -> OptionUse:
    took = chosen == 1
    return OptionUse(
        code=code,
        share=float(np.nanmean(chosen)) if np.isfinite(chosen).any() else float("nan"),
        rest=float(rest[took].mean()) if took.any() else float("nan"),
    )
