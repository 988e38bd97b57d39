"""Raw answers as people write them, found by search: everything offered is scored by the item's own rule first.

For each item a pool of written answers is gathered, right, partly right and wrong ones, each in several spellings. The
rules of `responses` then say how many points each of them earns, so that an answer drawn for k points earns exactly k.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from competency_dx.arrays import Floats, Ints
from competency_dx.bank import CodeMap, Given, Item, Rubric
from competency_dx.responses import Reason, score_answers

MOST_CANDIDATES = 1500
OFTEN_WRONG = 2
"""Sequences with more wrong places than this are rare and are offered in one spelling only."""
MISCONCEPTION = 3.0
"""How much oftener a wrong option is chosen when a misconception leads to it."""

Written = Iterator[tuple[str, float]]
"""Ways to answer, and how often each occurs relative to others that earn as much."""


@cache
def content(name: str) -> Mapping[str, Any]:
    """Return what a TOML file of the demo holds."""
    return tomllib.loads(files("competency_dx_demo").joinpath(f"{name}.toml").read_text("utf-8"))


@cache
def words(language: str) -> Mapping[str, Any]:
    """Return what the files, the pages and the messages of the demo say in a language."""
    return {key: both[language] for key, both in content("words").items()}


class AnswerPool(NamedTuple):
    """Written answers that earn the same points, with their probabilities (V,)."""

    texts: tuple[str, ...]
    chances: Floats


def answer_pools(item: Item, rng: np.random.Generator) -> Mapping[int, AnswerPool]:
    """Return for every number of points that an answer can earn the written answers that earn it.

    `rng` decides how popular each wrong answer is.
    """
    weights: dict[str, float] = {}
    for text, weight in _candidates(item, rng):
        weights[text] = weights.get(text, 0.0) + weight
    texts, weight_of = np.array(list(weights), dtype=object), np.array(list(weights.values()))
    points, status = score_answers(item, tuple(weights))
    out = {}
    for k in np.unique(points[status == Reason.ANSWERED]).tolist():
        earns = (status == Reason.ANSWERED) & (points == k)
        out[k] = AnswerPool(tuple(texts[earns]), weight_of[earns] / weight_of[earns].sum())
    return out


def reachable(points: Ints, pools: Mapping[int, AnswerPool]) -> Ints:
    """Return the points (P,), each lowered to the next number of points that some answer earns."""
    levels = np.array(sorted(pools))
    return np.asarray(levels[np.maximum(np.searchsorted(levels, points, side="right") - 1, 0)])


def draw_answers(points: Ints, pools: Mapping[int, AnswerPool], rng: np.random.Generator) -> list[str]:
    """Return a written answer for each person (P,) that earns exactly the person's points."""
    out = np.empty(len(points), dtype=object)
    for k, (texts, chances) in pools.items():
        rows = np.flatnonzero(points == k)
        out[rows] = np.array(texts, dtype=object)[rng.choice(len(texts), size=rows.size, p=chances)]
    return [str(text) for text in out]


def _candidates(item: Item, rng: np.random.Generator) -> Written:
    if isinstance(item.rule, Rubric):
        return _ratings(item)
    if isinstance(item.rule, CodeMap):
        return ((code, 1.0) for code in (*item.rule.scores, *item.rule.zero))
    if isinstance(item.rule, Given):
        return ((str(k), 1.0) for k in range(item.max_score + 1))
    key: Any = item.key
    return WAYS[item.type](item, key, rng)


def _popularity(item: Item, rng: np.random.Generator) -> dict[str, float]:
    """Return how attractive each option is: uneven, and more so where a misconception leads to it."""
    draws = (rng.gamma(2.0, 0.5, size=len(item.options)) + 0.1).tolist()
    liked = zip(item.options, draws, strict=True)
    return {code: x * (MISCONCEPTION if code in item.misconceptions else 1.0) for code, x in liked}


def _choices(item: Item, _: str, rng: np.random.Generator) -> Written:
    for code, weight in _popularity(item, rng).items():
        yield from ((code, 0.97 * weight), (f"{code})", 0.03 * weight))


def _sets(item: Item, key: tuple[str, ...], rng: np.random.Generator) -> Written:
    liked = _popularity(item, rng)
    for size in range(1, len(item.options) + 1):
        for chosen in itertools.combinations(item.options, size):
            wrong = [liked[c] for c in chosen if c not in key]
            weight = float(np.prod(wrong)) * np.exp(-1.5 * abs(size - len(key)) - len(wrong))
            yield from _spelled(chosen, weight, ("", ", ", ";", " "))


def _orders(_: Item, key: tuple[str, ...], rng: np.random.Generator) -> Written:
    for row in _sampled(itertools.permutations(key), rng):
        misplaced = sum(a != k for a, k in zip(row, key, strict=True))
        marks = ("", "-", ", ", " ") if misplaced <= OFTEN_WRONG else ("",)
        yield from _spelled(row, float(np.exp(-0.7 * misplaced)), marks)
    for k in range(len(key)):
        yield from _spelled(key[:k] + key[k + 1 :], 1e-3, ("", "-"))


def _rows(item: Item, key: dict[str, str], rng: np.random.Generator) -> Written:
    codes = tuple(key.values())
    once = len(set(codes)) == len(codes)
    options = item.options or dict.fromkeys(codes)
    sampled = _sampled(itertools.chain([codes], itertools.product(options, repeat=len(codes))), rng)
    near = ((*codes[:k], code, *codes[k + 1 :]) for k in range(len(codes)) for code in options)  # rules forgive one error
    for row in dict.fromkeys([*sampled, *near]):
        wrong = sum(a != k for a, k in zip(row, codes, strict=True))
        repeated = once and len(set(row)) < len(row)
        weight = float(np.exp(-0.8 * wrong)) * (0.1 if repeated else 1.0)
        yield from _spelled(row, weight, ("", " ") if wrong <= OFTEN_WRONG else ("",))
        if wrong <= OFTEN_WRONG:
            pairs = list(zip(key, row, strict=True))
            yield "".join(f"{left}{a}" for left, a in pairs), 0.15 * weight
            yield "; ".join(f"{left}-{a}" for left, a in pairs), 0.05 * weight


def _sampled(rows: Iterable[tuple[str, ...]], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Return the rows, or so many of them by chance that the search stays short; the first ones always."""
    listed = list(itertools.islice(rows, 50 * MOST_CANDIDATES))
    if len(listed) <= MOST_CANDIDATES:
        return listed
    return [listed[k] for k in np.unique(np.r_[0, rng.choice(len(listed), size=MOST_CANDIDATES, replace=False)])]


def _spelled(codes: Sequence[str], weight: float, marks: Sequence[str]) -> Written:
    """Return the codes joined by each of the marks, the first one being the usual way."""
    rest = 0.2 / max(1, len(marks) - 1)
    return ((mark.join(codes), weight * (rest if k else 0.8)) for k, mark in enumerate(marks))


def _numbers(item: Item, key: str, rng: np.random.Generator) -> Written:
    first, *others = re.split(r"(\s*[±–])", key, maxsplit=1)  # of two numbers the first one is mistaken
    x, rest = float(first), "".join(others).replace(".", ",")
    wrong = [x + 1, x - 1, x + 2, x * 2, x / 2, x * 10, -x, x + float(rng.integers(3, 9))]
    for k, number in enumerate([x, *(w for w in wrong if w != x)]):
        plain = f"{number:.10g}"
        comma = plain.replace(".", ",") + rest
        yield from ((comma, 8.0 / (k + 1)), (plain + rest, 1.0 / (k + 1)))
        if item.unit is not None:
            yield f"{comma} {item.unit.ru}", 1.0 / (k + 1)


def _strings(_: Item, key: str, rng: np.random.Generator) -> Written:
    yield key, 1.0
    for place, old in enumerate(key):
        for new in (s for s in sorted(set(key)) if s != old):
            yield key[:place] + new + key[place + 1 :], float(rng.gamma(2.0))
    for k in range(len(key) - 1):
        yield key[:k] + key[k + 1] + key[k] + key[k + 2 :], 1.0


def _words(item: Item, key: tuple[str, ...], rng: np.random.Generator) -> Written:
    for k, word in enumerate(key):
        for spelled in (word, word.capitalize(), word.upper(), f"{word}.", f" {word} ", word.replace("ё", "е")):
            yield spelled, 1.0 / (k + 1)
    wrong = content("wrong_words")
    for word in wrong.get(item.id, wrong["any"]):
        weight = float(rng.gamma(2.0))
        yield from ((word, weight), (word.capitalize(), 0.3 * weight))


def _ratings(item: Item) -> Written:
    names = [c.id for c in item.rubric]
    for levels in itertools.product(*(range(c.max_score + 1) for c in item.rubric)):
        yield ";".join(map(str, levels)), 0.7
        yield "; ".join(f"{n}={x}" for n, x in zip(names, levels, strict=True)), 0.3


WAYS: Mapping[str, Callable[[Item, Any, np.random.Generator], Written]] = {
    "single": _choices,
    "multiple": _sets,
    "matching": _rows,
    "ordering": _orders,
    "number": _numbers,
    "digits": _strings,
    "text": _words,
}
